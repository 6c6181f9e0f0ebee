"""The config groups as typed dataclasses: one a group, and what it is made of.

The YAML files under ``configs/GROUP/`` give the values, these classes the keys and types: whatever Hydra composes is
merged into them, so that an unknown key or a wrong type is an error before any work starts.

A class with a ``SHORTHAND`` can be given by one word or path on the command line: ``corpus=my.jsonl`` is short for
``corpus=custom 'corpus.paths=[my.jsonl]'``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from omegaconf import MISSING

GROUPS = (
    "corpus",
    "encoder",
    "trainer",
    "tracker",
    "hparams_search",
    "evaluation",
    "backend",
    "reader",
    "labeller",
    "engine",
)
"""The config groups that hold settings; no command has all of them."""


class Precision(Enum):
    """Number format of the encoder's matrix products."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    int8 = "int8"


class Neighbours(Enum):
    """What near neighbours of an error are alike in: words, or the embeddings of a frozen encoder; or no neighbours."""

    tfidf = "tfidf"
    embeddings = "embeddings"
    none = "none"


class InputFormat(Enum):
    """Format of the files that articles are read from; ``auto`` goes by the file's name, then by its first bytes."""

    auto = "auto"
    text = "text"
    html = "html"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    warc = "warc"


class OutputFormat(Enum):
    """Format of predictions and labels on disk."""

    jsonl = "jsonl"
    parquet = "parquet"


@dataclass
class SplitConfig:
    """How a corpus is split: by article, stratified by label, fixed by seed.

    Attributes:
        validation_share: Share of the articles used to stop training and to set the threshold.
        test_share: Share of the articles that only measures.
        seed: Seed of the split, not of the training, so that runs with other training seeds share their test split.
        near_duplicate: Articles that share a sentence of this similarity (see `corpus.duplicates`) stay together;
            0 for never.
    """

    validation_share: float = 0.1
    test_share: float = 0.1
    seed: int = 0
    near_duplicate: float = 0.8


@dataclass
class CorpusConfig:
    """Labelled sentences to train or measure on (group ``corpus``).

    Attributes:
        name: Name of the corpus in reports.
        paths: Files, folders or globs of JSONL, CSV or Parquet records; or data sets of the Hugging Face hub, as
            ``hf://datasets/ORG/NAME`` or ``hf://datasets/ORG/NAME@REVISION``.
        columns: Corpus field (doc, i, text, labels, stances, context) → column of the files, where they differ.
        label_map: Label of the files → stance label, or null to drop it, where they differ.
        if_missing: How the user comes by the files, for the error where they are not there.
        hub_config: Configuration of a hub data set, where it has several.
        hub_split: Split of a hub data set, e.g. ``test`` or ``train[:10%]``; null for all of them.
        soft_labels: Parquet file with the scores of other models for these sentences, as ``newsstance cross-predict``
            writes it; training mixes them into the labels by ``trainer.soft_label_weight``.
        unlabelled: Files, folders or globs of sentences that nobody has labelled; those that ``soft_labels`` knows join
            the training split, and are trained towards its scores alone.
        split: How it is split.
    """

    SHORTHAND: ClassVar[str] = "paths"

    name: str = "custom"
    paths: list[str] = MISSING
    columns: dict[str, str] = field(default_factory=dict)
    label_map: dict[str, str | None] = field(default_factory=dict)
    if_missing: str = ""
    hub_config: str | None = None
    hub_split: str | None = None
    soft_labels: str | None = None
    unlabelled: list[str] = field(default_factory=list)
    split: SplitConfig = field(default_factory=SplitConfig)


@dataclass
class EncoderConfig:
    """The pretrained transformer that is fine-tuned (group ``encoder``).

    Attributes:
        name: Hub id or local folder of the encoder.
        package: Python package that carries the encoder's files; used before the hub when it is installed.
        revision: Branch, tag or commit on the hub.
        max_tokens: Longest input in tokens; longer sentences are read in overlapping windows.
    """

    SHORTHAND: ClassVar[str] = "name"

    name: str = MISSING
    package: str | None = None
    revision: str | None = None
    max_tokens: int = 128


