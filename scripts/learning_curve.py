"""The learning curve: the default recipe on growing shares of each body of the corpus, over several seeds.

    python scripts/learning_curve.py [--measure PATH ...] [--bodies invented real_news all] [--shares 0.125 0.25 0.5 1]
                                     [--seeds 0 1 2] [--output outputs/learning_curve] [TRAINER OVERRIDES ...]

Each share is a share of the articles of the training split, the smaller one part of the larger; validation and test
split stay whole. Labels alone are learned from: soft labels come from models that saw all of the corpus. Every model is
measured on the test split of its own body and on each file given with ``--measure`` (labelled sentences, never trained
on). Each run appends a line to ``runs.jsonl``; what stands there already is not
trained again, so a killed curve goes on. At the end: ``learning_curve.svg`` and a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from rich.console import Console

from newsstance.commands.train import training_job
from newsstance.configuration import resolvers
from newsstance.configuration.commands import TrainConfig
from newsstance.configuration.groups import CorpusConfig
from newsstance.configuration.typed import to_typed
from newsstance.corpus.figures import COLOURS
from newsstance.corpus.loading import load_corpus
from newsstance.corpus.splitting import draw
from newsstance.model.classifier import StanceClassifier
from newsstance.model.targets import indicators
from newsstance.model.training import train
from newsstance.model.training_job import TrainingJob
from newsstance.resources import configs_dir
from newsstance.stances import LabelledSentence

Run = dict[str, Any]


def configured(overrides: list[str]) -> TrainConfig:
    resolvers.register()
    with initialize_config_dir(str(configs_dir()), version_base=None):
        return to_typed(compose("train", overrides), TrainConfig)


def shrink(job: TrainingJob, share: float) -> TrainingJob:
    """The job on ``share`` of its training articles; each article keeps its draw, so shares are nested."""
    kept = [sentence for sentence in job.splits["train"] if draw(sentence.doc, seed=1) < share]
    return replace(job, splits={**job.splits, "train": kept}, data_hash=f"{job.data_hash}/{share}")


def scores(classifier: StanceClassifier, sentences: list[LabelledSentence]) -> dict[str, float]:
    """Macro-F1 at 0.5 and mean average precision."""
    from sklearn.metrics import average_precision_score, f1_score

    gold = indicators(sentences)
    given = classifier.predict_proba([sentence.text for sentence in sentences])
    return {
        "macro_f1": round(float(f1_score(gold, given >= 0.5, average="macro", zero_division=0)), 4),
        "mean_average_precision": round(float(average_precision_score(gold, given, average="macro")), 4),
    }


def train_all(arguments: argparse.Namespace, measured: dict[str, list[LabelledSentence]]) -> list[Run]:
    log = arguments.output / "runs.jsonl"
    arguments.output.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {run["key"] for run in runs}
    wholes = {
        body: training_job(configured([f"corpus={body}", "corpus.soft_labels=null", *arguments.overrides]))
        for body in arguments.bodies
    }
    # Seeds outermost: a curve that is stopped early is whole for the seeds it has.
    for seed, body, share in product(arguments.seeds, arguments.bodies, arguments.shares):
        job = replace(shrink(wholes[body], share), seed=seed)
        if job.key in done:
            continue
        classifier = train(job, arguments.output / "models" / job.key)
        sets = {"own test split": job.splits["test"], **measured}
        run = {
            "key": job.key,
            "body": body,
            "share": share,
            "seed": seed,
            "sentences": len(job.splits["train"]),
            "trainer": job.config["trainer"],
            "measured": {name: scores(classifier, sentences) for name, sentences in sets.items()},
        }
        with log.open("a") as file:
            file.write(json.dumps(run) + "\n")
        runs.append(run)
    return runs


def of_points(runs: list[Run], body: str, measured: str, metric: str) -> list[tuple[int, float, float, int]]:
    """Per share: training sentences, mean and standard deviation over the seeds, number of seeds."""
    points = []
    for share in sorted({run["share"] for run in runs if run["body"] == body}):
        here = [run for run in runs if run["body"] == body and run["share"] == share]
        values = np.array([run["measured"][measured][metric] for run in here])
        points.append((here[0]["sentences"], float(values.mean()), float(values.std()), len(values)))
    return points


def draw_curves(runs: list[Run], sets: list[str], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(sets), 3.6), layout="constrained")
    for axes, measured in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        for colour, body in zip(COLOURS, dict.fromkeys(run["body"] for run in runs), strict=False):
            points = of_points(runs, body, measured, "macro_f1")
            sizes, means, deviations, _ = zip(*points, strict=True)
            axes.errorbar(sizes, means, deviations, label=body, color=colour, marker="o", capsize=3)
        axes.set(title=measured, xlabel="training sentences", ylabel="macro-F1", xscale="log")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    figure.savefig(path)


def markdown(runs: list[Run], sets: list[str]) -> str:
    lines = ["| body | sentences | seeds | " + " | ".join(f"{name}: macro-F1 | mAP" for name in sets) + " |"]
    lines.append("| --- |" + " --- |" * (2 + 2 * len(sets)))
    for body in dict.fromkeys(run["body"] for run in runs):
        columns = [
            of_points(runs, body, name, metric) for name in sets for metric in ("macro_f1", "mean_average_precision")
        ]
        for cells in zip(*columns, strict=True):
            size, _, _, seeds = cells[0]
            figures = " | ".join(f"{mean:.3f} ± {deviation:.3f}" for _, mean, deviation, _ in cells)
            lines.append(f"| {body} | {size:,} | {seeds} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="*", type=Path, default=[], help="files of labelled sentences")
    parser.add_argument("--bodies", nargs="+", default=["invented", "real_news", "all"])
    parser.add_argument("--shares", nargs="+", type=float, default=[0.125, 0.25, 0.5, 1.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("outputs/learning_curve"))
    arguments, arguments.overrides = parser.parse_known_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    measured = {path.stem: load_corpus(CorpusConfig(paths=[str(path)])) for path in arguments.measure}
    runs = train_all(arguments, measured)
    sets = ["own test split", *measured]
    draw_curves(runs, sets, arguments.output / "learning_curve.svg")
    table = markdown(runs, sets)
    (arguments.output / "learning_curve.md").write_text(table + "\n")
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
