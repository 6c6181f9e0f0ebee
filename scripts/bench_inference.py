"""Speed and memory of inference, against what one would write without newsstance.

    python scripts/bench_inference.py MODEL --sentences FILE.jsonl [--count 2000] [--rounds 5]
    python scripts/bench_inference.py MODEL --sentences FILE.jsonl --pages FOLDER   # also whole jobs on HTML

MODEL is a folder that ``newsstance export`` has been run on (``int8=true``, ``first_pass=true`` for those rows). Every
system runs in a process of its own that is loaded once; the systems take turns, round by round, so that a noisy machine
slows all of them alike, and the ratios are taken within a round. ``pysbd`` is needed for ``--pages`` only.
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
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench_memory import SECONDS_BETWEEN_LOOKS, memory_of

PIPELINE = "pipeline"
SYSTEMS: dict[str, dict[str, Any]] = {
    "torch fp32": {"name": "torch"},
    "torch bf16": {"name": "torch", "precision": "bf16"},
    "onnxruntime fp32": {"name": "onnxruntime"},
    "onnxruntime int8": {"name": "onnxruntime", "precision": "int8"},
    "openvino fp32": {"name": "openvino"},
    "openvino bf16": {"name": "openvino", "precision": "bf16"},
    "openvino int8": {"name": "openvino", "precision": "int8"},
    "onnxruntime fp32, first pass": {"name": "onnxruntime", "first_pass": True},
    "onnxruntime int8, first pass": {"name": "onnxruntime", "precision": "int8", "first_pass": True},
    "openvino fp32, first pass": {"name": "openvino", "first_pass": True},
    "openvino bf16, first pass": {"name": "openvino", "precision": "bf16", "first_pass": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--sentences", type=Path, required=True, help="JSONL with a field text")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="systems whose name starts so")
    parser.add_argument("--pages", type=Path, help="folder of HTML pages")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--script", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options)
    elif options.script:
        straightforward_script(options)
    else:
        print_scoring(options)
        if options.pages:
            print_pages(options)


def read_sentences(options: argparse.Namespace) -> list[str]:
    """``count`` sentences, drawn at random with a fixed seed."""
    texts = [json.loads(line)["text"] for line in options.sentences.read_text().splitlines()]
    order = np.random.default_rng(0).permutation(len(texts))[: options.count]
    return [texts[i] for i in order]


# One system in its own process: it loads, then scores all sentences once for each line on stdin.


def serve(options: argparse.Namespace) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    sentences = read_sentences(options)
    score = load_pipeline(options.model) if options.serve == PIPELINE else load_system(options)
    score(sentences[:64])
    answers.write(json.dumps({"loaded_mb": peak_mb()}) + "\n")
    answers.flush()
    for line in sys.stdin:
        start = time.perf_counter()
        scores = score(sentences)
        answer = {"seconds": time.perf_counter() - start, "peak_mb": peak_mb()}
        np.save(line.strip(), scores)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def load_pipeline(model: Path) -> Any:
    from transformers import pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    classify = pipeline("text-classification", model=str(model), top_k=None, device="cpu")
    labels = [classify.model.config.id2label[i] for i in range(len(classify.model.config.id2label))]

    def score(sentences: list[str]) -> np.ndarray:
        answers = classify(sentences, batch_size=32, truncation=True)
        return np.array([[{a["label"]: a["score"] for a in answer}[label] for label in labels] for answer in answers])

    return score


def load_system(options: argparse.Namespace) -> Any:
    from newsstance.configuration.groups import BackendConfig, Precision
    from newsstance.inference.backends import load_backend

    chosen = {"precision": "fp32"} | SYSTEMS[options.serve]
    backend = load_backend(str(options.model), BackendConfig(**chosen | {"precision": Precision(chosen["precision"])}))

    def score(sentences: list[str]) -> np.ndarray:
        portion = 2048  # as ``newsstance predict`` does
        return np.concatenate(
            [backend.predict_proba(sentences[i : i + portion]) for i in range(0, len(sentences), portion)]
        )

    return score


def peak_mb() -> float:
    """Peak resident memory of this process, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class Served:
    """A system that runs in another process."""

    def __init__(self, name: str, options: argparse.Namespace, count: int) -> None:
        self.name = name
        self.seconds: list[float] = []
        self.peak = 0.0
        words = [sys.executable, __file__, str(options.model), "--sentences", str(options.sentences)]
        self.process = subprocess.Popen(
            [*words, "--count", str(count), "--serve", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def is_ready(self) -> bool:
        """Wait until it is loaded; says why where it cannot be."""
        assert self.process.stdout
        assert self.process.stderr
        if self.process.stdout.readline():
            return True
        reason = (self.process.stderr.read().strip().splitlines() or ["no reason given"])[-1]
        print(f"{self.name}: left out: {reason.rpartition('Error: ')[2][:150]}")
        return False

    def score(self, file: Path) -> np.ndarray:
        """Let it score once and note the time."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{file}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.seconds.append(answer["seconds"])
        self.peak = answer["peak_mb"]
        return np.load(file)

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


def print_scoring(options: argparse.Namespace) -> None:
    sentences = read_sentences(options)
    options.count = len(sentences)
    names = [PIPELINE, *(n for n in SYSTEMS if not options.only or n.startswith(tuple(options.only)))]
    served = [
        system
        for system in (Served(name, options, len(sentences)) for name in drop_emulated(names))
        if system.is_ready()
    ]
    rates: dict[str, list[float]] = {precision: [] for precision in drop_emulated(["fp32", "bf16"])}
    scores = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for precision, measured in rates.items():
                measured.append(matrix_rate(precision))
            for system in served:
                scores[system.name] = system.score(Path(folder) / "scores.npy")
    for system in served:
        system.stop()
    lengths = token_lengths(options, sentences)
    ceilings = print_ceilings(options, lengths, rates)
    base = served[0]
    whole = lengths <= read_at_once(options)  # the pipeline cuts the others
    reference = scores[PIPELINE][whole]
    print(f"labels and scores are compared on the {whole.sum()} sentences that the pipeline reads whole")
    head = ("sent/s", "ceiling", "peak MB", "ratio (range)", "same labels", "largest diff")
    print(f"{'system':30s} {head[0]:>8s} {head[1]:>8s} {head[2]:>8s} {head[3]:>20s} {head[4]:>12s} {head[5]:>13s}")
    for system in served:
        ratios = [b / s for b, s in zip(base.seconds, system.seconds, strict=True)]
        found = scores[system.name][whole]
        same = ((reference >= 0.5) == (found >= 0.5)).all(axis=1).mean()
        difference = np.abs(reference - found).max()
        rate = len(sentences) / statistics.median(system.seconds)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        ceiling = ceilings.get(SYSTEMS.get(system.name, {}).get("precision", "fp32"))
        fraction = f"{rate / ceiling:.0%}" if ceiling else "-"
        figures = f"{rate:8.0f} {fraction:>8s} {system.peak:8.0f} {spread:>20s} {same:12.2%} {difference:13.4f}"
        print(f"{system.name:30s} {figures}")


def drop_emulated(names: list[str]) -> list[str]:
    """Without bf16 where the CPU would emulate it many times slower."""
    from newsstance.model.cpu import multiplies_bf16

    return [name for name in names if "bf16" not in name or multiplies_bf16()]


def matrix_rate(precision: str) -> float:
    """FLOP/s of matrix products of the model's shape, on all cores."""
    import torch

    from newsstance.model.cpu import cores

    torch.set_num_threads(cores())
    number = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = torch.randn(2048, 384, dtype=number), torch.randn(384, 1536, dtype=number)
    for _ in range(3):
        a @ b
    start, times = time.perf_counter(), 60
    for _ in range(times):
        a @ b
    return times * 2 * 2048 * 384 * 1536 / (time.perf_counter() - start)


def token_lengths(options: argparse.Namespace, sentences: list[str]) -> np.ndarray:
    """Tokens of each sentence, none cut off."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return np.array([len(e.ids) for e in tokenizer.encode_batch(sentences)])


def read_at_once(options: argparse.Namespace) -> int:
    """Most tokens that the model reads."""
    return int(json.loads((options.model / "tokenizer_config.json").read_text())["model_max_length"])


def print_ceilings(options: argparse.Namespace, lengths: np.ndarray, rates: dict[str, list[float]]) -> dict[str, float]:
    """Print, and return, how many sentences/s the matrix rate allows in each precision that torch multiplies in."""
    config = json.loads((options.model / "config.json").read_text())
    width, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    one_layer = (2 * (4 * width * width + 2 * width * inner) * lengths + 4 * width * lengths**2).mean()
    flops = (layers - 1) * one_layer  # the last layer is computed for one token alone
    work = f"{layers * one_layer / 1e6:.0f} MFLOP each, {flops / 1e6:.0f} without the last layer"
    print(f"{len(lengths)} sentences, {lengths.mean():.1f} tokens, {work}; {options.rounds} rounds")
    for precision, measured in rates.items():
        rate = statistics.median(measured)
        spread = f"{min(measured) / 1e9:.0f}-{max(measured) / 1e9:.0f}"
        print(
            f"matrix products: {rate / 1e9:.0f} GFLOP/s in {precision} ({spread}); "
            f"ceiling without skipping: {rate / flops:.0f} sentences/s"
        )
    return {precision: statistics.median(measured) / flops for precision, measured in rates.items()}


# Whole jobs on HTML pages.


def print_pages(options: argparse.Namespace) -> None:
    words = [sys.executable, __file__, str(options.model), "--sentences", str(options.sentences)]
    script = [*words, "--pages", str(options.pages), "--script"]
    with tempfile.TemporaryDirectory() as folder:

        def predict(*more: str) -> list[str]:
            command = [
                sys.executable,
                "-m",
                "newsstance",
                "predict",
                f"input={options.pages}",
                f"model={options.model}",
            ]
            return [*command, f"output={folder}/rows.jsonl", f"hydra.run.dir={folder}/run", "output.html=false", *more]

        systems = {
            "trafilatura + pysbd + pipeline": script,
            "newsstance predict": predict(),
            "newsstance predict, first pass": predict("backend=onnxruntime", "backend.first_pass=true"),
        }
        if not (options.model / "first_pass.json").exists():
            systems.popitem()
        seconds: dict[str, list[float]] = {name: [] for name in systems}
        peaks, sentences = dict.fromkeys(systems, 0.0), dict.fromkeys(systems, 0)
        for _ in range(options.rounds):
            for name, command in systems.items():
                taken, peak = run_whole(command, Path(folder) / "stdout")
                seconds[name].append(taken)
                peaks[name] = max(peaks[name], peak)
                rows = Path(folder) / ("stdout" if command is script else "rows.jsonl")
                scored = map(json.loads, rows.read_text().splitlines())
                sentences[name] = sum(len(row) if command is script else 1 for row in scored)
    count = sum(1 for path in options.pages.rglob("*") if path.is_file())
    print(f"\n{count} HTML pages, from the shell to the result")
    base = next(iter(seconds.values()))
    for name, taken in seconds.items():
        ratios = [b / s for b, s in zip(base, taken, strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        middle = statistics.median(taken)
        speed = f"{count / middle:6.2f} pages/s {sentences[name] / middle:6.0f} sentences/s"
        print(f"{name:32s} {speed} {middle:7.2f} s {peaks[name]:6.0f} MB  {spread}")


def run_whole(command: list[str], stdout: Path) -> tuple[float, float]:
    """Seconds that ``command`` took, and the peak of memory of it and its children together, in MB."""
    start, peak = time.perf_counter(), 0.0
    with stdout.open("w") as target:
        process = subprocess.Popen(command, stdout=target, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                peak = max(peak, memory_of(psutil.Process(process.pid))[0])
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return time.perf_counter() - start, peak


def straightforward_script(options: argparse.Namespace) -> None:
    """What one would write in ten lines; prints the scores of a page's sentences as a line of JSON."""
    import gzip

    import pysbd
    import trafilatura

    score = load_pipeline(options.model)
    segmenter = pysbd.Segmenter(language="en", clean=False)
    for path in sorted(p for p in options.pages.rglob("*") if p.is_file()):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = trafilatura.extract(raw) or ""
        sentences = [s.strip() for line in text.splitlines() for s in segmenter.segment(line) if s.strip()]
        if sentences:
            print(json.dumps(score(sentences).tolist()))


if __name__ == "__main__":
    main()