@dataclass
class TrainerConfig:
    """The fine-tuning recipe (group ``trainer``).

    Attributes:
        epochs: Passes over the training split.
        learning_rate: Peak learning rate of the encoder.
        head_learning_rate: Peak learning rate of pooler and classification head.
        weight_decay: AdamW's weight decay.
        warmup_share: Share of the steps in which the learning rate rises.
        batch_size: Sentences a step.
        max_tokens_per_pass: A step whose sentences have more tokens, padding included (and twice with
            ``consistency_weight``), is computed in several passes whose gradients add up, so that memory stays bounded.
            Only in one process: several divide the step among them.
        negative_share: Share of the sentences without a stance (and of those nobody has labelled) that an epoch sees,
            another share each time.
        hard_negative_score: Sentences without a stance whose soft labels (``corpus.soft_labels``) reach this score, or
            that have none, are seen in every epoch, whatever ``negative_share``; null: treated as the others.
        positive_weight: Weight of a present label against an absent one in the loss.
        soft_label_weight: Share of the soft labels of ``corpus.soft_labels`` in what the model is trained towards, for
            sentences that have some; the rest are the labels themselves. Distils a larger model, or several, into this
            one.
        consistency_weight: Weight of the difference between two passes with other dropout masks (R-Drop); above 0
            each step computes every sentence twice.
        freeze_embeddings: Leave the embeddings as they are.
        freeze_layers: Leave this many of the lowest encoder layers as they are.
        matrices_only: Train the encoder's weight matrices and the head, and leave biases and norms as they are: what an
            adapter can hold.
        final_epochs: In so many last epochs only the sentences whose record has ``final_field`` are drawn, as many an
            epoch as before (so with more of those without a stance, and repeated where they are too few); of the
            validation split only those are scored and calibrated on. 0: all sentences throughout.
        final_field: The extra field that marks them; sentences of real news have ``corpus``.
        adapter_rank: Cut the changes of the weight matrices to this rank on average before each evaluation, those that
            change more to a higher one, and write them as a LoRA adapter beside the model; needs matrices_only. Null:
            no adapter.
        attention_dropout: Dropout of the attention weights; 0 lets a CPU use its fused attention.
        hidden_dropout: Dropout of the hidden states; null: what the encoder's own config says (0.1, mostly). Drawing
            the masks takes a tenth of a step on a CPU, and in a short training there is little to gain from them.
        precision: Number format of the matrix products; auto takes bf16 where the processor has it.
        evaluations_per_epoch: How often the validation split is scored (and a checkpoint written); 0.5 for every other
            epoch.
        patience: Evaluations without a better validation macro-F1 before training stops.
        max_steps: Stop after so many steps; -1 for no limit.
    """

    epochs: float = 3
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_share: float = 0.1
    batch_size: int = 32
    max_tokens_per_pass: int = 4096
    negative_share: float = 1.0
    hard_negative_score: float | None = None
    positive_weight: float = 1.0
    soft_label_weight: float = 0.0
    consistency_weight: float = 0.0
    freeze_embeddings: bool = True
    freeze_layers: int = 0
    matrices_only: bool = False
    final_epochs: int = 0
    final_field: str = "corpus"
    adapter_rank: int | None = None
    attention_dropout: float = 0.0
    hidden_dropout: float | None = None
    precision: Precision = Precision.auto
    evaluations_per_epoch: float = 2
    patience: int = 4
    max_steps: int = -1


