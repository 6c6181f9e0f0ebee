"""One real run of everything with the real encoder, and every command that the README shows, in its words."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from newsstance.commands.main import main
from newsstance.resources import data_dir

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder after `newsstance pipeline experiment=debug`, with the files that the README speaks of."""
    folder = tmp_path_factory.mktemp("workplace")
    example = (data_dir() / "example" / "article.txt").read_text()
    (folder / "articles").mkdir()
    paragraphs = "".join(f"<p>{paragraph}</p>" for paragraph in example.split("\n\n"))
    page = f"<html><head><title>One</title></head><body><article>{paragraphs}</article></body></html>"
    (folder / "articles" / "one.html").write_text(page)
    shutil.copy(folder / "articles" / "one.html", folder / "article.html")
    (folder / "article.txt").write_text(example)
    lines = (data_dir() / "corpus" / "fact_check.jsonl").read_text().splitlines()
    (folder / "my.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "gold.jsonl").write_text("\n".join(lines[:60]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["pipeline", "experiment=debug", "input=article.html"]) == 0
    return folder


def test_the_pipeline_leaves_model_report_and_predictions(workplace):
    run = workplace / "outputs" / "latest"
    assert (run / "model" / "model.safetensors").exists()
    assert (run / "model" / "README.md").read_text().startswith("---")
    assert "<html" in (run / "report.html").read_text()
    assert (run / "example" / "predictions.jsonl").stat().st_size > 1000
    assert (run / "input" / "predictions.jsonl").stat().st_size > 1000
    facts = json.loads((run / "run.json").read_text())
    assert {"data_hash", "training_key", "code_revision", "config_hash"} <= facts.keys()


def test_a_second_run_reuses_the_model_and_says_so(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    model = (workplace / "outputs" / "latest" / "model").resolve()
    written = (model / "model.safetensors").stat().st_mtime_ns
    assert main(["pipeline", "experiment=debug", "evaluation=quick"]) == 0
    assert (workplace / "outputs" / "latest" / "model").resolve() == model
    assert (model / "model.safetensors").stat().st_mtime_ns == written
    assert "reusing it" in (workplace / "outputs" / "latest" / "pipeline.log").read_text()


def rows_of(path: str) -> list[dict]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def readme_commands() -> list[str]:
    """Every line of the README that starts with ``newsstance`` in a shell block, without its remark."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("newsstance ")]


SHORTER = {"train": ["trainer=debug"], "evaluate": ["evaluation=quick"]}


def test_the_commands_of_the_readme_run(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    commands = readme_commands()
    assert len(commands) >= 8
    for line in commands:
        words = shlex.split(line)[1:]
        if "encoder=" in line or "-m" in words:  # needs a network; a grid of full trainings
            words += ["--cfg", "job"]
            words = [word for word in words if word != "-m" and not re.search(r"=.*,", word)]
        elif "--help" not in words:
            words += SHORTER.get(words[0], [])
        assert main(words) == 0, f"{line}\n{capsys.readouterr().err}"


def test_the_python_of_the_readme_runs(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    if not Path("my_model").exists():
        shutil.copytree("outputs/latest/model", "my_model")
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        exec(block, {})


def test_the_export_scores_like_the_model(workplace, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(workplace)
    assert main(["export", "output=exported"]) == 0
    assert main(["predict", "input=article.txt", "model=exported", "backend=onnxruntime", "output=onnx.jsonl"]) == 0
    assert main(["predict", "input=article.txt", "output=torch.jsonl"]) == 0
    onnx, torch = rows_of("onnx.jsonl"), rows_of("torch.jsonl")
    assert [row["labels"] for row in onnx] == [row["labels"] for row in torch]
    for one, other in zip(onnx, torch, strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-3)


@pytest.mark.shared
def test_real_pages_are_read_and_predicted_on(workplace, monkeypatch, shared):
    monkeypatch.chdir(workplace)
    assert main(["predict", f"input={shared}/pages", "output=pages_out/predictions.jsonl"]) == 0
    rows = rows_of("pages_out/predictions.jsonl")
    assert len({row["doc"] for row in rows}) == len(list((shared / "pages").glob("*.html.gz")))
    assert not list(Path("pages_out").glob("rejects*"))
