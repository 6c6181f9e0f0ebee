"""How many cores a process uses."""

import os

from newsstance import cores


def test_cores_follow_environment_and_quota(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores.cores() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(cores, "_CGROUP_QUOTA", quota)
    for text, expected in (("max 100000", 8), ("150000 100000", 2), ("5000 100000", 1)):
        quota.write_text(text)
        assert cores.cores() == expected
