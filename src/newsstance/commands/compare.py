"""``newsstance compare``: two or more evaluations on the same sentences; says which differences are real."""

from __future__ import annotations

import json
from pathlib import Path

from newsstance.commands.evaluate import evaluation_folder
from newsstance.configuration.commands import CompareConfig
from newsstance.errors import InputError
from newsstance.provenance import Run


def run(config: CompareConfig, run: Run) -> None:
    """Compare the models of ``config.runs`` with that of the first; print a table and write it as JSON.

    Raises:
        InputError: On a folder without an evaluation, or evaluations on other sentences.
    """
    from newsstance.evaluation.comparison import compare_evaluations
    from newsstance.evaluation.storage import load_evaluation
    from newsstance.evaluation.tables import print_comparison

    if len(config.runs) < 2:
        raise InputError("compare needs two evaluations or more: newsstance compare RUN RUN")
    names = shortest_names(config.runs)
    evaluations = [(n, load_evaluation(evaluation_folder(f))) for n, f in zip(names, config.runs, strict=True)]
    comparisons = compare_evaluations(evaluations, config.resamples, config.seed)
    record = {"first": config.runs[0], "comparisons": [comparison.to_record() for comparison in comparisons]}
    path = run.folder / "comparison.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    run.record(data_hash=evaluations[0][1].data_hash, models=[e.model_id for _, e in evaluations])
    for name, evaluation in evaluations:
        print(f"{name}: model {evaluation.model_id}, {evaluation.sentences} sentences of {evaluation.corpus}")
    print_comparison(names[0], comparisons)
    print(f"comparison: {path}")


def shortest_names(folders: list[str]) -> list[str]:
    """The last parts of each path, as many as it takes to tell them apart."""
    parts = [Path(folder).parts for folder in folders]
    for count in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(path[-count:]) for path in parts]
        if len(set(names)) == len(names):
            return names
    return list(folders)
