"""Files that are kept from one evaluation to the next: downloads, and members of archives.

An entry is a folder of the cache with the file and, beside it, its SHA-256 checksum, which is looked at each time the file is used. The file
is written under another name and renamed when it is whole, so that no half of one is ever taken for it; a lock that ends with its process
keeps two of them from fetching the same file at once, and lets whoever holds it clear away what a killed one left.
"""

import contextlib
import errno
import fcntl
import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from ngc.codegen.llvm.object_cache import cache_root
from ngc.errors import ManifestError
from ngc.evaluate.manifest.checksums import sha256_of, verify

FOLDER = "models"
"""Of the folder that ngc's other caches are in."""

_log = logging.getLogger(__name__)


def cached(key: str, name: str, checksum: str, origin: str, fill: Callable[[Path], None]) -> Path:
    """Returns a file of the cache.

    Args:
        key: what the file is of; a file with the same key and name is the same file.
        name: the file's name.
        checksum: that it must have; none if empty.
        origin: where it comes from, for messages.
        fill: writes the file to a path, where it is not there yet.

    Raises:
        ManifestError: `fill` fails, the file has another checksum, or the cache cannot be written.
    """
    folder = cache_root() / FOLDER / hashlib.sha256(key.encode()).hexdigest()[:24]
    path, sum_path, new = folder / name, folder / f"{name}.sha256", folder / f"{name}.new"
    with _writing(folder, origin):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{name}.lock"):
            if path.exists() and _is_whole(path, sum_path):
                try:
                    verify(path, checksum, origin)
                    return path
                except ManifestError:
                    _log.info("%s is fetched again: the manifest asks for another checksum than that of %s", origin, path)
            try:
                fill(new)
                verify(new, checksum, origin)
                sum_path.write_text(sha256_of(new))
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)
    return path


def _is_whole(path: Path, sum_path: Path) -> bool:
    expected = sum_path.read_text() if sum_path.exists() else ""
    if sha256_of(path) == expected:
        return True
    _log.warning("dropped a damaged file of the cache: %s", path)
    return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _writing(folder: Path, origin: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "; NGC_CACHE_DIR names another folder" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOTDIR) else ""
        raise ManifestError(f"{origin}: cannot be kept in {folder}: {error.strerror or error}{hint}") from None