@dataclass
class EvaluationConfig:
    """What an evaluation computes (group ``evaluation``).

    Attributes:
        baselines: Baselines scored on the same sentences: majority, rules, tfidf, embeddings, setfit.
        threshold: Score from which a label counts as predicted.
        resamples: Bootstrap resamples of the articles behind each interval.
        cost_of_false_alarm: Cost of a label predicted where there is none, in the threshold sweep.
        cost_of_miss: Cost of a label not found, in the threshold sweep.
        min_slice_support: Gold labels that a slice needs to be judged.
        behaviour: Also run the behaviour suite.
        error_analysis: Also sort and explain the errors.
        examples: Rows shown of each kind of error in the report.
        neighbours: How near neighbours of the errors are looked up in the training corpus.
        attribute: Sentences to attribute the scores of to their words: ``DOC:I`` of a measured sentence, or a text.
        attribute_errors: Of so many of the surest errors as well; needs ``error_analysis``.
        embedder: Encoder of embeddings (its states are mean-pooled), for the baselines embeddings and setfit, and for
            near neighbours.
        embeddings_sentences: Training sentences that the baseline embeddings learns from, whole articles drawn at
            random: encoding all of them would take minutes on a CPU.
        setfit_per_label: Training sentences of each label (and of none) that SetFit learns from.
        nli_model: Folder or hub id of an NLI model: adds the baseline nli; null for none.
        llm_base_url: OpenAI-compatible endpoint, e.g. ``http://localhost:8000/v1``: adds the baseline llm, which sends
            every sentence there; null for none.
        llm_model: Name of the model at that endpoint.
    """

    baselines: list[str] = field(default_factory=list)
    threshold: float = 0.5
    resamples: int = 2000
    cost_of_false_alarm: float = 1.0
    cost_of_miss: float = 1.0
    min_slice_support: int = 10
    behaviour: bool = True
    error_analysis: bool = True
    examples: int = 50
    neighbours: Neighbours = Neighbours.tfidf
    attribute: list[str] = field(default_factory=list)
    attribute_errors: int = 0
    embedder: EncoderConfig = field(default_factory=EncoderConfig)
    embeddings_sentences: int = 4000
    setfit_per_label: int = 32
    nli_model: str | None = None
    llm_base_url: str | None = None
    llm_model: str | None = None


@dataclass
class GateConfig:
    """What a model must reach for ``newsstance evaluate`` to succeed; null asks nothing.

    Attributes:
        macro_f1: Lowest macro-F1.
        exact_match: Lowest share of sentences with exactly the right labels.
        f1: Label → lowest F1.
        ece: Highest expected calibration error of any label.
        regression: How far macro-F1 may lie below that of the evaluation ``baseline``.
        intervals: Hold the worse end of each 95% interval against the bounds instead of the figure itself.
    """

    macro_f1: float | None = None
    exact_match: float | None = None
    f1: dict[str, float | None] = field(default_factory=dict)
    ece: float | None = None
    regression: float | None = None
    intervals: bool = False


@dataclass
class BackendConfig:
    """What runs the model at inference (group ``backend``).

    Attributes:
        name: The runtime: torch, onnxruntime or openvino; auto for the fastest one that is installed, that the model
            was exported for, and that gave torch's scores in the check of the export, else torch.
        precision: Number format of the matrix products: fp32, bf16 or int8; auto for the fastest one that is sound.
        max_tokens_per_batch: Token budget of a batch, padding included; null for what is fastest on the runtime and in
            the precision.
        first_pass: Give sentences that cannot carry a stance by their words alone a constant score and skip the model
            for them; needs ``newsstance export first_pass=true``.
    """

    name: str = "torch"
    precision: Precision = Precision.fp32
    max_tokens_per_batch: int | None = None
    first_pass: bool = False


@dataclass
class ReaderConfig:
    """How articles are read (group ``reader``).

    Attributes:
        format: Format of the input files.
        encoding: Text encoding; null detects it (UTF-8 first).
        max_record_mb: Largest article after decompression, in MB; larger ones are rejected.
        columns: Article field (id, title, text, html, url, published, sentence, context) → column of the files, where
            they differ.
        score_title: Put the title of a row before its text, to score it too; offsets then count in both together.
        workers: Processes that find the text of web pages; 0 for none but this one, null for as many as cores, where
            there are several.
        workers_after: Pages that the main process reads before it starts them. The commands start them at once; code
            that reads a few pages is spared the start, for which a script has to be guarded by
            ``if __name__ == "__main__":``.
        timeout: Seconds that a worker may take for one web page.
    """

    format: InputFormat = InputFormat.auto
    encoding: str | None = None
    max_record_mb: float = 64
    columns: dict[str, str] = field(default_factory=dict)
    score_title: bool = False
    workers: int | None = None
    workers_after: int = 16
    timeout: float = 60


