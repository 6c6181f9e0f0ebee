"""The commands' configs as typed dataclasses: one a primary config of ``configs/``, of groups and keys of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from omegaconf import MISSING

from newsstance.configuration.groups import (
    BackendConfig,
    CorpusConfig,
    EncoderConfig,
    EngineConfig,
    EvaluationConfig,
    GateConfig,
    LabellerConfig,
    LabelOutputConfig,
    OutputConfig,
    ReaderConfig,
    SearchConfig,
    TrackerConfig,
    TrainerConfig,
)


@dataclass
class CommandConfig:
    """Keys that every command has.

    Attributes:
        seed: Seed of everything random in the command.
    """

    seed: int = 13


@dataclass
class TrainConfig(CommandConfig):
    """``newsstance train``.

    Attributes:
        output: Folder of the trained model; null for a folder named by the hash of config and data.
    """

    output: str | None = None
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    hparams_search: SearchConfig = field(default_factory=SearchConfig)


@dataclass
class CrossPredictConfig(CommandConfig):
    """``newsstance cross-predict``.

    Attributes:
        folds: Parts of the corpus; each is scored by models that learned from the others.
        seeds: Training seeds; each adds a model a fold.
        only: Train only this fold, and write no scores; null for all.
        models: Folder that keeps the models; null for ``outputs/models/folds``.
        output: Parquet file of the scores; null for the run's folder. Sentences of ``corpus.unlabelled`` are scored
            too, by all models. (``seed`` is not used: ``seeds`` are.)
    """

    folds: int = 4
    seeds: list[int] = field(default_factory=lambda: [0, 1])
    only: int | None = None
    models: str | None = None
    output: str | None = None
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)


@dataclass
class EvaluateConfig(CommandConfig):
    """``newsstance evaluate``.

    Attributes:
        model: shipped, latest, a folder or a hub id.
        output: Folder of the report; null for the run's folder.
        split: Split of the corpus to measure on: train, validation, test or all.
        baseline: Folder of an earlier evaluation on the same sentences, for ``gate.regression``; null for none.
        gate: What the model must reach.
        model_card: Also write the model folder's ``README.md`` from this evaluation.
    """

    model: str = "shipped"
    output: str | None = None
    split: str = "test"
    baseline: str | None = None
    model_card: bool = False
    gate: GateConfig = field(default_factory=GateConfig)
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    backend: BackendConfig = field(default_factory=BackendConfig)


@dataclass
class PredictConfig(CommandConfig):
    """``newsstance predict``.

    Attributes:
        input: File, folder, glob or ``-`` for stdin.
        model: shipped, latest, a folder or a hub id.
    """

    input: str = MISSING
    model: str = "shipped"
    output: OutputConfig = field(default_factory=OutputConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    backend: BackendConfig = field(default_factory=BackendConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)


@dataclass
class LabelConfig(CommandConfig):
    """``newsstance label``.

    Attributes:
        input: File, folder, glob or ``-`` for stdin.
    """

    input: str = MISSING
    output: LabelOutputConfig = field(default_factory=LabelOutputConfig)
    labeller: LabellerConfig = field(default_factory=LabellerConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    backend: BackendConfig = field(default_factory=BackendConfig)


@dataclass
class PipelineConfig(CommandConfig):
    """``newsstance pipeline``: train, evaluate, predict.

    Attributes:
        input: One more article (or folder, glob) to predict on beside the shipped example; null for none.
    """

    input: str | None = None
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


@dataclass
class ExportConfig(CommandConfig):
    """``newsstance export``.

    Attributes:
        model: shipped, latest, or a folder that train wrote.
        output: Folder that receives the exported model; null for the model's own folder.
        format: onnx, openvino (ONNX comes with it), or all for those whose packages are installed.
        int8: Also write a quantized export of each format.
        first_pass: Also train the first pass of ``backend.first_pass``, on the model's own scores.
        input: Articles whose sentences the first pass learns from, beside those of ``corpus``: file, folder or glob;
            null for none.
        tolerance: Largest allowed difference of any score from torch in fp32; an fp32 export that exceeds it is an
            error.
        tolerance_rounded: The same for bf16 and int8; an export that exceeds it is kept, but ``backend=auto`` does not
            take it.
        same_labels: Share of the sentences that must keep their labels.
        parity_sentences: Sentences of ``corpus`` that all this is checked on.
        corpus: Sentences for the checks and for the first pass; their labels are not used.
        reader: How the articles of ``input`` are read.
    """

    model: str = "shipped"
    output: str | None = None
    format: str = "all"
    int8: bool = False
    first_pass: bool = False
    input: str | None = None
    tolerance: float = 1e-4
    tolerance_rounded: float = 0.02
    same_labels: float = 0.995
    parity_sentences: int = 500
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)


@dataclass
class CompareConfig(CommandConfig):
    """``newsstance compare``.

    Attributes:
        runs: Folders of the evaluations to compare; the first is the one that the others are compared with.
        resamples: Bootstrap resamples of the articles.
    """

    POSITIONAL: ClassVar[str] = "runs"

    runs: list[str] = MISSING
    resamples: int = 2000


@dataclass
class CorpusValidateConfig(CommandConfig):
    """``newsstance corpus validate``.

    Attributes:
        forbid: File, folder or glob, or a list of them, whose sentences must not stand in the corpus.
        near_duplicate: Jaccard similarity of word 3-grams from which two sentences count as near-duplicates.
    """

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    forbid: Any = field(default_factory=list)  # OmegaConf knows no union with lists; corpus_validate checks it
    near_duplicate: float = 0.8


@dataclass
class CorpusDescribeConfig(CommandConfig):
    """``newsstance corpus describe``.

    Attributes:
        against: A second corpus to describe beside the first, and to measure the distance to: the name of a corpus
            config, or a path; null for none.
        output: Folder of tables and figures; null for the run's folder.
        encoder: Its sentence embeddings measure the distance, beside character n-grams.
    """

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    against: str | None = None
    output: str | None = None
    encoder: EncoderConfig = field(default_factory=EncoderConfig)


@dataclass
class CorpusSplitConfig(CommandConfig):
    """``newsstance corpus split``.

    Attributes:
        output: Folder that receives train.jsonl, validation.jsonl and test.jsonl; null for the run's folder.
    """

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    output: str | None = None


@dataclass
class CorpusVariantsConfig(CommandConfig):
    """``newsstance corpus variants``.

    Attributes:
        count: Variants of each training sentence that has a stance, or a soft label of at least ``likely_score``.
        likely_score: See there.
        others_share: Share of the other training sentences that get one variant each.
        output: File of the variants, in any format that predictions can have; null for the run's folder.
        encoder: Its word embeddings say which words are similar.
    """

    count: int = 6
    likely_score: float = 0.1
    others_share: float = 0.2
    output: str | None = None
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)


class FetchMethod(Enum):
    """How public repositories are fetched: single files over https, or a shallow git clone."""

    https = "https"
    git = "git"


@dataclass
class CorpusFetchConfig(CommandConfig):
    """``newsstance corpus fetch``.

    Attributes:
        source: A local folder that holds the public repositories (one folder each); null for the network.
        output: Folder that receives the rebuilt corpus; null for ``real_news`` in the user's data folder.
        confirm: Fetch without asking.
        only: Name or list of names of the public corpora to rebuild; empty for all.
        method: Over https, or by git.
        base_url: Where ``OWNER/REPOSITORY/COMMIT/PATH`` is served, for https.
        annotations: Folder of stand-off annotations with its ``sources.yaml``; null for the shipped one.
    """

    source: str | None = None
    output: str | None = None
    confirm: bool = False
    only: Any = field(default_factory=list)
    method: FetchMethod = FetchMethod.https
    base_url: str = "https://raw.githubusercontent.com"
    annotations: str | None = None
