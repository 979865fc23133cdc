"""What makes a case interesting, asked of a shell command."""

import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ngc.ir import print_graph, save_weights
from ngc.opt.reduce.case import Case
from ngc.opt.reduce.checks import Check, Verdict
from ngc.passes import format_pipeline

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


@dataclass
class CommandCheck(Check):
    """The command exits with 0 for the case's IR, weights and pipeline."""

    command: str
    timeout: float | None = None
    workers: int = 1

    def look(self, case: Case) -> Verdict:
        with TemporaryDirectory(prefix="ngc-reduce-") as folder:
            ir, weights = Path(folder) / "case.ngir", Path(folder) / "case.npz"
            ir.write_text(print_graph(case.graph) + "\n", encoding="utf-8")
            save_weights(case.graph, weights)
            status, output = run_command(filled_in(self.command, ir, weights, format_pipeline(case.passes)), self.timeout)
        if status is None:
            return Verdict(False, f"the command took longer than {self.timeout:g} s")
        shown = f"the command exits with {status}" + (f"; the end of its output:\n{output.rstrip()}" if output.strip() else " and prints nothing")
        return Verdict(status == 0, shown)
