"""A prediction job on a simulated Ray cluster, in a process of its own; prints a report as JSON.

    python ray_job.py INPUT OUTPUT {one-node,lose-a-node}

``lose-a-node`` runs it on three nodes and kills one that works, once the job has finished some shards.
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
from newsstance.inference import stream
from newsstance.inference.job import run_prediction

PORTION, SHARD, PART_MB = 40, 100, 0.02


class SlowScorer:
    """Scores by a word and, as batches do, by what is scored in the same call: so it shows where portions differ."""

    model_id = "slow"

    def __init__(self, seconds):
        self.seconds = seconds
        stream.PORTION_SENTENCES = PORTION  # in the actor's process too

    def predict_proba(self, sentences, contexts=None):
        time.sleep(self.seconds)
        noise = sum(map(len, sentences)) % 97 / 1000
        words = ("admit", "never", "doubt")
        return np.array([[0.8 + noise if w in s else noise for w in words] for s in sentences], dtype=np.float32)


def run_job(input, folder, engine="local", seconds=0.0):
    output = OutputConfig(path=str(folder), shard_sentences=SHARD, part_mb=PART_MB, max_pages=5)
    stream.PORTION_SENTENCES = PORTION
    reader = ReaderConfig(workers=0)
    config = EngineConfig(engine, cpus_per_worker=1)

    def load():
        return SlowScorer(seconds)

    return run_prediction(str(input), output, reader, folder, load, model=lambda: {"id": "slow"}, engine=config)


def lose_a_node(cluster, folder, nodes, report):
    """Kill the node whose worker holds the lock of a part that is half done."""
    while True:
        time.sleep(0.02)
        for manifest in sorted(folder.glob("part-*/manifest.json")):
            record = json.loads(manifest.read_text())
            if record["shards"] and not record["complete"]:
                break
        else:
            continue
        break
    report["parts_half_done"] = sum(
        bool((record := json.loads(path.read_text()))["shards"]) and not record["complete"]
        for path in folder.glob("part-*/manifest.json")
    )
    cluster.remove_node(nodes[1], allow_graceful=False)
    report["killed_at_shards"] = len(list(folder.glob("part-*/predictions-*")))


def main():
    input, folder, case = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    report = {}
    local = run_job(input, folder.with_name(folder.name + "-local"))
    if case == "one-node":
        ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")
        summary = run_job(input, folder, "ray")
    else:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, logging_level="ERROR")
        killer = threading.Thread(target=lose_a_node, args=(cluster, folder, nodes, report))
        killer.start()
        summary = run_job(input, folder, "ray", seconds=0.15)
        killer.join()
        report["nodes_left"] = sum(node["Alive"] for node in ray.nodes())
    report |= {"local": local.to_record(), "ray": summary.to_record()}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
