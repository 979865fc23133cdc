"""What makes a case interesting, asked of a shell command."""

import subprocess
from dataclasses import dataclass, field

from ngc.opt.commands import files_of, filled_in, run_command, stop
from ngc.opt.reduce.case import Case
from ngc.opt.reduce.checks import Check, Verdict
from ngc.passes import format_pipeline


@dataclass
class CommandCheck(Check):
    """The command exits with 0 for the case's IR, weights and pipeline."""

    command: str
    timeout: float | None = None
    workers: int = 1
    running: "set[subprocess.Popen[bytes]]" = field(default_factory=set, init=False)

    def leave(self) -> None:
        for process in list(self.running):
            stop(process)

    def look(self, case: Case) -> Verdict:
        with files_of(case.graph) as (ir, weights):
            status, output = run_command(filled_in(self.command, ir, weights, format_pipeline(case.passes)), self.timeout, self.running)
        if status is None:
            return Verdict(False, f"the command took longer than {self.timeout:g} s")
        shown = f"the command exits with {status}" + (f"; the end of its output:\n{output.rstrip()}" if output.strip() else " and prints nothing")
        return Verdict(status == 0, shown)
