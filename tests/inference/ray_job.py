"""A prediction job on a simulated Ray cluster, in a process of its own; writes ``report.json`` beside OUTPUT, and what
the local engine gives into ``local``.

    python ray_job.py INPUT OUTPUT {one-node,lose-a-node}

``lose-a-node`` runs it on three nodes and kills one that is at work, once the job has finished some shards.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_DEDUP_LOGS="1", RAY_METRICS_EXPORT_PORT="0")

import numpy as np
import ray
from ray.cluster_utils import Cluster

from newsstance.configuration.schema import EngineConfig, OutputConfig, ReaderConfig
from newsstance.inference.job import run_prediction

SHARD, PART_MB = 100, 0.02


class SlowScorer:
    """Scores by a word and, as batches do, by what is scored in the same call: so it shows where portions differ.

    Leaves a file named by its node in ``marks``, to show which nodes work.
    """

    model_id = "slow"

    def __init__(self, seconds, marks=None):
        self.seconds = seconds
        self.mark = marks and marks / ray.get_runtime_context().get_node_id()

    def predict_proba(self, sentences, contexts=None):
        if self.mark:
            self.mark.touch()
        time.sleep(self.seconds)
        noise = sum(map(len, sentences)) % 97 / 1000
        words = ("admit", "never", "doubt")
        return np.array([[0.8 + noise if w in s else noise for w in words] for s in sentences], dtype=np.float32)


def run_job(input, folder, engine="local", seconds=0.0, marks=None):
    output = OutputConfig(path=str(folder), shard_sentences=SHARD, part_mb=PART_MB, max_pages=5)
    reader = ReaderConfig(workers=0)

    def load():
        return SlowScorer(seconds, marks)

    return run_prediction(
        str(input), output, reader, folder, load, model=lambda: {"id": "slow"}, engine=EngineConfig(engine)
    )


def lose_a_node(cluster, folder, marks, nodes, report):
    """Kill the node that scored last, once a part is half done."""
    while not any(map(is_half_done, folder.glob("part-*/manifest.json"))):
        time.sleep(0.02)
    last = max(marks.iterdir(), key=lambda mark: mark.stat().st_mtime_ns).name
    cluster.remove_node(next(node for node in nodes if node.node_id == last), allow_graceful=False)
    report["half_done_when_killed"] = sum(map(is_half_done, folder.glob("part-*/manifest.json")))
    report["shards_when_killed"] = len(list(folder.glob("part-*/predictions-*")))


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
        nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, logging_level="ERROR")
        killer = threading.Thread(target=lose_a_node, args=(cluster, folder, marks, nodes, report), daemon=True)
        killer.start()
        try:
            summary = run_job(input, folder, "ray", seconds=0.3, marks=marks)
            killer.join()
            report["workers_left"] = sum(node["Alive"] and "CPU" in node["Resources"] for node in ray.nodes())
        finally:
            ray.shutdown()
            cluster.shutdown()
    report |= {"local": local.to_record(), "ray": summary.to_record()}
    folder.with_name("report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
