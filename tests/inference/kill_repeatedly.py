"""Run a prediction job that is killed (SIGKILL) at random moments and started again until it is done.

    python kill_repeatedly.py INPUT UNDISTURBED DISTURBED [--kills 10] [--seed 0] [--format jsonl]

Runs the job undisturbed into UNDISTURBED, then with kills into DISTURBED, and prints as JSON how often it was killed
and how many of the kills found a shard half written. The job runs in forks of this process, so that a start costs
milliseconds, with a stand-in for the model that takes its time.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

import newsstance.articles.formats.jsonl
import newsstance.inference.article_view  # noqa: F401  imported before the forks, as the formats are
from newsstance.articles import portions
from newsstance.configuration.groups import OutputConfig, OutputFormat, ReaderConfig
from newsstance.inference import job

portions.PORTION_SENTENCES = 40
job.code_revision = lambda: "test"  # the manifest would differ where git answers too late, or another commit


class SlowScorer:
    """Scores by a word and, as batches do, by what is scored in the same call: so it shows where portions differ."""

    model_id = "slow"

    def predict_proba(self, sentences, contexts=None):
        time.sleep(0.004)
        noise = sum(map(len, sentences)) % 97 / 1000
        words = ("admit", "never", "doubt")
        return np.array([[0.8 + noise if w in s else noise for w in words] for s in sentences], dtype=np.float32)


def run_job(input, folder, format):
    output = OutputConfig(
        path=str(folder), shard_sentences=100, part_mb=0.02, max_pages=15, format=OutputFormat(format)
    )
    reader = ReaderConfig()
    if hasattr(reader, "workers"):
        reader.workers = 0
    job.run_prediction(str(input), output, reader, folder / "run", SlowScorer, model=lambda: {"id": "slow"})


def start(input, folder, format):
    """Start the job in a fork; returns its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        run_job(input, folder, format)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def main():
    parser = argparse.ArgumentParser()
    for name in ("input", "undisturbed", "disturbed"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--kills", type=int, default=10, help="kills before the job is left to end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", default="jsonl")
    options = parser.parse_args()
    began = time.monotonic()
    if os.waitpid(start(options.input, options.undisturbed, options.format), 0)[1]:
        sys.exit("the undisturbed run failed")
    life = (time.monotonic() - began) / options.kills / 3
    moments = random.Random(options.seed)
    kills = half_written = 0
    manifest = options.disturbed / "manifest.json"
    while kills < options.kills:
        before = manifest.read_bytes() if manifest.exists() else b""
        child = start(options.input, options.disturbed, options.format)
        time.sleep(moments.uniform(0.1, 1.0) * life)
        ended, status = os.waitpid(child, os.WNOHANG)
        if status:
            sys.exit(f"the job failed after {kills} kills")
        if ended:  # the undisturbed run, which the lives are measured by, had a far slower machine: once more, shorter
            shutil.rmtree(options.disturbed)
            kills = half_written = 0
            life /= 2
            continue
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        half_written += bool(list(options.disturbed.glob(".*.part")))
        # Longer where no shard was finished in this life, shorter where one was: whatever else the machine does, the
        # job lives through all the kills and still goes on.
        life *= 1.2 if (manifest.read_bytes() if manifest.exists() else b"") == before else 0.85
    shards = len(json.loads(manifest.read_text())["shards"]) if manifest.exists() else 0
    if os.waitpid(start(options.input, options.disturbed, options.format), 0)[1]:
        sys.exit("the last run failed")
    print(json.dumps({"kills": kills, "half_written": half_written, "shards_before_the_last_run": shards}))


if __name__ == "__main__":
    main()
