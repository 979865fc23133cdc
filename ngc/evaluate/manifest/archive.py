"""Single files out of zip and tar archives.

A member is found by its name and written to a path of ours, so that nothing in an archive decides where a file goes; links and devices are no files,
and what a member claims to have is bounded before, and checked while, it is written.
"""

import errno
import lzma
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from ngc.errors import ManifestError

MOST_BYTES = 8 << 30
"""Of one member; the largest networks of MXNet's zoo have half a GiB."""

_CHUNK = 1 << 20


def extract(archive: Path, member: str, path: Path, origin: str) -> None:
    """Writes a file of an archive to a path.

    Args:
        archive: a zip file, or a tar file, compressed or not.
        member: the file's name in it; a leading ./ counts for nothing.
        path: where it goes.
        origin: the archive's place, for messages.

    Raises:
        ManifestError: it is no archive, or damaged; it has no such file, or the file is too large.
        OSError: the file cannot be written.
    """
    try:
        if zipfile.is_zipfile(archive):
            _from_zip(archive, member, path, origin)
        elif tarfile.is_tarfile(archive):
            _from_tar(archive, member, path, origin)
        else:
            raise ManifestError(f"{origin}: neither a zip nor a tar file")
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        # RuntimeError: an encrypted zip file; NotImplementedError: one with a compression that Python lacks.
        raise ManifestError(f"{origin}: {member} cannot be unpacked: {error}") from None
    except OSError as error:
        # gzip and bz2 say so of damage; a damaged zip file has its directory at a place that no file has.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ManifestError(f"{origin}: {member} cannot be unpacked: {error}") from None


def _from_zip(archive: Path, member: str, path: Path, origin: str) -> None:
    with zipfile.ZipFile(archive) as file:
        entries = {_plain(entry.filename): entry for entry in file.infolist() if not entry.is_dir()}
        entry = entries.get(_plain(member))
        if entry is None:
            raise _missing(member, list(entries), origin)
        if (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000):  # the file's type in Unix, where the archive is from there
            raise ManifestError(f"{origin}: {member} is a link or a device, not a file")
        with file.open(entry) as source:
            _copy(source, entry.file_size, path, f"{origin}: {member}")


def _from_tar(archive: Path, member: str, path: Path, origin: str) -> None:
    with tarfile.open(archive) as file:
        names = []
        for entry in file:
            if _plain(entry.name) == _plain(member):
                if not entry.isreg():
                    raise ManifestError(f"{origin}: {member} is a link, a folder or a device, not a file")
                source = file.extractfile(entry)
                assert source is not None  # regular files have content
                with source:
                    _copy(source, entry.size, path, f"{origin}: {member}")
                return
            names.append(entry.name)
    raise _missing(member, names, origin)


def _copy(source: IO[bytes], size: int, path: Path, what: str) -> None:
    if size > MOST_BYTES:
        raise ManifestError(f"{what} has {size} bytes; at most {MOST_BYTES} are unpacked")
    with path.open("wb") as target:
        shutil.copyfileobj(source, target, _CHUNK)  # both formats end a member at the size that it claims


def _missing(member: str, names: list[str], origin: str) -> ManifestError:
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return ManifestError(f"{origin}: has no file {member}; it has {shown or 'none'}")


def _plain(name: str) -> str:
    return name.removeprefix("./")
