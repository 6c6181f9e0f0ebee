"""What the model asks of the CPU and of the libraries that compute on it."""

import os
import subprocess
import sys

import pytest

from newsstance.model import cpu

NAME = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def test_primitives_are_kept_as_asked_unless_the_user_says_how_many(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    with cpu.primitives_kept(64):
        assert os.environ[NAME] == "64"
    assert NAME not in os.environ
    monkeypatch.setenv(NAME, "7")
    with cpu.primitives_kept(64):
        assert os.environ[NAME] == "7"
    assert os.environ[NAME] == "7"


@pytest.mark.skipif(not cpu.multiplies_bf16(), reason="torch asks oneDNN where the CPU multiplies bf16")
def test_torch_takes_the_number_after_it_was_imported():
    """Training sets it when torch is long loaded."""
    code = """
import sys, torch
from newsstance.model.cpu import primitives_kept
layer = torch.nn.Linear(384, 1536).bfloat16()
def megabytes():
    for rows in range(1, 700):
        layer(torch.ones(rows, 384, dtype=torch.bfloat16))
    return int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0]) / 1024
with torch.inference_mode():
    if sys.argv[1] == "few":
        with primitives_kept(64):
            print(megabytes())
    else:
        print(megabytes())
"""
    few, many = (
        float(subprocess.run([sys.executable, "-c", code, word], capture_output=True, text=True, check=True).stdout)
        for word in ("few", "many")
    )
    assert few < many - 10
