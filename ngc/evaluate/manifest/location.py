"""Where a manifest's files are: paths relative to it, `file:` and `http(s):` addresses."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ngc.errors import ManifestError

REMOTE = ("http", "https")


@dataclass(frozen=True)
class Location:
    """An address over HTTP, or a path of this machine."""

    address: str

    @property
    def is_remote(self) -> bool:
        """Whether it takes a network."""
        return urlsplit(self.address).scheme.lower() in REMOTE

    @property
    def name(self) -> str:
        """The file's name, without folders and what else an address has; it is safe to be one in a folder of ours."""
        path = unquote(urlsplit(self.address).path) if self.is_remote else self.address
        name = path.rpartition("/")[2].replace("\0", "")
        return name if name not in ("", ".", "..") else "file"

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
        ManifestError: an address is of a kind that cannot be read.
    """
    if _scheme(where) or not base:
        return _resolve(where, folder)
    start = _resolve(base, folder)
    if start.is_remote:
        return Location(f"{start.address.rstrip('/')}/{where.lstrip('/')}")
    return Location(str(start.path / where))


def _resolve(where: str, folder: Path) -> Location:
    scheme = _scheme(where)
    if scheme in REMOTE:
        if not _host(where):
            raise ManifestError(f"{where}: an address without a host")
        return Location(where)
    if scheme == "file":
        parts = urlsplit(where)
        if parts.netloc not in ("", "localhost"):
            raise ManifestError(f"{where}: a file of another machine; file:///folder/file is one of this machine")
        return Location(str(folder / unquote(parts.path)))
    if scheme:
        raise ManifestError(f"{where}: addresses of {scheme}: cannot be read; http:, https:, file: and paths can")
    return Location(str(folder / where))


def _host(where: str) -> str:
    try:
        return urlsplit(where).hostname or ""
    except ValueError:  # brackets that are no IPv6 address
        return ""


def _scheme(where: str) -> str:
    """Returns the scheme of an address in lower case, "" for a path; a colon further on is part of a file's name."""
    head, colon, _ = where.partition(":")
    return head.lower() if colon and head.isascii() and head.replace("+", "").isalnum() and len(head) > 1 else ""
