"""``newsstance corpus describe``: a corpus in figures, beside another one, and the distance between the two."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from newsstance.configuration.commands import CorpusDescribeConfig
from newsstance.configuration.groups import CorpusConfig
from newsstance.configuration.overrides import group_options
from newsstance.configuration.typed import to_typed
from newsstance.corpus.distance import Distance, measure_distance
from newsstance.corpus.embedding import embed
from newsstance.corpus.figures import draw_figures
from newsstance.corpus.loading import data_hash, load_corpus
from newsstance.corpus.statistics import SOURCE_KINDS, CorpusStatistics, describe
from newsstance.errors import InputError
from newsstance.model.encoder import locate_encoder
from newsstance.provenance import Run
from newsstance.resources import configs_dir
from newsstance.stances import LABELS

LOG = logging.getLogger(__name__)

_CUES_SHOWN = 8


def run(config: CorpusDescribeConfig, run: Run) -> None:
    """Print the tables, write ``description.json`` and the figures."""
    configs = [config.corpus] + ([_against(config.against)] if config.against else [])
    if len(configs) == 2 and configs[0].name == configs[1].name:
        configs[1].name = str(config.against)
    bodies = [load_corpus(each) for each in configs]
    corpora = [describe(each.name, sentences) for each, sentences in zip(configs, bodies, strict=True)]
    distance = None
    if len(bodies) == 2:
        LOG.info("measuring the distance between %s and %s", corpora[0].name, corpora[1].name)
        distance = measure_distance(bodies[0], bodies[1], _embedder(config), config.seed)
    folder = Path(config.output).expanduser() if config.output else run.folder
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {each.name: data_hash(sentences) for each, sentences in zip(configs, bodies, strict=True)}
    _write_json(folder / "description.json", corpora, distance, hashes)
    figures = draw_figures(corpora, folder)
    run.record(data_hash=hashes, output=str(folder))
    _print(corpora, distance)
    print(f"\n{folder / 'description.json'}")
    print("\n".join(map(str, figures)))


def _against(name: str) -> CorpusConfig:
    """The corpus config of that name, from wherever Hydra finds configs; else the files of that path."""
    from hydra import compose
    from hydra.errors import MissingConfigException

    if Path(name).suffix or "/" in name or "*" in name:
        return CorpusConfig(name=Path(name).name, paths=[name])
    try:
        return to_typed(compose(config_name=f"corpus/{name}").corpus, CorpusConfig)
    except MissingConfigException as error:
        if Path(name).exists():
            return CorpusConfig(name=name, paths=[name])
        options = ", ".join(group_options("corpus", [configs_dir()]))
        raise InputError(f"against={name}: no such file or folder, and no config of that name: {options}") from error


def _embedder(config: CorpusDescribeConfig) -> Callable[[Sequence[str]], Any]:
    location = locate_encoder(config.encoder)

    def embedder(texts: Sequence[str]) -> Any:
        try:
            return embed(texts, location, config.encoder.max_tokens, revision=config.encoder.revision)
        except (OSError, ValueError) as error:
            raise InputError(
                f"encoder={config.encoder.name}: cannot be loaded: {str(error).splitlines()[0]}"
            ) from error

    return embedder


def _write_json(
    path: Path, corpora: Sequence[CorpusStatistics], distance: Distance | None, hashes: dict[str, str]
) -> None:
    described = []
    for corpus in corpora:
        figures = asdict(corpus)
        figures.pop("lengths")
        described.append(figures | {"data_hash": hashes[corpus.name]})
    content = {"corpora": described, "distance": asdict(distance) if distance else None}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _print(corpora: Sequence[CorpusStatistics], distance: Distance | None) -> None:
    console = Console()
    for table in (_sizes(corpora), _combinations(corpora), _sources(corpora), _cues(corpora)):
        console.print(table)
    if distance is not None:
        console.print(_distance_table(distance, corpora))


def _table(title: str, corpora: Sequence[CorpusStatistics]) -> Table:
    table = Table("", title=title, title_justify="left")
    for corpus in corpora:
        table.add_column(corpus.name, justify="right")
    return table


def _sizes(corpora: Sequence[CorpusStatistics]) -> Table:
    table = _table("Sizes and surface", corpora)
    table.add_row("sentences", *(f"{c.sentences:,}" for c in corpora))
    table.add_row("articles", *(f"{c.articles:,}" for c in corpora))
    table.add_row("sentences an article", *(f"{c.sentences_per_article:.1f}" for c in corpora))
    for label in LABELS:
        counts = [c.label_counts[label] for c in corpora]
        shares = [f"{n:,} ({n / c.sentences:.1%})" for n, c in zip(counts, corpora, strict=True)]
        table.add_row(label, *shares)
    for name in corpora[0].words_per_sentence:
        table.add_row(f"words a sentence, {name}", *(f"{c.words_per_sentence[name]:.1f}" for c in corpora))
    for name in corpora[0].surface:
        table.add_row(name, *(f"{c.surface[name]:.1%}" for c in corpora))
    table.add_row("exact duplicates", *(f"{c.exact_duplicates:,}" for c in corpora))
    table.add_row("near-duplicate pairs", *(f"{c.near_duplicates:,}" for c in corpora))
    return table


def _combinations(corpora: Sequence[CorpusStatistics]) -> Table:
    table = _table("Label combinations", corpora)
    for name in dict.fromkeys(name for corpus in corpora for name in corpus.combinations):
        table.add_row(name, *(f"{c.combinations.get(name, 0):,}" for c in corpora))
    return table


def _sources(corpora: Sequence[CorpusStatistics]) -> Table:
    table = _table("Sources, share of the stances with a label", corpora)
    for label in LABELS:
        for kind in SOURCE_KINDS:
            table.add_row(f"{label}: {kind}", *(f"{c.sources[label][kind]:.1%}" for c in corpora))
    return table


def _cues(corpora: Sequence[CorpusStatistics]) -> Table:
    table = Table("", title="Most frequent cues", title_justify="left", show_lines=True)
    for corpus in corpora:
        table.add_column(corpus.name)
    for label in LABELS:
        cells = [", ".join(f"{cue} {count}" for cue, count in c.cues[label][:_CUES_SHOWN]) for c in corpora]
        table.add_row(label, *cells)
        table.add_row("  distinct in 100", *(f"{c.distinct_cues[label]:.0f}" for c in corpora))
    return table


def _distance_table(distance: Distance, corpora: Sequence[CorpusStatistics]) -> Table:
    title = "Distance: AUC of a linear classifier that tells the two apart (0.5: not at all, 1: always)"
    table = Table(
        "", *(f"telling of {corpus.name}" for corpus in corpora), title=title, title_justify="left", show_lines=True
    )
    table.add_row("sentences compared", *(f"{count:,}" for count in distance.sampled))
    ngrams = (" ".join(f"‹{gram}›" for gram in side) for side in distance.ngrams)
    table.add_row(f"character n-grams: {distance.ngram_auc:.3f}", *ngrams)
    table.add_row("words", *(", ".join(side) for side in distance.words))
    if distance.embedding_auc is not None:
        table.add_row(f"sentence embeddings: {distance.embedding_auc:.3f}", "", "")
    return table
