"""Downloads over HTTP."""

from collections.abc import Callable
from pathlib import Path

from ngc import __version__
from ngc.errors import ManifestError
from ngc.evaluate.inputs.addresses import shown

Progress = Callable[[str, int, int], None]
"""Is told of a download: its address without secrets, the bytes that are there, and how many there will be (0 where the server does not say)."""

TIMEOUT_SECONDS = 30
"""For a connection to be made, and between two pieces of an answer."""

MOST_BYTES = 8 << 30
"""Of one file."""

_CHUNK = 1 << 18


class Unreachable(ManifestError):
    """A file is not to be had: no network, no server, no such file."""


def download(url: str, path: Path, progress: Progress | None = None) -> None:
    """Writes what is at an address to a file; redirections are followed.

    Raises:
        Unreachable: the server cannot be reached, does not have the file, or ends before all of it is sent.
        ManifestError: the file has more than MOST_BYTES.
        OSError: the file cannot be written.
    """
    import pooch
    import requests
    from urllib3.exceptions import HTTPError

    origin = shown(url)
    headers = {"User-Agent": f"ngc/{__version__}", "Accept-Encoding": "identity"}
    responses: list[requests.Response] = []  # pooch leaves them open where they fail
    keep = {"response": lambda response, **options: responses.append(response)}
    downloader = pooch.HTTPDownloader(progressbar=_Bar(origin, progress), chunk_size=_CHUNK, timeout=TIMEOUT_SECONDS, headers=headers, hooks=keep)
    try:
        downloader(url, str(path), None)
    except requests.HTTPError as error:
        answer = f"{error.response.status_code} {error.response.reason}" if error.response is not None else str(error)
        raise Unreachable(f"{origin}: the server answers {answer}") from None
    except requests.Timeout:
        raise Unreachable(f"{origin}: the server did not answer within {TIMEOUT_SECONDS} seconds") from None
    except requests.exceptions.ChunkedEncodingError:
        raise Unreachable(f"{origin}: the connection ended before the whole file was there") from None
    except requests.ConnectionError as error:
        raise Unreachable(f"{origin}: cannot be reached: {_reason(error)}") from None
    except (requests.RequestException, HTTPError) as error:  # HTTPError: a host that is no name
        raise Unreachable(f"{origin}: cannot be downloaded: {str(error).replace(url, origin)}") from None
    finally:
        for response in responses:
            response.close()


class _Bar:
    """Pooch's protocol of a progress bar, which counts in whole chunks and starts over at the end; it ends what would never end."""

    def __init__(self, url: str, progress: Progress | None) -> None:
        self.url, self.progress = url, progress
        self.total = self.done = 0

    def update(self, count: int) -> None:
        self.done = min(self.done + count, self.total or self.done + count)
        if max(self.done, self.total) > MOST_BYTES:
            raise ManifestError(f"{self.url}: more than {MOST_BYTES} bytes; no model is that large")
        if self.progress is not None:
            self.progress(self.url, self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def _reason(error: BaseException) -> str:
    """Returns the innermost cause of an error, which is the operating system's word."""
    text, seen = str(error), 0
    cause: BaseException | None = error
    while cause is not None and seen < 10:
        if isinstance(cause, OSError) and cause.strerror:
            text = cause.strerror
        inner = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        cause, seen = (inner if isinstance(inner, BaseException) else cause.__context__), seen + 1
    return text
