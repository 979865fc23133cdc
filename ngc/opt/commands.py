"""Shell commands of users that judge IR: `ngc-opt reduce --interesting` and `--bisect-auto`."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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


def run_command(command: str, timeout: float | None) -> tuple[int | None, str]:
    """Runs a shell command with what it starts in a group of its own; returns its exit status, None where it took too long, and the end of its output."""
    with subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                return None, ""
            raise
    return process.returncode, output.decode("utf-8", "replace")[-TAIL:]


@contextmanager
def files_of(graph: Graph) -> Iterator[tuple[Path, Path]]:
    """Writes a graph's text and the data of its constants for a while; yields the two files."""
    with TemporaryDirectory(prefix="ngc-opt-") as folder:
        ir, weights = Path(folder) / "case.ngir", Path(folder) / "case.npz"
        ir.write_text(print_graph(graph) + "\n", encoding="utf-8")
        save_weights(graph, weights)
        yield ir, weights
