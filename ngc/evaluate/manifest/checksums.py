"""Checksums of files: MD5 as the agents' manifests have, SHA-256, and which of them a checksum is."""

import hashlib
from pathlib import Path

from ngc.errors import ManifestError

_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 checksum of a file."""
    return _digest(path, "sha256")


def verify(path: Path, checksum: str, origin: str) -> None:
    """Does nothing where a file has a checksum, or none is asked for.

    Args:
        path: the file.
        checksum: hexadecimal digits, 32 of MD5 or 64 of SHA-256; or none.
        origin: where the file is from, for the message.

    Raises:
        ManifestError: the file has another one.
    """
    if not checksum:
        return
    name = "md5" if len(checksum) == 32 else "sha256"
    found = _digest(path, name)
    if found != checksum:
        raise ManifestError(f"{origin}: its {name.upper()} checksum is {found}, but the manifest says {checksum}: the file is damaged, or another one")


def _digest(path: Path, name: str) -> str:
    # usedforsecurity: MD5 stands against damage only, and systems in FIPS mode refuse it otherwise.
    digest = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
