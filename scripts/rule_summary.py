"""Which rules of the rule labeller earn their place: coverage, overlaps, conflicts, precision on the shipped corpus.

usage: python scripts/rule_summary.py [CORPUS_FILE ...] [--rules RULES.yaml]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.metrics import precision_recall_fscore_support

from newsstance.configuration.groups import CorpusConfig
from newsstance.corpus.loading import load_corpus
from newsstance.labelling.rule_file import SHIPPED_RULES, load_rules
from newsstance.labelling.rules import RuleLabeller
from newsstance.labelling.votes import rule_votes, votes_table
from newsstance.resources import data_dir
from newsstance.stances import LABELS, LabelledSentence, to_indicators


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="*", default=[str(data_dir() / "corpus")], help="labelled files or folders")
    parser.add_argument("--rules", type=Path, default=SHIPPED_RULES, help="rule file")
    arguments = parser.parse_args()
    labeller = RuleLabeller(load_rules(arguments.rules))
    sentences = load_corpus(CorpusConfig(paths=arguments.corpus))
    texts = [sentence.text for sentence in sentences]
    by_rule = votes_table(rule_votes(labeller, texts), [sentence.labels for sentence in sentences])
    console = Console(width=140)
    console.print(to_table(f"{labeller.name} on {len(sentences)} sentences, by rule", by_rule))
    console.print(to_table("All rules together, by label", scores(labeller, sentences)))


def scores(labeller: RuleLabeller, sentences: list[LabelledSentence]) -> pd.DataFrame:
    """Precision, recall and F1 of each label, and their means."""
    given = [to_indicators(s.label for s in found) for found in labeller.label([s.text for s in sentences])]
    gold = [to_indicators(sentence.labels) for sentence in sentences]
    measured = precision_recall_fscore_support(np.array(gold), np.array(given), average=None, zero_division=0)
    frame = pd.DataFrame(dict(zip(["precision", "recall", "f1", "support"], measured, strict=True)), index=list(LABELS))
    frame.loc["mean"] = [*frame[["precision", "recall", "f1"]].mean(), frame["support"].sum()]
    return frame.astype({"support": int})


def to_table(title: str, frame: pd.DataFrame) -> Table:
    """A data frame as a table for the terminal."""
    table = Table(str(frame.index.name or ""), *map(str, frame.columns), title=title)
    for name, row in zip(frame.index, frame.itertuples(index=False), strict=True):
        table.add_row(str(name), *(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    return table


if __name__ == "__main__":
    main()
