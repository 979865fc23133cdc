"""Shell commands of users that judge IR: `ngc-opt reduce --interesting` and `--bisect-auto`."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ngc.ir import Graph, print_graph, save_weights

TAIL = 2000
"""How many characters of a command's output are kept."""


def filled_in(command: str, ir: Path, weights: Path, pipeline: str) -> str:
    """Returns a command with `{ir}`, `{weights}` and `{pipeline}` replaced, quoted for the shell; a command without `{ir}` gets the IR as its last argument."""
    if "{ir}" not in command:
        command += " {ir}"
    for name, value in (("{ir}", str(ir)), ("{weights}", str(weights)), ("{pipeline}", pipeline)):
        command = command.replace(name, shlex.quote(value))
    return command


def run_command(command: str, timeout: float | None = None, running: "set[subprocess.Popen[bytes]] | None" = None) -> tuple[int | None, str]:
    """Runs a shell command; returns its exit status, None where it took too long, and the end of its output.

    It is in a process group of its own, all of which ends with it; while it runs its process is in `running`, so that `stop` ends it from elsewhere.
    """
    with subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        running = set() if running is None else running
        running.add(process)
        try:
            output, _ = process.communicate(timeout=timeout)
        except BaseException as error:
            stop(process)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                return None, ""
            raise
        finally:
            running.discard(process)
    return process.returncode, output.decode("utf-8", "replace")[-TAIL:]


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ends a command and what it started."""
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def files_of(graph: Graph) -> Iterator[tuple[Path, Path]]:
    """Writes a graph's text and the data of its constants for a while; yields the two files."""
    with TemporaryDirectory(prefix="ngc-opt-") as folder:
        ir, weights = Path(folder) / "case.ngir", Path(folder) / "case.npz"
        ir.write_text(print_graph(graph) + "\n", encoding="utf-8")
        save_weights(graph, weights)
        yield ir, weights
