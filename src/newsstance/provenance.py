"""Where a result came from: config, code revision, library versions, data."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from newsstance.resources import checkout_dir
from newsstance.version import VERSION

LIBRARIES = (
    "torch",
    "transformers",
    "datasets",
    "scikit-learn",
    "hydra-core",
    "numpy",
    "tokenizers",
    "sentencex",
    "trafilatura",
    "spacy",
)


def code_revision() -> str:
    """The git commit of the checkout that runs ("+changes" where there are uncommitted ones), else the version."""
    checkout = checkout_dir()
    if checkout is None:
        return f"newsstance {VERSION}"

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(checkout), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return f"newsstance {VERSION}"


def library_versions() -> dict[str, str]:
    """Version of each library that can change a result, and of Python."""
    versions = {"python": platform.python_version(), "newsstance": VERSION}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions


def hash_json(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of ``value`` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def hash_lines(lines: Iterable[str]) -> str:
    """First 16 hex digits of the SHA-256 of ``lines`` in their order."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()[:16]


class Run:
    """The folder of one run and what is known of it: ``config.yaml``, ``run.json``, the log.

    Attributes:
        folder: The run's folder, made by Hydra.
        facts: What ``run.json`` holds.
    """

    def __init__(self, folder: Path, command: str, config: dict[str, Any]) -> None:
        import yaml

        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        self.facts: dict[str, Any] = {
            "command": command,
            "arguments": sys.argv[1:],
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "config_hash": hash_json(config),
            "code_revision": code_revision(),
            "libraries": library_versions(),
        }
        self._write()

    def record(self, **facts: Any) -> None:
        """Add ``facts`` (data hash, model, paths, figures) to ``run.json``."""
        self.facts.update(facts)
        self._write()

    def _write(self) -> None:
        text = json.dumps(self.facts, indent=2, ensure_ascii=False)
        # A name typed in bytes that are no UTF-8 stands in the arguments as half characters, and is written so.
        (self.folder / "run.json").write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
