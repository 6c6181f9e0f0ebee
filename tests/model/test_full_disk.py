"""A disk that fills while a checkpoint is written: one line, nothing half written left behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import importlib.util, subprocess, sys
from pathlib import Path
folder = Path({folder!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size={size}", "tmpfs", str(folder)], check=True)
spec = importlib.util.spec_from_file_location("training_job", {training!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
from newsstance.commands.messages import one_line
try:
    module.train(module.job(Path({encoder!r}), epochs=2, freeze_embeddings={frozen}), folder / "model")
except Exception as error:
    print("said:", one_line(error))
print("left:", sorted(path.name for path in (folder / "model" / "checkpoints").iterdir()))
"""


def can_mount() -> bool:
    words = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(("size", "frozen"), [("3m", True), ("8m", False)], ids=["model", "optimizer"])
def test_a_full_disk_is_said_so(tiny_encoder, tmp_path, size, frozen):
    """The model of a checkpoint (safetensors, 4 MB) does not fit, or its optimizer (torch, 8 MB)."""
    if not can_mount():
        pytest.skip("no file system can be mounted here (unshare)")
    folder = tmp_path / "small_disk"
    folder.mkdir()
    script = SCRIPT.format(
        folder=str(folder),
        size=size,
        training=str(Path(__file__).with_name("test_training.py")),
        encoder=str(tiny_encoder),
        frozen=frozen,
    )
    answer = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", script],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no space left on the disk" in answer.stdout, answer.stdout + answer.stderr
    assert "left: ['job.key']" in answer.stdout