@dataclass
class TrackerConfig:
    """Where training reports its progress (group ``tracker``).

    Attributes:
        name: none, tensorboard, mlflow or wandb.
        project: Project or experiment name at the tracker.
    """

    name: str = "none"
    project: str = "newsstance"


@dataclass
class RangeConfig:
    """The values that a search may give one key of ``trainer``: choices, or all from low to high.

    Attributes:
        low: Lowest value; of a key that takes integers, integers are drawn.
        high: Highest value.
        log: Draw evenly between the logarithms of low and high.
        choices: The values themselves, instead of low and high.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: list[Any] = field(default_factory=list)


@dataclass
class SearchConfig:
    """A search for a better recipe (group ``hparams_search``).

    Attributes:
        name: none or optuna.
        trials: Trainings, those that were stopped early included; a search that is repeated with more goes on.
        space: Key of ``trainer`` → the values it may get; null: leave the key as the recipe has it.
        startup_trials: Trials that are drawn at random, and that none is stopped early before.
        warmup_evaluations: Evaluations of a trial before it may be stopped early.
    """

    name: str = "none"
    trials: int = 20
    space: dict[str, RangeConfig | None] = field(default_factory=dict)
    startup_trials: int = 5
    warmup_evaluations: int = 1


@dataclass
class LabellerConfig:
    """Who labels unlabelled articles (group ``labeller``).

    Attributes:
        name: rules or model.
        rules: A rule file of your own, for ``labeller=rules``; null for the shipped one.
        model: The model that labels, for ``labeller=model``: shipped, latest, a folder or a hub id.
    """

    name: str = "rules"
    rules: str | None = None
    model: str = "shipped"


@dataclass
class OutputConfig:
    """Where predictions go.

    Attributes:
        path: File (``-`` for stdout), or folder that receives them in shards; null for one file in the run's folder.
        format: Format of the rows; a path that ends in ``.parquet`` or ``.jsonl`` decides by itself.
        html: Also write a web page of each article with its stances marked.
        max_pages: Write pages for the first so many articles only.
        only_stances: Write sentences with a label only; the summaries of the articles stay complete.
        shard_sentences: A shard ends with the article that reaches so many sentences; null for 50,000 in a folder.
        part_mb: No shard spans two parts of the input: neighbouring files of so many MB together, or one larger file.
            A worker of ``engine=ray`` takes a part at a time.
        overwrite: Replace what another job left in the folder.
        status: The status file; null for ``status.json`` in the folder of shards, else in the run's folder.
        max_rejects: The exit code is 3 where more records could not be read; all else is written as ever. null for any
            number.
    """

    SHORTHAND: ClassVar[str] = "path"

    path: str | None = None
    format: OutputFormat = OutputFormat.jsonl
    html: bool = True
    max_pages: int = 100
    only_stances: bool = False
    shard_sentences: int | None = None
    part_mb: float = 256
    overwrite: bool = False
    status: str | None = None
    max_rejects: int | None = 0


@dataclass
class EngineConfig:
    """Where a prediction job runs (group ``engine``).

    Attributes:
        name: local or ray.
        address: Address of a Ray cluster; null for ``RAY_ADDRESS``, else a cluster of this machine alone.
        workers: Ray actors, each with a copy of the model; null for as many as the cluster's CPUs allow.
        cpus_per_worker: CPUs of each; the model's threads and the extraction of web pages share them.
    """

    name: str = "local"
    address: str | None = None
    workers: int | None = None
    cpus_per_worker: int = 1


@dataclass
class LabelOutputConfig:
    """Where labelled records go.

    Attributes:
        path: File (``-`` for stdout) or folder; null for the run's folder.
        format: Format of the rows; a path that ends in ``.parquet`` or ``.jsonl`` decides by itself.
    """

    SHORTHAND: ClassVar[str] = "path"

    path: str | None = None
    format: OutputFormat = OutputFormat.jsonl
