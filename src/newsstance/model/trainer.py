"""The `transformers.Trainer` with our loss, learning rates, order of sentences and progress display."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import Dataset, Sampler
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
)
from transformers.trainer_callback import TrainerControl, TrainerState
from transformers.training_args import TrainingArguments

from newsstance.configuration.schema import TrainerConfig
from newsstance.errors import InputError
from newsstance.model.calibration import macro_f1
from newsstance.model.encoder import parameter_groups
from newsstance.model.sampling import LengthGroupedSampler

if TYPE_CHECKING:
    import datasets

LOG = logging.getLogger(__name__)


class StanceTrainer(Trainer):
    """Trains a sequence classification model on float label vectors by a `TrainerConfig`."""

    def __init__(self, *, recipe: TrainerConfig, **options: Any) -> None:
        self.recipe = recipe
        super().__init__(
            compute_metrics=validation_metrics,
            compute_loss_func=self.weighted_loss,
            callbacks=[EarlyStoppingCallback(recipe.patience), ProgressMessages()],
            **options,
        )
        self.remove_callback(PrinterCallback)

    def weighted_loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        """Binary cross-entropy over all labels, a present label weighing ``positive_weight`` times an absent one."""
        weight = torch.full((labels.shape[-1],), self.recipe.positive_weight, device=labels.device)
        return binary_cross_entropy_with_logits(outputs["logits"].float(), labels.float(), pos_weight=weight)

    def create_optimizer(self, *_: Any) -> torch.optim.Optimizer:
        """AdamW with the learning rates of encoder and head."""
        if self.optimizer is None:
            groups = parameter_groups(
                cast(PreTrainedModel, self.model),
                learning_rate=self.recipe.learning_rate,
                head_learning_rate=self.recipe.head_learning_rate,
                weight_decay=self.recipe.weight_decay,
            )
            self.optimizer = torch.optim.AdamW(groups, fused=True)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        rows = cast("datasets.Dataset", self.train_dataset)
        return LengthGroupedSampler(
            [len(ids) for ids in rows["input_ids"]],
            self.args.train_batch_size,
            self.args.seed,
            labelled=[any(labels) for labels in rows["labels"]],
            unlabelled_share=self.recipe.unlabelled_share,
        )


def validation_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Macro-F1 at 0.5 of the validation split, from logits (n, 3) and labels (n, 3)."""
    logits = np.asarray(prediction.predictions)
    return {"macro_f1": macro_f1(np.asarray(prediction.label_ids).astype(int), logits, threshold=0.0)}


class ProgressMessages(TrainerCallback):
    """One line an evaluation, for logs and terminals alike; stops at a loss that is not a number."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.first_step = 0
        self.loss = float("nan")

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Note where a resumed run starts, for the rate."""
        self.started, self.first_step = time.monotonic(), state.global_step
        LOG.info("training: %d steps", state.max_steps)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **event: Any) -> None:
        """Keep the newest loss."""
        logs: dict[str, float] = event.get("logs") or {}
        self.loss = logs.get("loss", self.loss)
        if "loss" in logs and not np.isfinite(logs["loss"]):
            raise InputError(
                f"training diverged at step {state.global_step} (loss {logs['loss']}): lower trainer.learning_rate"
            )

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **event: Any) -> None:
        """Say how far training is and how good the model."""
        seconds = time.monotonic() - self.started
        done = max(1, state.global_step - self.first_step)
        LOG.info(
            "step %d/%d  loss %.3f  validation macro-F1 %.3f  %.0f s left",
            state.global_step,
            state.max_steps,
            self.loss,
            event.get("metrics", {}).get("eval_macro_f1", float("nan")),
            seconds / done * (state.max_steps - state.global_step),
        )
