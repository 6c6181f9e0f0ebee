"""Our recipe in the words of `transformers.TrainingArguments`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from newsstance.configuration.groups import TrainerConfig
from newsstance.model.processes import processes
from newsstance.model.processor import uses_bf16

if TYPE_CHECKING:
    from transformers import TrainingArguments


def training_arguments(
    recipe: TrainerConfig, checkpoints: Path, *, sentences: int, seed: int, report_to: str, run_name: str
) -> TrainingArguments:
    """The arguments of one training.

    Args:
        recipe: The recipe.
        checkpoints: Folder of the checkpoints.
        sentences: Sentences that one epoch sees.
        seed: Seed of order and dropout.
        report_to: The tracker, in the words of `transformers`.
        run_name: Name of the run at the tracker.
    """
    import torch
    from transformers import TrainingArguments

    from newsstance.model.sampling import steps_an_epoch

    steps_per_epoch = steps_an_epoch(sentences, recipe.batch_size, processes())
    interval = max(1, int(steps_per_epoch / recipe.evaluations_per_epoch))
    total = recipe.max_steps if recipe.max_steps > 0 else round(steps_per_epoch * recipe.epochs)
    return TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.max_steps,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        warmup_steps=round(recipe.warmup_share * total),
        per_device_train_batch_size=recipe.batch_size // processes(),
        per_device_eval_batch_size=64,
        bf16=uses_bf16(recipe.precision, "cuda" if torch.cuda.is_available() else "cpu"),
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        eval_strategy="steps",
        eval_steps=interval,
        save_strategy="steps",
        save_steps=interval,
        save_total_limit=2,
        restore_callback_states_from_checkpoint=True,  # patience goes on counting in a run that was resumed
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        logging_steps=max(1, interval // 4),
        logging_nan_inf_filter=False,
        average_tokens_across_devices=False,  # our loss is a mean over equal shares of the batch
        seed=seed,
        data_seed=seed,
        report_to=report_to,
        run_name=run_name,
        disable_tqdm=True,  # ProgressMessages has a bar of its own
    )
