"""The wheel holds configs and data, and works from an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of the files that git tracks."""
    source = tmp_path_factory.mktemp("source")
    for name in ("src", "configs", "data", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        path = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(path, source / name, ignore=ignore) if path.is_dir() else shutil.copy(path, source / name)
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_holds_configs_data_and_templates(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    data = (
        "data/CODEBOOK.md",
        "data/corpus/war.jsonl",
        "data/soft_labels.parquet",
        "data/real_news/unlabelled/fnc.jsonl",
    )
    for name in ("configs/train.yaml", "configs/encoder/minilm.yaml", *data):
        assert f"newsstance/{name}" in names
    adapter = zipfile.ZipFile(wheel).getinfo("newsstance/data/model/adapter_model.safetensors")
    assert adapter.file_size <= 5_000_000
    shipped = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*") if path.is_file()}
    assert not {name for name in shipped if "__pycache__" not in name} - names


def test_an_installed_wheel_works_in_an_empty_folder(wheel, tmp_path):
    site = tmp_path / "site"
    offline = ["--disable-pip-version-check", "--no-index", "--no-deps"]
    install = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    empty = tmp_path / "empty"
    empty.mkdir()

    def newsstance(*words: str) -> str:
        command = [sys.executable, "-m", "newsstance", *words]
        answer = subprocess.run(
            command, cwd=empty, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    where = [sys.executable, "-c", "import newsstance; print(newsstance.__file__)"]
    found = subprocess.run(
        where, cwd=empty, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(str(site)), "the test would not test the wheel"
    assert "usage: newsstance train" in newsstance("train", "--help")
    newsstance("corpus", "split", "output=splits")
    assert (empty / "splits" / "train.jsonl").stat().st_size > 100_000
    newsstance("predict", f"input={ROOT}/data/example/article.txt", "output=predictions.jsonl")
    assert any(json.loads(line)["labels"] for line in (empty / "predictions.jsonl").read_text().splitlines())
    newsstance("label", "input=splits/test.jsonl", "output=labels.jsonl")
    assert (empty / "labels.jsonl").exists()
