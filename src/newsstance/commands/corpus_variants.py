"""``newsstance corpus variants``: write changed copies of the training sentences, for larger models to score."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from newsstance.commands.train import training_splits
from newsstance.configuration.commands import CorpusVariantsConfig
from newsstance.errors import InputError
from newsstance.provenance import Run
from newsstance.writing import write_rows


def run(config: CorpusVariantsConfig, run: Run) -> None:
    """Write the variants as sentences for ``corpus.unlabelled``, and say how many there are of each kind."""
    from newsstance.corpus.loading import data_hash, load_corpus
    from newsstance.corpus.variants import VARIANT, make_variants
    from newsstance.model.word_neighbours import WordNeighbours

    _check(config)
    output = Path(config.output).expanduser() if config.output else run.folder / "variants.jsonl"
    if output.suffix not in {".jsonl", ".gz", ".parquet"}:
        raise InputError(f"output={config.output}: give a name that ends in .jsonl, .jsonl.gz or .parquet")
    sentences = load_corpus(config.corpus)
    training = training_splits(config.corpus, sentences)["train"]
    variants = make_variants(
        training,
        WordNeighbours((sentence.text for sentence in training), config.encoder),
        avoid=(sentence.text for sentence in sentences),
        count=config.count,
        likely_score=config.likely_score,
        others_share=config.others_share,
        seed=config.seed,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_rows(output, ({name: value for name, value in v.to_record().items() if name != "stances"} for v in variants))
    kinds = Counter(edit for variant in variants for edit in str(variant.extra[VARIANT]).split("+"))
    run.record(data_hash=data_hash(sentences), sentences=len(training), variants=len(variants), output=str(output))
    print(f"variants: {output}")
    print(
        f"{len(variants):,} of {len(training):,} sentences; {', '.join(f'{kind} {n:,}' for kind, n in kinds.items())}"
    )


def _check(config: CorpusVariantsConfig) -> None:
    if config.count < 0:
        raise InputError(f"count={config.count}: must be at least 0")
    for name in ("likely_score", "others_share"):
        value = getattr(config, name)
        if not 0 <= value <= 1:
            raise InputError(f"{name}={value}: must be between 0 and 1")
