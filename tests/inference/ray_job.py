"""A prediction job on a simulated Ray cluster, in a process of its own; writes ``report.json`` beside OUTPUT, and what
the local engine gives into ``local``.

    python ray_job.py INPUT OUTPUT {one-node,lose-a-node}

``lose-a-node`` runs it on three nodes. Each waits in its third call of the scorer, with a part half done, until one of
them has been killed.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

# Ray starts its workers at nice 15: beside other work they would not get on at all.
os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_DEDUP_LOGS="1", RAY_METRICS_EXPORT_PORT="0", RAY_worker_niceness="0")

import numpy as np
import ray
from ray.cluster_utils import Cluster

from newsstance.configuration.groups import EngineConfig, OutputConfig, ReaderConfig
from newsstance.inference.job import run_prediction

SHARD, PART_MB = 100, 0.02
NODES, LOST = 3, "lost"


class WordScorer:
    """Scores by a word and, as batches do, by what is scored in the same call: so it shows where portions differ.

    With a folder ``marks``, it leaves a file named by its node there in its third call, and waits for the file `LOST`.
    """

    model_id = "words"

    def __init__(self, marks=None):
        self.marks = marks
        self.calls = 0

    def predict_proba(self, sentences, contexts=None):
        self.calls += 1
        if self.marks and self.calls == 3:
            (self.marks / ray.get_runtime_context().get_node_id()).touch()
            while not (self.marks / LOST).exists():
                time.sleep(0.05)
        noise = sum(map(len, sentences)) % 97 / 1000
        words = ("admit", "never", "doubt")
        return np.array([[0.8 + noise if w in s else noise for w in words] for s in sentences], dtype=np.float32)


def run_job(input, folder, engine="local", marks=None):
    output = OutputConfig(path=str(folder), shard_sentences=SHARD, part_mb=PART_MB, max_pages=5)
    reader = ReaderConfig(workers=0)

    def load():
        return WordScorer(marks)

    return run_prediction(
        str(input), output, reader, folder, load, model=lambda: {"id": "words"}, engine=EngineConfig(engine)
    )


def lose_a_node(cluster, folder, marks, nodes, report):
    """Kill a node once all are at work, and then let the others go on."""
    while len(waiting := sorted(marks.iterdir())) < NODES:
        time.sleep(0.05)
    report["half_done_when_killed"] = sum(map(is_half_done, folder.glob("part-*/manifest.json")))
    report["shards_when_killed"] = len(list(folder.glob("part-*/predictions-*")))
    cluster.remove_node(next(node for node in nodes if node.node_id == waiting[0].name), allow_graceful=False)
    (marks / LOST).touch()


def is_half_done(manifest):
    record = json.loads(manifest.read_text())
    return bool(record["shards"]) and not record["complete"]


def main():
    input, folder, case = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    report = {}
    local = run_job(input, folder.with_name("local"))
    if case == "one-node":
        ray.init("local", num_cpus=2, include_dashboard=False, logging_level="ERROR")
        summary = run_job(input, folder, "ray")
    else:
        marks = folder.with_name("marks")
        marks.mkdir()
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(NODES)]
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, logging_level="ERROR")
        killer = threading.Thread(target=lose_a_node, args=(cluster, folder, marks, nodes, report), daemon=True)
        killer.start()
        try:
            summary = run_job(input, folder, "ray", marks=marks)
            killer.join()
            report["workers_left"] = sum(node["Alive"] and "CPU" in node["Resources"] for node in ray.nodes())
        finally:
            ray.shutdown()
            cluster.shutdown()
    report |= {"local": local.to_record(), "ray": summary.to_record()}
    folder.with_name("report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
