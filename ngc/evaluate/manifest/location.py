"""Where a manifest's files are: paths relative to it, `file:` and `http(s):` addresses."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ngc.errors import DatasetError, ManifestError
from ngc.evaluate.inputs.addresses import is_remote, local_path, shown

_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]+):")
"""Begins an address; a single letter would rather be a drive's."""


@dataclass(frozen=True)
class Location:
    """An address over HTTP, or a path of this machine."""

    address: str

    @property
    def is_remote(self) -> bool:
        """Whether it takes a network."""
        return is_remote(self.address)

    @property
    def name(self) -> str:
        """The file's name, without folders and what else an address has; it is safe to be one in a folder of ours."""
        path = unquote(urlsplit(self.address).path) if self.is_remote else self.address
        name = path.rpartition("/")[2].replace("\0", "")
        return name if name not in ("", ".", "..") else "file"

    @property
    def origin(self) -> str:
        """The address for messages: without secrets."""
        return shown(self.address)

    @property
    def path(self) -> Path:
        """The path of a file that is not remote."""
        return Path(self.address)


def locate(where: str, base: str, folder: Path) -> Location:
    """Returns where a file is.

    Args:
        where: its address, an absolute path, or its path relative to `base`.
        base: an address, an absolute path, or a path relative to `folder`; "" is `folder`.
        folder: the manifest's.

    Raises:
        ManifestError: an address is of a kind that cannot be read, or is none.
    """
    if _SCHEME.match(where) or not base:
        return _resolve(where, folder)
    start = _resolve(base, folder)
    return Location(f"{start.address.rstrip('/')}/{where.lstrip('/')}" if start.is_remote else str(start.path / where))


def _resolve(where: str, folder: Path) -> Location:
    if is_remote(where):
        try:
            host = urlsplit(where).hostname
        except ValueError:  # brackets that are no IPv6 address
            host = None
        if not host:
            raise ManifestError(f"{shown(where)}: not an address; it names no host")
        return Location(where)
    scheme = _SCHEME.match(where)
    if scheme and scheme[1].lower() != "file":
        raise ManifestError(f"{where}: addresses of {scheme[1]}: cannot be read; http:, https:, file: and paths can")
    try:
        return Location(str(local_path(where, folder)))
    except DatasetError as error:
        raise ManifestError(str(error)) from None
