"""Inputs at paths and addresses."""

import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from ngc.errors import DatasetError

TIMEOUT_S = 30.0
"""How long a server may keep silent."""

MOST_BYTES = 256 << 20
"""Of one input: more than any photograph has; a wrong address may lead to any amount."""


_KEYS = re.compile(r"(?i)([?&][^=&#]*(?:key|token|sig|secret|pass|auth|cred)[^=&#]*=)[^&#]*")
_USER = re.compile("(?<=://)[^/?#]*@")


def is_remote(address: str) -> bool:
    """Returns whether an address is read from a server."""
    return address.lower().startswith(("http://", "https://"))


def shown(address: str) -> str:
    """Returns an address for messages and records: without a user's name and password, and without what opens it in its query, such as signatures."""
    return _KEYS.sub(r"\1***", _USER.sub("***@", address)) if is_remote(address) else address


def local_path(address: str, folder: Path) -> Path:
    """Returns the file of a path, taken from `folder` where it is relative, or of a file: address.

    Raises:
        DatasetError: a file: address is another machine's.
    """
    if not address.lower().startswith("file:"):
        return folder / address
    parts = urllib.parse.urlsplit(address)
    if parts.netloc not in ("", "localhost"):
        raise DatasetError(f"{address}: a file on the machine {parts.netloc}; expected file:///path")
    return folder / urllib.request.url2pathname(parts.path)


def read_address(address: str, folder: Path, timeout_s: float = TIMEOUT_S) -> bytes:
    """Returns what lies at a path or an address.

    Raises:
        DatasetError: it cannot be read, or has more than MOST_BYTES.
    """
    try:
        if is_remote(address):
            if _USER.search(address):
                raise DatasetError(f"{shown(address)}: cannot be read: a user's name and password in an address are not supported")
            with urllib.request.urlopen(address, timeout=timeout_s) as response:
                data: bytes = response.read(MOST_BYTES + 1)
                announced = response.headers.get("Content-Length", "")
        else:
            announced, path = "", local_path(address, folder)
            if path.is_fifo():
                raise DatasetError(f"{path}: a pipe, which may never end; expected a file")
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:  # urllib.error.URLError is an OSError; ValueError: no such address can be
        raise DatasetError(f"{shown(address)}: cannot be read: {_said(error)}") from error
    if len(data) > MOST_BYTES:
        raise DatasetError(f"{shown(address)}: more than {MOST_BYTES >> 20} MiB, which no input has")
    if announced.isdecimal() and len(data) < int(announced):  # http.client raises no error where a server hangs up
        raise DatasetError(f"{shown(address)}: cannot be read: the server hung up after {len(data)} of {announced} bytes")
    return data


def _said(error: Exception) -> str:
    """Returns what the system or the server said."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # it is an answer, with its connection
    cause = error.reason if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError) else error
    return str(getattr(cause, "strerror", None) or cause)
