"""Fine-tuning: from the splits of a corpus to a model folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from newsstance.corpus.soft_labels import SOFT_LABELS
from newsstance.errors import DivergedError, InputError
from newsstance.model import adapter
from newsstance.model.adapter import block_matrices, save_adapter
from newsstance.model.arguments import training_arguments
from newsstance.model.calibration import calibrate, fold_calibration, macro_f1, output_layer
from newsstance.model.checkpoints import (
    CHECKPOINTS,
    check_folder,
    full_disk_named,
    last_checkpoint,
    prepare_checkpoints,
    remove_broken,
    remove_checkpoints,
)
from newsstance.model.classifier import StanceClassifier
from newsstance.model.cpu import primitives_kept
from newsstance.model.encoder import drops_out, freeze, freeze_all_but_matrices, load_encoder
from newsstance.model.metadata import FILE_NAME, ModelMetadata
from newsstance.model.processes import rank
from newsstance.model.processor import use_all_cores
from newsstance.model.targets import indicators, training_targets
from newsstance.model.tracking import prepare_tracker, tracker_closed
from newsstance.model.training_job import (
    Splits,
    TrainingJob,
    check_job,
    final_sentences,
    of_final_epochs,
    seen_every_epoch,
)
from newsstance.provenance import code_revision, library_versions
from newsstance.stances import LabelledSentence

if TYPE_CHECKING:
    from datasets import DatasetDict
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from newsstance.model.adapter import Matrices

LOG = logging.getLogger(__name__)

ADAPTER = "adapter"
CARD = "README.md"
ADAPTER_FILES = {adapter.CONFIG_FILE, adapter.WEIGHTS_FILE, FILE_NAME, CARD}

KEPT_PRIMITIVES = 64
"""Those of a few steps."""


def train(
    job: TrainingJob,
    folder: Path,
    watch: Callable[[int, float], None] | None = None,
    *,
    tracked_in: Path | None = None,
) -> StanceClassifier:
    """Fine-tune ``job.encoder`` and write the model to ``folder``.

    A job that was interrupted goes on from its last checkpoint in ``folder`` and reaches the same result; a folder that
    already holds the model of this job is loaded and nothing is trained. Where several processes train together, each
    returns the model and the first one writes it.

    Args:
        job: What to train.
        folder: Receives the model.
        watch: Called with the number of each evaluation and its macro-F1; what it raises ends the training.
        tracked_in: Receives what a tracker writes; None for ``folder``.

    Raises:
        InputError: On an encoder that cannot be loaded, or splits that cannot be trained on.
        DivergedError: Where the loss is no longer a number.
        OSError: Where the disk is full.
    """
    if is_trained(job, folder):
        LOG.info("model %s: unchanged config and data, reusing it", folder)
        if rank() == 0:
            remove_checkpoints(folder)  # of a run that was killed behind its end
        return StanceClassifier.from_pretrained(folder)
    check_job(job)
    check_folder(folder, ADAPTER_FILES)
    from transformers import set_seed

    set_seed(job.seed)  # the head is drawn when the encoder is loaded
    use_all_cores()
    model, tokenizer = load_encoder(job.encoder, job.trainer.attention_dropout, job.trainer.hidden_dropout)
    if output_layer(model).bias is None:
        raise InputError(f"encoder={job.encoder.name}: its head has no bias, which calibration needs (as GPT-2)")
    freeze(model, embeddings=job.trainer.freeze_embeddings, layers=job.trainer.freeze_layers)
    if job.trainer.matrices_only:
        freeze_all_but_matrices(model)
    if job.trainer.consistency_weight and not drops_out(model):
        raise InputError(
            f"trainer.consistency_weight={job.trainer.consistency_weight}: compares two dropout masks, and there is no "
            "dropout: give trainer.hidden_dropout=0.1, or trainer.consistency_weight=0"
        )
    goes_on = job.base_encoder != job.encoder
    before = block_matrices(load_encoder(job.base_encoder)[0] if goes_on and job.trainer.adapter_rank else model)
    _run_trainer(job, model, tokenizer, before, folder, watch=watch, tracked_in=tracked_in or folder)
    classifier = finish(job, model, tokenizer)
    if rank() == 0:
        with full_disk_named(folder):
            save(job, classifier, before, folder)
            remove_checkpoints(folder)
    return classifier


def save(job: TrainingJob, classifier: StanceClassifier, before: Matrices, folder: Path) -> None:
    """Write the model, and its adapter where the job asks for one.

    Args:
        job: What was trained.
        classifier: The model, from `finish`.
        before: The encoder's matrices before training.
        folder: Receives both.
    """
    cut, metadata = job.trainer.adapter_rank, classifier.metadata
    (folder / FILE_NAME).unlink(missing_ok=True)  # of a former model: it must not speak for these weights
    shutil.rmtree(folder / ADAPTER, ignore_errors=True)
    if is_our_card(folder / CARD):
        (folder / CARD).unlink()  # of a former model, too
    if cut is not None and metadata is not None:
        place = folder / ADAPTER
        save_adapter(classifier.model, before, place, rank=cut, encoder=job.base_encoder, metadata=metadata)
    classifier.save_pretrained(folder)


def is_trained(job: TrainingJob, folder: Path) -> bool:
    """Whether ``folder`` holds the complete model of this very job."""
    metadata = ModelMetadata.load(folder)
    return metadata is not None and metadata.key == job.key


def _run_trainer(
    job: TrainingJob,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    before: Matrices,
    folder: Path,
    *,
    watch: Callable[[int, float], None] | None,
    tracked_in: Path,
) -> None:
    from newsstance.model.sampling import sentences_an_epoch
    from newsstance.model.trainer import KeepLowRank, StanceTrainer

    always = seen_every_epoch(job)
    datasets = tokenize_splits(job.splits, tokenizer, job.trainer.soft_label_weight)
    checkpoints = folder / CHECKPOINTS
    report_to = prepare_tracker(job.tracker, tracked_in)
    arguments = training_arguments(
        job.trainer,
        checkpoints,
        sentences=sentences_an_epoch(always, job.trainer.negative_share),
        seed=job.seed,
        report_to=report_to,
        run_name=f"{job.tracker.project}-{job.key}",
    )
    with arguments.main_process_first(local=False):
        if rank() == 0:
            prepare_checkpoints(folder, job.key)
    trainer = StanceTrainer(
        model=model,
        args=arguments,
        train_dataset=datasets["train"],
        eval_dataset=datasets["validation"].select(of_final_epochs(job, "validation").nonzero()[0]),
        processing_class=tokenizer,
        recipe=job.trainer,
        always=always,
        final=of_final_epochs(job, "train").tolist(),
        watch=watch,
    )
    if job.trainer.adapter_rank is not None:
        trainer.add_callback(KeepLowRank(before, job.trainer.adapter_rank))
    last = last_checkpoint(checkpoints)
    if last and rank() == 0:
        LOG.info("going on from %s", last)
    with tracker_closed(job.tracker):
        try:
            with full_disk_named(folder), primitives_kept(KEPT_PRIMITIVES):
                trainer.train(resume_from_checkpoint=str(last) if last else None)
        except BaseException:
            if rank() == 0:
                remove_broken(checkpoints)
            raise
    trainer.accelerator.wait_for_everyone()
    # In bf16 it has wrapped ``forward``: the model would go on rounding, and be calibrated so.
    trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)


def tokenize_splits(splits: Splits, tokenizer: PreTrainedTokenizerBase, soft_label_weight: float = 0.0) -> DatasetDict:
    """The splits, tokenized: input_ids, attention_mask (and token_type_ids), labels (3 floats).

    The labels of the training split are its `training_targets`; those of the others are 0 or 1.
    """
    from newsstance.corpus.dataset import to_dataset_dict

    dataset = to_dataset_dict(splits)
    columns = [name for name in next(iter(dataset.values())).column_names if name != "labels"]

    def tokenize(batch: dict[str, Any]) -> Any:
        return tokenizer(batch["text"], truncation=True, max_length=int(tokenizer.model_max_length))

    tokenized = dataset.map(tokenize, batched=True, remove_columns=columns, load_from_cache_file=False, desc=None)
    if any(SOFT_LABELS in sentence.extra for sentence in splits["train"]):
        labels = tokenized["train"].features["labels"]
        targets = training_targets(splits["train"], soft_label_weight).tolist()
        tokenized["train"] = tokenized["train"].remove_columns("labels").add_column("labels", targets, feature=labels)
    return tokenized


def finish(job: TrainingJob, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> StanceClassifier:
    """Calibrate a trained model on the job's validation sentences, and describe it.

    Raises:
        DivergedError: Where its scores are no numbers.
    """
    classifier = StanceClassifier(model, tokenizer)
    validation = final_sentences(job, "validation")
    scores = classifier.predict_proba([sentence.text for sentence in validation])
    if not np.isfinite(scores).all():  # the last steps broke the weights, and no loss was computed after them
        raise DivergedError("training diverged in its last steps: lower trainer.learning_rate")
    natural = _of_natural_density(validation)
    gold = indicators(validation)
    calibration = calibrate(gold[natural], scores[natural])
    fold_calibration(model, calibration)
    metadata = ModelMetadata(
        model_id=f"{Path(job.base_encoder.name).name}-{job.key[:8]}",
        key=job.key,
        encoder=job.base_encoder.name,
        max_tokens=int(tokenizer.model_max_length),
        calibration={"scale": _rounded(calibration.scale), "shift": _rounded(calibration.shift)},
        data_hash=job.data_hash,
        config=job.config,
        code_revision=code_revision(),
        libraries=library_versions(),
        figures={
            "validation_macro_f1": round(macro_f1(gold, calibration.apply(scores)), 4),
            "sentences": {name: len(part) for name, part in job.splits.items()},
        },
    )
    return StanceClassifier(model, tokenizer, metadata=metadata)


def _of_natural_density(sentences: Sequence[LabelledSentence]) -> np.ndarray:
    """Which sentences were not picked or written for their likely stances; all, if too few of a label stay."""
    # A table without types says it in words.
    mask = np.array([str(sentence.extra.get("picked", False)).lower() not in {"true", "1"} for sentence in sentences])
    enough = (indicators(sentences)[mask].sum(axis=0) >= _ENOUGH_TO_CALIBRATE).all()
    return mask if enough else np.ones_like(mask)


_ENOUGH_TO_CALIBRATE = 20


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]


def is_our_card(path: Path) -> bool:
    """Whether ``path`` is a model card that newsstance has filled in, and not the user's own."""
    try:
        return "training key" in path.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return False
