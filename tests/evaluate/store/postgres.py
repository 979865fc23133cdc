"""A real PostgreSQL server for the time of the tests."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "evaluator", "secret word"

_START_SECONDS = 60
_DEBIAN = "usr/lib/postgresql/*/bin"
"""Where Debian's package `postgresql` has the server, which it keeps out of PATH."""


@dataclass(frozen=True)
class Server:
    """A server that listens on 127.0.0.1 and wants a password."""

    port: int

    def address(self, database: str = "", password: str = PASSWORD) -> str:
        """Returns the address of a database on it, or of the server where no database is named."""
        return f"postgresql://{USER}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}" + (f"/{database}" if database else "")


def find_programs() -> Path | None:
    """Returns the folder of PostgreSQL's server and `initdb`, of the newest version where there are several, or None."""
    on_path = shutil.which("initdb")
    packaged = sorted(Path("/").glob(_DEBIAN), key=lambda folder: float(folder.parent.name), reverse=True)
    folders = [Path(on_path).resolve().parent, *packaged] if on_path else packaged
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


@contextmanager
def serve(programs: Path) -> Iterator[Server]:
    """Runs a server with its data in a temporary folder."""
    unprivileged: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="ngc-postgres-"))
    try:
        if unprivileged:
            shutil.chown(folder, "nobody", "nogroup")
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        data, log = folder / "data", folder / "log"
        initialise = [programs / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initialise, check=True, capture_output=True, cwd=folder, **unprivileged)
        port = _free_port()
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        with log.open("wb") as output:
            process = subprocess.Popen([programs / "postgres", "-D", data, "-p", str(port), *options], stdout=output, stderr=output, cwd=folder, **unprivileged)
        try:
            _wait_for(process, port, log)
            yield Server(port)
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing is to be kept
            process.wait(_START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    import psycopg

    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres").close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL does not start: {error}\n{log.read_text()}") from error
            time.sleep(0.05)
        else:
            return
