"""Files at URLs of any kind that fsspec knows, streamed; only URLs that the user typed are ever opened."""

from __future__ import annotations

import glob
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from itertools import takewhile
from typing import Any, NoReturn

from newsstance.articles.article import UnreadableError
from newsstance.errors import InputError

_WEB = ("http", "https")
_BUFFER = 1 << 20
"""Each read of a store goes through another thread, so that small ones are slow."""
_BLOCKS = {"block_size": 1 << 21, "cache_type": "blockcache"}
"""32 blocks are kept. The columns of Parquet are read in turn, far from each other: the one window that stores have by
default (50 MB in S3) is fetched anew at each turn."""
_IN_BLOCKS = (*_WEB, "s3", "s3a", "gs", "gcs", "hf")
_VERSION = ("size", "mtime", "updated", "LastModified", "Last-Modified", "ETag", "oid", "sha256", "blob_id", "xet_hash")
_EXTRAS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a URL.

    Attributes:
        url: Where it lies.
        relative: Its path below the folder or glob that was typed; its name where it was typed itself.
    """

    url: str
    relative: str


def find_remote(typed: str) -> list[RemoteFile]:
    """The files that the URL ``typed`` names: a file, a folder or a glob.

    In a chain of URLs (``zip://*.csv::https://…``, ``simplecache::s3://…``) the first that names a path may be a folder
    or glob.

    Raises:
        InputError: Where there is none, or the store cannot be reached.
    """
    links = typed.split("::")
    first = next((n for n, link in enumerate(links) if "://" in link), 0)  # caches before it name no path
    scheme = links[first].partition("://")[0]
    try:
        system, path = _resolve(typed)
        if _is_glob(scheme, path):
            root, paths = _fixed_part(path), _matches(system, path)
            if not paths and scheme not in _WEB:
                with suppress(Exception):  # the brackets may be part of a name, or there is nothing
                    root, paths = _named(system, path)
        else:
            root, paths = _named(system, path)
    except InputError:
        raise
    except Exception as error:  # each store has its own errors
        _fail(typed, error)
    if scheme not in _WEB:
        paths = [name for name in paths if not name.endswith("/")]  # empty objects by which consoles show folders
    if not paths:
        what = "the glob matches no file" if _is_glob(scheme, path) else "the folder holds no file"
        raise InputError.at(typed, what, remedy="check input=, and quote it for the shell")
    short = [name.partition("?")[0] for name in paths] if scheme in _WEB else paths
    if len(set(short)) < len(paths):  # pages that nothing else tells apart
        short = paths
    urls = ["::".join([*links[:first], system.unstrip_protocol(name), *links[first + 1 :]]) for name in paths]
    return [RemoteFile(url, _relative(name, root)) for url, name in zip(urls, short, strict=True)]


@contextmanager
def open_remote(url: str) -> Iterator[io.BufferedReader]:
    """Open ``url``; blocks are fetched as they are read, which a slow reader survives.

    Web servers that do not give parts of files are read in one stream.

    Raises:
        UnreadableError: Where it cannot be opened; the stream raises the same where the connection breaks.
    """
    try:
        system, path = _resolve(url)
        scheme = url.partition("://")[0]
        is_streamed = scheme in _WEB and not _gives_ranges(url)
        options = {"block_size": 0} if is_streamed else _BLOCKS if scheme in _IN_BLOCKS else {}
        opened = system.open(path, "rb", **options)
    except InputError as error:
        raise UnreadableError(str(error)) from error
    except Exception as error:
        raise UnreadableError(f"cannot be opened: {_explain(error)}") from error
    with opened:
        yield io.BufferedReader(_RemoteStream(opened, opened.seekable() and not is_streamed), _BUFFER)


def remote_state(url: str) -> str:
    """What the store tells about the version of a file: size, date, checksum."""
    try:
        system, path = _resolve(url)
        found = system.info(path)
    except Exception:
        return "missing"
    return " ".join(f"{key}={found[key]}" for key in _VERSION if key in found)


def _gives_ranges(url: str) -> bool:
    """Whether a web server says that it gives parts of files; fsspec does not tell."""
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, method="HEAD"), timeout=60) as answer:
            return str(answer.headers.get("Accept-Ranges")).strip().lower() == "bytes"
    except (OSError, ValueError, HTTPException):
        return False


def _resolve(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    scheme = url.partition("://")[0]
    try:
        system, path = url_to_fs(url, **(_no_time_limit() if scheme in _WEB else {}))
    except ImportError as error:
        package = "'newsstance[remote]'" if scheme in _EXTRAS else ""
        remedy = f"pip install {package}" if package else " ".join(str(error).split())
        raise InputError.at(url, f"a package for {scheme}:// is missing", remedy=remedy) from error
    return system, path


def _no_time_limit() -> dict[str, Any]:
    """Aiohttp ends every answer after five minutes, in which a large file is not read; silence is limited instead."""
    import aiohttp

    return {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=300)}}


def _is_glob(scheme: str, path: str) -> bool:
    """Question marks and brackets are part of web addresses."""
    return "*" in path.partition("?")[0] if scheme in _WEB else glob.has_magic(path)


def _fixed_part(pattern: str) -> str:
    return "/".join(takewhile(lambda part: not glob.has_magic(part), pattern.split("/")[:-1]))


def _named(system: Any, path: str) -> tuple[str, list[str]]:
    """The file or folder ``path``: the folder that ids start below, and the files."""
    if system.info(path)["type"] == "file":
        return path.rstrip("/").rpartition("/")[0], [path]
    return path.rstrip("/"), _below(system, path)


def _matches(system: Any, pattern: str) -> list[str]:
    """All files that ``pattern`` matches, and those below the folders that it matches; hidden ones if it says so."""
    paths = set()
    for name, found in system.glob(pattern, detail=True).items():
        paths |= set(_below(system, name)) if found["type"] == "directory" else {name}
    root = _fixed_part(pattern)
    return sorted(name for name in paths if "/." in pattern or not _is_hidden(name, root))


def _below(system: Any, folder: str) -> list[str]:
    """All files below ``folder`` that are not hidden, sorted."""
    return sorted(name for name in system.find(folder) if not _is_hidden(name, folder.rstrip("/")))


def _is_hidden(name: str, root: str) -> bool:
    """Members of an archive may be called ``../x``, which hides nothing: they are read, and none is unpacked."""
    return any(part.startswith(".") and part not in {".", ".."} for part in name.removeprefix(root).split("/"))


def _relative(name: str, root: str) -> str:
    return name.removeprefix(root).strip("/") or name


def _fail(typed: str, error: Exception) -> NoReturn:
    if isinstance(error, FileNotFoundError) and not error.__cause__:
        raise InputError.at(typed, "no such file or folder", remedy="check input=") from error
    if isinstance(error, ValueError) and "rotocol not known" in str(error):
        raise InputError.at(typed, "no such kind of URL is known", remedy="https, s3, gs, hf, file, ...") from error
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error  # HTTP: why the file is not found
    raise InputError.at(typed, f"cannot be read: {_explain(cause)}") from error


def _explain(error: Exception) -> str:
    return f"{type(error).__name__} {' '.join(str(error).split())[:200]}".strip()


class _RemoteStream(io.RawIOBase):
    """Bytes of an fsspec file; whatever its store raises becomes `UnreadableError`."""

    def __init__(self, inner: Any, is_seekable: bool) -> None:
        self._inner, self._is_seekable = inner, is_seekable

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._is_seekable

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._inner.seek(offset, whence))

    def tell(self) -> int:
        return int(self._inner.tell())

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except Exception as error:  # each store has its own errors
            raise UnreadableError(f"the connection broke: {_explain(error)}") from error
        buffer[: len(data)] = data
        return len(data)
