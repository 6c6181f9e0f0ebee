"""The `transformers.Trainer` with our loss, learning rates, order of sentences and progress display."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader
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

from newsstance.configuration.groups import TrainerConfig
from newsstance.errors import DivergedError
from newsstance.model.adapter import cut_to_rank
from newsstance.model.calibration import macro_f1
from newsstance.model.encoder import parameter_groups
from newsstance.model.first_token import last_layer_for_first_token
from newsstance.model.sampling import LengthGroupedBatches
from newsstance.model.watching import ProgressMessages, Watcher

if TYPE_CHECKING:
    import datasets

    from newsstance.model.adapter import Matrices

LOG = logging.getLogger(__name__)


class StanceTrainer(Trainer):
    """Trains a sequence classification model on float label vectors by a `TrainerConfig`."""

    _share = 1.0
    """Of the step's sentences, how many are in the pass that is being computed."""

    def __init__(
        self,
        *,
        recipe: TrainerConfig,
        always: Sequence[bool] | None = None,
        final: Sequence[bool] | None = None,
        watch: Callable[[int, float], None] | None = None,
        **options: Any,
    ) -> None:
        self.recipe = recipe
        self.always = always
        self.final = final
        self.messages = ProgressMessages()
        watchers = [Watcher(watch)] if watch else []
        super().__init__(
            compute_metrics=validation_metrics,
            compute_loss_func=self.weighted_loss,
            callbacks=[EarlyStoppingCallback(recipe.patience), StaysStopped(), self.messages, *watchers],
            **options,
        )
        self.remove_callback(PrinterCallback)

    def train(self, *arguments: Any, **options: Any) -> Any:
        """Train as `Trainer.train` does; the bar goes when training ends, whatever way."""
        try:
            with last_layer_for_first_token(cast(PreTrainedModel, self.model)):
                return super().train(*arguments, **options)
        finally:
            self.messages.bar.stop()

    def weighted_loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        """Binary cross-entropy over all labels, a present label weighing ``positive_weight`` times an absent one."""
        weight = torch.full((labels.shape[-1],), self.recipe.positive_weight, device=labels.device)
        return binary_cross_entropy_with_logits(outputs["logits"].float(), labels.float(), pos_weight=weight)

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """One step, in as many passes as ``max_tokens_per_pass`` asks for; returns the loss of the whole."""
        loss = torch.zeros((), device=self.args.device)
        for part, share in self._passes(inputs):
            self._share = share
            loss = loss + super().training_step(model, part, num_items_in_batch)
        return loss

    def _passes(self, inputs: dict[str, Any]) -> Iterator[tuple[dict[str, Any], float]]:
        """The inputs of each pass, and its share of the sentences."""
        sentences, tokens = inputs["input_ids"].shape
        cost = tokens * (2 if self.recipe.consistency_weight else 1)
        passes = min(sentences, math.ceil(sentences * cost / self.recipe.max_tokens_per_pass))
        if passes <= 1 or self.args.world_size > 1:  # the passes of one process would wait for those of another
            yield inputs, 1.0
            return
        for rows in np.array_split(np.arange(sentences), passes):
            first, behind = int(rows[0]), int(rows[-1]) + 1
            yield {name: values[first:behind] for name, values in inputs.items()}, len(rows) / sentences

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The weighted loss; in training with a ``consistency_weight``, that of two passes and of their difference.

        R-Drop (Liang et al. 2021, https://arxiv.org/abs/2106.14448): each sentence is read twice under other dropout
        masks, and the symmetric Kullback-Leibler divergence of the two answers is added to the loss.
        """
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss, outputs = self._training_loss(model, inputs)
        return (self._share * loss, outputs) if return_outputs else self._share * loss

    def _training_loss(self, model: torch.nn.Module, inputs: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        if not self.recipe.consistency_weight:
            return cast("tuple[torch.Tensor, Any]", super().compute_loss(model, inputs, return_outputs=True))
        twice = {name: torch.cat([values, values]) for name, values in inputs.items()}
        labels = twice.pop("labels")
        outputs = model(**twice)
        first, second = outputs["logits"].float().chunk(2)
        # (KL(p|q) + KL(q|p)) / 2 of two Bernoulli distributions, in closed form
        difference = 0.5 * ((torch.sigmoid(first) - torch.sigmoid(second)) * (first - second)).mean()
        return self.weighted_loss(outputs, labels) + self.recipe.consistency_weight * difference, outputs

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

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The batches of this process, which need no sharding by `accelerate`."""
        rows = cast("datasets.Dataset", self.train_dataset)
        batches = LengthGroupedBatches(
            [len(ids) for ids in rows["input_ids"]],
            self.recipe.batch_size,
            self.args.seed,
            always=self.always,
            others_share=self.recipe.negative_share,
            final=self.final,
            final_from=math.ceil(self.recipe.epochs) - self.recipe.final_epochs if self.recipe.final_epochs else None,
            processes=self.args.world_size,
            rank=self.args.process_index,
        )
        self.add_callback(SetEpoch(batches))
        used = self._remove_unused_columns(rows, description="training")
        return DataLoader(
            used, batch_sampler=batches, collate_fn=self.data_collator, pin_memory=self.args.dataloader_pin_memory
        )


class StaysStopped(TrainerCallback):
    """Keeps nothing of a training that goes on from a checkpoint at which it had stopped.

    `Trainer` forgets that it had, and looks for a sign to stop after a step only: that step is neither evaluated nor
    saved, and the best checkpoint is loaded as if it had not been.
    """

    def __init__(self) -> None:
        self.has_stopped = False

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Look into the state of the checkpoint; a fresh training has said nothing of its end."""
        saved = cast(dict[str, Any], state.stateful_callbacks).get(TrainerControl.__name__, {})
        self.has_stopped = bool(saved.get("args", {}).get("should_training_stop"))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Stop, and keep nothing."""
        if self.has_stopped:
            control.should_training_stop = True
            control.should_evaluate = control.should_save = control.should_log = False


class KeepLowRank(TrainerCallback):
    """Cuts the changes of the block matrices to the adapter's rank before each evaluation and checkpoint.

    Training goes on from the cut model and makes up for what was lost; what is measured and chosen is what is written.
    """

    def __init__(self, before: Matrices, rank: int) -> None:
        self.before = before
        self.rank = rank

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, *, model: Any = None, **_: Any
    ) -> None:
        """Cut, where an evaluation or a checkpoint follows."""
        if control.should_evaluate or control.should_save:
            if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters() if weight.requires_grad):
                raise DivergedError(f"training diverged at step {state.global_step}: lower trainer.learning_rate")
            kept = cut_to_rank(model, self.before, self.rank)
            LOG.debug("step %d: cut to rank %d, keeps %.1f%% of the change", state.global_step, self.rank, 100 * kept)


class SetEpoch(TrainerCallback):
    """Tells the batches which epoch it is, also in a run that was resumed in its middle."""

    def __init__(self, batches: LengthGroupedBatches) -> None:
        self.batches = batches

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Count the epochs by the steps: ``state.epoch`` is rounded."""
        self.batches.set_epoch(state.global_step // len(self.batches))


def validation_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Macro-F1 at 0.5 of the validation split, from logits (n, 3) and labels (n, 3)."""
    logits = np.asarray(prediction.predictions)
    return {"macro_f1": macro_f1(np.asarray(prediction.label_ids).astype(int), logits, threshold=0.0)}
