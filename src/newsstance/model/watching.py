"""How training is watched: a bar on the terminal, a log line an evaluation, and whoever else wants to know."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import TrainerControl, TrainerState
from transformers.training_args import TrainingArguments

from newsstance.errors import DivergedError
from newsstance.progress import Bar

LOG = logging.getLogger(__name__)


class ProgressMessages(TrainerCallback):
    """One log line an evaluation, a bar on a terminal; stops at a loss that is not a number."""

    def __init__(self) -> None:
        self.bar = Bar()
        self.started = time.monotonic()
        self.first_step = 0
        self.loss = self.macro_f1 = math.nan

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Note where a resumed run starts, for the rate."""
        self.started, self.first_step = time.monotonic(), state.global_step
        if state.is_world_process_zero:
            together = f" in {args.world_size} processes" if args.world_size > 1 else ""
            LOG.info("training: %d steps%s", state.max_steps, together)
            self.bar.start()
            self._show(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the bar."""
        self._show(state)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **event: Any) -> None:
        """Keep the newest loss."""
        logs: dict[str, float] = event.get("logs") or {}
        self.loss = logs.get("loss", self.loss)
        if "loss" in logs and not math.isfinite(logs["loss"]):
            raise DivergedError(
                f"training diverged at step {state.global_step} (loss {logs['loss']}): lower trainer.learning_rate"
            )

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **event: Any) -> None:
        """Say how far training is and how good the model."""
        self.macro_f1 = event.get("metrics", {}).get("eval_macro_f1", math.nan)
        if state.is_world_process_zero:
            with self.bar.aside():
                LOG.info(
                    "step %d/%d%s  validation macro-F1 %.3f  %.0f s left",
                    state.global_step,
                    state.max_steps,
                    f"  loss {self.loss:.3f}" if math.isfinite(self.loss) else "",  # a short training has told none yet
                    self.macro_f1,
                    self._seconds_left(state),
                )

    def _seconds_left(self, state: TrainerState) -> float:
        done = max(1, state.global_step - self.first_step)
        return (time.monotonic() - self.started) / done * (state.max_steps - state.global_step)

    def _show(self, state: TrainerState) -> None:
        if not self.bar.is_shown:
            return
        parts = [f"step {state.global_step}/{state.max_steps}"]
        if math.isfinite(self.loss):
            parts.append(f"loss {self.loss:.3f}")
        if math.isfinite(self.macro_f1):
            parts.append(f"validation F1 {self.macro_f1:.3f}")
        if state.global_step > self.first_step:
            parts.append(f"{_clock(self._seconds_left(state))} left")
        self.bar.show("  ".join(parts), state.global_step / max(1, state.max_steps))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


class Watcher(TrainerCallback):
    """Passes the number of each evaluation (from 1) and its macro-F1 on; what ``watch`` raises ends the training."""

    def __init__(self, watch: Callable[[int, float], None]) -> None:
        self.watch = watch

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **event: Any) -> None:
        """Pass it on."""
        self.watch(math.ceil(state.global_step / float(args.eval_steps or 1)), event["metrics"]["eval_macro_f1"])
