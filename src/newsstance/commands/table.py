"""The commands: name, module, config class, one line of help. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command of the command line.

    Attributes:
        name: As typed, e.g. ``corpus validate``.
        schema: Name of its config class in `newsstance.configuration.commands`.
        summary: One line of help.
        examples: Command lines for its help.
    """

    name: str
    schema: str
    summary: str
    examples: tuple[str, ...] = ()

    @property
    def config_name(self) -> str:
        """Name of its primary config, also of its module in `newsstance.commands`: ``corpus_validate``."""
        return self.name.replace(" ", "_").replace("-", "_")


COMMANDS = (
    Command(
        "pipeline",
        "PipelineConfig",
        "train, evaluate and predict in one go",
        (
            "newsstance pipeline",
            "newsstance pipeline input=article.html",
            "newsstance pipeline experiment=quickstart seed=7",
        ),
    ),
    Command(
        "corpus validate",
        "CorpusValidateConfig",
        "check a labelled corpus; names file and row of each fault",
        (
            "newsstance corpus validate",
            "newsstance corpus validate corpus=my.jsonl forbid=[gold.jsonl]",
        ),
    ),
    Command(
        "corpus describe",
        "CorpusDescribeConfig",
        "sizes, labels, lengths, cues of a corpus, beside another one",
        (
            "newsstance corpus describe",
            "newsstance corpus describe corpus=my.jsonl against=other.jsonl",
        ),
    ),
    Command(
        "corpus split",
        "CorpusSplitConfig",
        "write the train, validation and test split",
        ("newsstance corpus split corpus=my.jsonl output=splits",),
    ),
    Command(
        "corpus variants",
        "CorpusVariantsConfig",
        "write changed copies of the training sentences, for larger models to score",
        ("newsstance corpus variants corpus=my.jsonl output=variants.jsonl",),
    ),
    Command(
        "corpus fetch",
        "CorpusFetchConfig",
        "rebuild labelled real news from public repositories",
        (
            "newsstance corpus fetch",
            "newsstance corpus fetch confirm=true",
            "newsstance corpus fetch from=FOLDER",
        ),
    ),
    Command(
        "label",
        "LabelConfig",
        "label articles by rules or by a model",
        (
            "newsstance label input=articles/ output=labels.jsonl",
            "newsstance label labeller=model input=article.txt",
        ),
    ),
    Command(
        "train",
        "TrainConfig",
        "fine-tune an encoder on a labelled corpus",
        (
            "newsstance train",
            "newsstance train corpus=my.jsonl encoder=distilbert-base-uncased output=my_model",
            "newsstance train -m seed=1,2,3",
            "newsstance train hparams_search=optuna hparams_search.trials=20",
        ),
    ),
    Command(
        "cross-predict",
        "CrossPredictConfig",
        "score a corpus by models that did not learn from it: soft labels",
        (
            "newsstance cross-predict corpus=my.jsonl output=soft_labels.parquet",
            "newsstance cross-predict corpus=all encoder=sentence-transformers/all-mpnet-base-v2",
        ),
    ),
    Command(
        "evaluate",
        "EvaluateConfig",
        "measure a model on a labelled corpus; writes the report",
        (
            "newsstance evaluate",
            "newsstance evaluate model=my_model corpus=gold.jsonl split=all",
        ),
    ),
    Command(
        "predict",
        "PredictConfig",
        "find the stances in articles",
        (
            "newsstance predict input=article.html",
            "newsstance predict 'input=articles/*.html.gz' output=predictions.jsonl",
            "cat article.txt | newsstance predict input=- output=-",
        ),
    ),
    Command("export", "ExportConfig", "write a model in another format (ONNX)", ("newsstance export model=my_model",)),
    Command(
        "compare",
        "CompareConfig",
        "compare evaluations, with intervals",
        ("newsstance compare runs=[outputs/evaluate/A,outputs/evaluate/B]",),
    ),
)


def find_command(words: list[str]) -> tuple[Command | None, list[str]]:
    """The command that ``words`` start with, and the words behind it."""
    for command in COMMANDS:
        parts = command.name.split()
        if words[: len(parts)] == parts:
            return command, words[len(parts) :]
    return None, words
