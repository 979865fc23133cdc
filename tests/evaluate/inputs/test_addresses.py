"""Inputs from servers, and file: addresses."""

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ngc.errors import DatasetError
from ngc.evaluate.inputs import addresses, read_address, urls_file


class Images(BaseHTTPRequestHandler):
    """Has one image."""

    def do_GET(self) -> None:
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "99")
            self.end_headers()
            self.wfile.write(b"image")
            return
        content = b"image" if self.path == "/image" else b""
        self.send_response(200 if content else 404)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Images) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_server_is_read(server: str, tmp_path: Path) -> None:
    assert read_address(f"{server}/image", tmp_path) == b"image"


def test_what_a_server_does_not_have_is_an_error(server: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"{server}/none: cannot be read: HTTP Error 404: Not Found"):
        read_address(f"{server}/none", tmp_path)


def test_half_an_answer_is_an_error(server: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="/cut: cannot be read: the server hung up after 5 of 99 bytes"):
        read_address(f"{server}/cut", tmp_path)


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(DatasetError, match=r"cannot be read: .*timed out"):
        read_address(f"http://127.0.0.1:{silent.getsockname()[1]}/image", tmp_path, timeout_s=0.05)


@pytest.mark.parametrize(("address", "message"), [
    ("http://127.0.0.1:1/image", "cannot be read: Connection refused$"),
    ("http://[/image", "cannot be read: Invalid IPv6 URL"),
    ("http://127.0.0.1:a/image", "cannot be read: nonnumeric port"),
    ("http://127.0.0.1/a b", "cannot be read: URL can't contain control characters"),
    ("file://elsewhere/image", "a file on the machine elsewhere; expected file:///path"),
    ("nul\0byte", "cannot be read: embedded null byte"),
])
def test_addresses_that_lead_nowhere_are_errors(tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_address(address, tmp_path)


@pytest.mark.parametrize(("address", "told"), [
    ("http://127.0.0.1:1/a?X-Amz-Signature=hidden&part=1&token=hidden#x", "http://127.0.0.1:1/a?X-Amz-Signature=***&part=1&token=***#x: cannot be read: "),
    ("http://me:hidden@127.0.0.1:1/a", "http://***@127.0.0.1:1/a: cannot be read: a user's name and password in an address are not supported"),
])
def test_secrets_of_addresses_are_not_told(tmp_path: Path, address: str, told: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_address(address, tmp_path)
    assert str(caught.value).startswith(told)
    (tmp_path / "urls").write_text(address)
    assert urls_file(tmp_path / "urls").sample(0).input_id == told.partition(": ")[0]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DatasetError, match="pipe: a pipe, which may never end; expected a file"):
        read_address("pipe", tmp_path)


def test_an_endless_file_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "MOST_BYTES", 1 << 20)
    with pytest.raises(DatasetError, match="/dev/zero: more than 1 MiB, which no input has"):
        read_address("/dev/zero", Path())
