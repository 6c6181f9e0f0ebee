"""Measure how long `newsstance evaluate` takes, from starting the command to the written report.

    python scripts/bench_evaluation.py --model MODEL_FOLDER [--sentences 2000] [--evaluation default] [KEY=VALUE ...]

Takes whole articles of the shipped corpus until there are so many sentences, and runs the command on them with
``split=all``: start of Python, scoring with the model, baselines trained on the shipped training split, 2,000
bootstrap resamples, slices, behaviour suite, error analysis, report. What follows are overrides of the command.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from newsstance.commands.evaluate import shipped_corpus
from newsstance.corpus.loading import load_corpus
from newsstance.evaluation.storage import load_evaluation
from newsstance.stances import LabelledSentence


def take_articles(sentences: list[LabelledSentence], count: int) -> list[LabelledSentence]:
    """Whole articles, every second one of the corpus so that the baselines keep some, until there are ``count``."""
    articles = [list(article) for _, article in groupby(sentences, key=lambda sentence: sentence.doc)]
    taken: list[LabelledSentence] = []
    for article in articles[::2]:
        taken += article
        if len(taken) >= count:
            return taken[:count]
    return taken


def run_command(folder: Path, model: str, evaluation: str, overrides: list[str]) -> float:
    """Run the command on ``folder/gold.jsonl``; returns wall-clock seconds."""
    words = [f"model={Path(model).resolve()}", "corpus=gold.jsonl", "split=all", f"evaluation={evaluation}"]
    start = time.perf_counter()
    command = [sys.executable, "-m", "newsstance", "evaluate", *words, "output=report", *overrides]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="outputs/latest/model", help="model folder")
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--evaluation", default="default", help="config of the group evaluation: default, full, quick")
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    sentences = take_articles(load_corpus(shipped_corpus()), arguments.sentences)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "gold.jsonl").write_text("".join(json.dumps(s.to_record()) + "\n" for s in sentences))
        seconds = run_command(folder, arguments.model, arguments.evaluation, arguments.overrides)
        evaluation = load_evaluation(folder / "report")
    table = Table("system", "training s", "scoring s", "sentences/s", "added MB")
    for system in evaluation.systems:
        timing = system.timing
        speed, memory = f"{timing.sentences_per_second:,.0f}", f"{timing.added_mb:,.0f}"
        table.add_row(system.name, f"{timing.training_seconds:.1f}", f"{timing.seconds:.1f}", speed, memory)
    console = Console(width=100)
    console.print(table)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    console.print(f"{len(sentences)} sentences in {seconds:.1f} s on {cores} cores (load {load:.1f})")


if __name__ == "__main__":
    main()
