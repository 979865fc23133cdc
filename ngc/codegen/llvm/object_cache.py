"""Compiled kernels on disk, shared between models and processes.

An entry is one file: a magic word, a SHA-256 digest of all that follows, the kernel's name and its object code. The
digest is checked before LLVM sees the object, since LLVM ends the process on many damaged ones. Files appear whole or
not at all. Trouble with the folder never fails a compilation: it goes on without the cache and says so once.
"""

import contextlib
import functools
import hashlib
import logging
import os
import stat
import struct
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ngc.codegen.llvm import jit
from ngc.errors import InputError

DEFAULT_LIMIT = 512 << 20

_MAGIC = b"NGCOBJ1\n"
_BODY = len(_MAGIC) + 32  # where what the digest covers begins: the name's length, the name, the object
_NAME_BYTES = 255
_LIMIT_BYTES = 32  # of the file that says how large the cache may become
_SUFFIX = ".ngcobj"
_TEMPORARY = ".new-"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One cached kernel."""

    key: str
    name: str
    bytes: int
    last_used: float


def cache_root() -> Path:
    """Returns the cache folder: NGC_CACHE_DIR, or ngc in XDG_CACHE_HOME, or ~/.cache/ngc."""
    if chosen := os.environ.get("NGC_CACHE_DIR"):
        return Path(chosen)
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "ngc"
    try:
        return Path.home() / ".cache" / "ngc"
    except RuntimeError:  # a user without a home, as containers have them
        return Path(tempfile.gettempdir()) / f"ngc-{os.geteuid()}"


def cache_key(identity: str, target: str) -> str:
    """Returns the name under which a kernel's object is kept.

    Args:
        identity: all that the kernel's code depends on besides target and generator, such as the repr of its spec.
        target: `CpuTarget.identity` of the target.
    """
    parts = (identity, target, jit.llvm_version(), sources_digest())
    # Lengths keep two different lists of parts from running into the same bytes.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def sources_digest() -> str:
    """Returns the digest of the code generator's own sources: whoever edits them never meets an old object."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [*sorted(package.rglob("*.py")), package.parents[1] / "target.py"]:
        data = path.read_bytes()
        digest.update(f"{path.relative_to(package.parents[1])} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def load(key: str) -> bytes | None:
    """Returns the object that is kept under a key, or None; a damaged entry is dropped."""
    folder = _folder(create=False)
    if folder is None:
        return None
    path = folder / f"{key}{_SUFFIX}"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _warn_once(f"cannot read {path}: {error.strerror}")
        return None
    payload = _parse(data)
    if payload is None:
        _log.warning("dropped a damaged entry of the kernel cache: %s", path)
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    # Eviction goes by this time. A cache on a read-only disk is still worth reading.
    with contextlib.suppress(OSError):
        os.utime(path)
    return payload


def store(key: str, name: str, payload: bytes) -> None:
    """Keeps an object under a key, then evicts the least recently used ones if the cache is over its limit."""
    folder = _folder(create=True)
    if folder is None:
        return
    data = _render(name, payload)
    if len(data) > limit():
        return
    try:
        write_whole(folder / f"{key}{_SUFFIX}", data)
    except OSError as error:
        _warn_once(f"cannot write to {folder}: {error.strerror}")
        return
    _usage.grew(folder, len(data))


def entries() -> list[Entry]:
    """Returns all entries, the most recently used first."""
    folder = _folder(create=False)
    found = []
    for path, status in _files(folder) if folder else []:
        try:
            with path.open("rb") as file:
                head = _head(file.read(_BODY + 2 + _NAME_BYTES))
        except OSError:
            continue  # evicted by another process meanwhile
        found.append(Entry(path.stem, head[0] if head else "(damaged)", status.st_size, status.st_mtime))
    return sorted(found, key=lambda entry: entry.last_used, reverse=True)


def clear() -> int:
    """Removes all entries and returns how many there were."""
    folder = _folder(create=False)
    removed = 0
    for path, _ in _files(folder) if folder else []:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            removed += 1
    return removed


def limit() -> int:
    """Returns the most bytes that the cache may take."""
    path = cache_root() / "limit"
    try:
        text = path.read_bytes()[:_LIMIT_BYTES].strip()
    except OSError:
        return DEFAULT_LIMIT
    if not text.isdigit():
        _warn_once(f"{path} does not hold a number of bytes; using {DEFAULT_LIMIT}")
        return DEFAULT_LIMIT
    return int(text)


def set_limit(limit_bytes: int) -> None:
    """Keeps a new limit for all later processes and evicts what is over it.

    Raises:
        InputError: the limit is negative or cannot be written.
    """
    if limit_bytes < 0:
        raise InputError(f"cache limit {limit_bytes}: accepted are 0 (keep nothing) and more bytes")
    root = cache_root()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(root / "limit", b"%d\n" % limit_bytes)
    except OSError as error:
        raise InputError(f"cannot write the cache limit to {root}: {error.strerror}") from error
    folder = _folder(create=False)
    if folder is not None:
        evict(folder, limit_bytes)


def evict(folder: Path, limit_bytes: int) -> int:
    """Removes the least recently used entries beyond a limit and returns the bytes that stay."""
    files = sorted(_files(folder), key=lambda item: item[1].st_mtime)
    total = sum(status.st_size for _, status in files)
    for path, status in files:
        if total <= limit_bytes:
            break
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        total -= status.st_size
    # A process that was killed while it wrote leaves its temporary file behind.
    for path in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - 3600:
                path.unlink()
    return total


class _Usage:
    """An estimate of the cache's size that spares a scan of the folder per entry.

    It knows what was there at the first look and what this process added; other processes watch their own additions.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets what was seen; also gives a forked child a lock that nobody holds."""
        self._lock = threading.Lock()
        self._totals: dict[Path, int] = {}

    def grew(self, folder: Path, size: int) -> None:
        """Counts a new entry, and evicts when the estimate passes the limit."""
        bound = limit()
        with self._lock:
            if folder in self._totals:
                self._totals[folder] += size
            else:
                self._totals[folder] = sum(status.st_size for _, status in _files(folder))
            if self._totals[folder] > bound:
                # A little more than needed goes, so that a full cache does not scan its folder for every entry.
                self._totals[folder] = evict(folder, bound - bound // 16)


_usage = _Usage()
os.register_at_fork(after_in_child=_usage.reset)


@functools.cache
def _warn_once(trouble: str) -> None:
    _log.warning("kernel cache: %s; going on without it", trouble)


def _folder(create: bool) -> Path | None:
    """Returns the folder of the entries, or None where there is none that can be trusted."""
    folder = cache_root() / "objects"
    try:
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except FileNotFoundError as error:
        if create:
            _warn_once(f"cannot make {folder}: {error.strerror}")
        return None
    except OSError as error:
        _warn_once(f"cannot use {folder}: {error.strerror}")
        return None
    # Objects are code: whoever may write here may run code as this user.
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        _warn_once(f"{folder} is not private (owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):o})")
        return None
    return folder


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Returns the entries' files with their status."""
    found = []
    try:
        with os.scandir(folder) as items:
            for item in items:
                if item.name.endswith(_SUFFIX):
                    with contextlib.suppress(FileNotFoundError):
                        found.append((Path(item.path), item.stat()))
    except OSError as error:
        _warn_once(f"cannot list {folder}: {error.strerror}")
    return found


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that others see all of it or nothing, whatever happens meanwhile."""
    handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _render(name: str, payload: bytes) -> bytes:
    label = name.encode()[:_NAME_BYTES]
    body = struct.pack("<H", len(label)) + label + payload
    return _MAGIC + hashlib.sha256(body).digest() + body


def _parse(data: bytes) -> bytes | None:
    """Returns the object of an entry whose digest holds, else None."""
    head = _head(data)
    if head is None or hashlib.sha256(memoryview(data)[_BODY:]).digest() != data[len(_MAGIC) : _BODY]:
        return None
    return data[head[1] :]


def _head(data: bytes) -> tuple[str, int] | None:
    """Returns the kernel's name from an entry's first bytes and where its object begins, or None if it is damaged."""
    if data[: len(_MAGIC)] != _MAGIC or len(data) < _BODY + 2:
        return None
    (length,) = struct.unpack_from("<H", data, _BODY)
    start = _BODY + 2
    return data[start : start + length].decode(errors="replace"), start + length
