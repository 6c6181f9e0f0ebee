"""Fetch the files of public repositories at pinned commits: over https (resumable) or by git."""

from __future__ import annotations

import errno
import hashlib
import http.client
import logging
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from newsstance.corpus.standoff import Source
from newsstance.errors import InputError

LOG = logging.getLogger(__name__)

RAW_BASE = "https://raw.githubusercontent.com"
_CHUNK = 64 * 1024
_TIMEOUT_S = 30.0
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
_GONE = {401, 403, 404, 410, 451}

Progress = Callable[[str], None]
"""Called with the path of each file that is settled."""


class GoneError(Exception):
    """The file is not where it should be; the others may be."""


@dataclass(frozen=True)
class Fetcher:
    """Downloads single files.

    Attributes:
        base: Where ``OWNER/REPOSITORY/COMMIT/PATH`` is served: https, http or file URL.
        attempts: Tries a file before it is given up.
        pause_s: Seconds before the second try; doubled for each further one.
        workers: Downloads at a time.
        max_bytes: Largest file that is taken.
    """

    base: str = RAW_BASE
    attempts: int = 4
    pause_s: float = 1.0
    workers: int = 4
    max_bytes: int = 512 * 1024 * 1024

    def fetch(self, source: Source, folder: Path, progress: Progress) -> dict[str, str]:
        """Bring the files of ``source`` into ``folder``; what lies there already with the right hash is kept.

        Returns:
            File → what is wrong with it: missing, or other than what was labelled. Empty where all is well.

        Raises:
            InputError: Where the server cannot be reached; a further call goes on where this one stopped.
        """

        def settle(path: str) -> str | None:
            problem = self._settle(self.url(source, path), folder / path, source.files[path])
            progress(path)
            return problem

        pool = ThreadPoolExecutor(self.workers)
        try:
            problems = dict(zip(source.files, pool.map(settle, source.files), strict=True))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return {path: problem for path, problem in problems.items() if problem}

    def url(self, source: Source, path: str) -> str:
        """Address of one file at the pinned commit."""
        repository = urllib.parse.urlsplit(source.repository).path.strip("/").removesuffix(".git")
        return f"{self.base.rstrip('/')}/{repository}/{source.commit}/{urllib.parse.quote(path)}"

    def _settle(self, url: str, target: Path, sha256: str) -> str | None:
        if target.is_file() and hash_file(target) == sha256:
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        rejected = ""
        for _ in range(3):  # a file that arrives twice with the same wrong hash is what the server has
            try:
                self._download(url, part)
            except GoneError as error:
                part.unlink(missing_ok=True)
                return str(error)
            found = hash_file(part)
            if found == sha256:
                part.replace(target)
                return None
            if found == rejected:
                break
            rejected = found
            part.unlink()
        if part.exists():
            part.replace(target)  # each row has a hash of its own: what is unchanged can still be used
        return f"{url} differs from the file that was labelled (SHA-256 {rejected[:12]}…)"

    def _download(self, url: str, part: Path) -> None:
        for attempt in range(1, self.attempts + 1):
            try:
                self._receive(url, part)
                return
            except urllib.error.HTTPError as error:
                if error.code in _GONE:
                    raise GoneError(f"{url}: {error.code} {error.reason}") from error
                if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    part.unlink(missing_ok=True)
                problem: Exception = error
            except urllib.error.URLError as error:
                if isinstance(error.reason, FileNotFoundError) or "No such file" in str(error.reason):
                    raise GoneError(f"{url}: no such file") from error
                problem = error
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and error.errno in _DISK:
                    raise
                problem = error
            LOG.debug("%s: attempt %d of %d: %s", url, attempt, self.attempts, problem)
            if attempt < self.attempts:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
        reason = getattr(problem, "reason", None) or problem
        raise InputError(f"{url}: cannot be fetched: {reason} (run the command again to go on where it stopped)")

    def _receive(self, url: str, part: Path) -> None:
        """Append to ``part`` what is missing of it, or write it anew where the server does not continue."""
        have = part.stat().st_size if part.exists() else 0
        headers = {"User-Agent": "newsstance", **({"Range": f"bytes={have}-"} if have else {})}
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            continues = have > 0 and response.status == http.HTTPStatus.PARTIAL_CONTENT
            written = have if continues else 0
            length = response.headers.get("Content-Length")
            with part.open("ab" if continues else "wb") as file:
                received = _copy(cast(IO[bytes], response), file, self.max_bytes - written, url)
        if length is not None and received != int(length):
            raise http.client.IncompleteRead(b"", int(length) - received)


def _copy(response: IO[bytes], file: IO[bytes], limit: int, url: str) -> int:
    received = 0
    while chunk := response.read(_CHUNK):
        received += len(chunk)
        if received > limit:
            raise GoneError(f"{url}: is larger than any file that belongs here")
        file.write(chunk)
    return received


def fetch_by_git(source: Source, folder: Path, progress: Progress) -> dict[str, str]:
    """As `Fetcher.fetch`, by a shallow git clone of the pinned commit, of which only the needed files are kept.

    Raises:
        InputError: Where git is not installed, or the repository or commit cannot be had.
    """
    clone = folder / ".git-clone"
    wrong = [
        path for path, sha in source.files.items() if not (folder / path).is_file() or hash_file(folder / path) != sha
    ]
    if wrong:
        clone.mkdir(parents=True, exist_ok=True)
        if not (clone / "HEAD").exists():
            _git(clone, "init", "--quiet", "--bare")
        _git(clone, "fetch", "--quiet", "--depth=1", "--", source.repository, source.commit)
    problems: dict[str, str] = {}
    for path in source.files:
        if path in wrong:
            problem = _take_from_clone(clone, source, path, folder / path)
            problems |= {path: problem} if problem else {}
        progress(path)
    return problems


def _take_from_clone(clone: Path, source: Source, path: str, target: Path) -> str | None:
    try:
        content = _git(clone, "cat-file", "blob", f"{source.commit}:{path}")
    except InputError:
        return f"{source.repository} has no file {path} at {source.commit[:12]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(content)
    part.replace(target)
    found = hashlib.sha256(content).hexdigest()
    if found != source.files[path]:
        return f"{path} at {source.commit[:12]} differs from the file that was labelled (SHA-256 {found[:12]}…)"
    return None


def _git(folder: Path, *arguments: str) -> bytes:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True, env=environment).stdout
    except FileNotFoundError as error:
        raise InputError("git is not installed: leave method=git out to fetch over https") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"git {arguments[0]} failed: {reason[-1] if reason else error}") from error


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_in(folder: Path, source: Source) -> Callable[[str], Path | None]:
    """Finds files of ``source`` in a folder that holds local copies of repositories.

    A copy is named as the source, as its ``folder`` or as the repository, and holds the file at its path or directly.
    """
    repository = source.repository.rstrip("/").rpartition("/")[2].removesuffix(".git")
    homes = [folder / name for name in dict.fromkeys((source.folder, source.name, repository)) if name]

    def find(path: str) -> Path | None:
        places = (home / name for home in homes for name in dict.fromkeys((path, Path(path).name)))
        return next((place for place in places if place.is_file()), None)

    return find
