"""Collects *.ngir files with `# RUN:` lines and runs them in this process.

A line is `ngc-opt %s ... | filecheck %s`, where `%s` is the file, `%t` a fresh path and `%r` the root of the repository. `not` before ngc-opt expects exit
code 1 (`not=2` another one), and `2>&1` lets filecheck see what went to the standard error stream. `&&` stands between commands that share `%t`.
"""

import contextlib
import io
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from filecheck.main import main as filecheck

from ngc.opt.main import OptMain


class Failure(Exception):
    """A run line that did not do what it should."""


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Collector | None:
    """Makes every .ngir file a test file."""
    return File.from_parent(parent, path=file_path) if file_path.suffix == ".ngir" else None


class File(pytest.File):
    """One .ngir file: an item for each of its RUN lines."""

    def collect(self) -> Iterator[pytest.Item]:
        runs = [line.partition("RUN:")[2].strip() for line in self.path.read_text().splitlines() if line.startswith("# RUN:")]
        if not runs:
            raise self.CollectError(f"{self.path} has no '# RUN:' line")
        for number, run in enumerate(runs, 1):
            yield Item.from_parent(self, name=f"run{number}", run=run)


class Item(pytest.Item):
    """One RUN line."""

    def __init__(self, run: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]  # pytest's own arguments
        self.run = run

    def runtest(self) -> None:
        with TemporaryDirectory() as folder:
            replaced = self.run
            for name, path in (("%s", str(self.path)), ("%t", f"{folder}/out"), ("%r", str(self.config.rootpath))):
                replaced = replaced.replace(name, shlex.quote(path))
            for line in replaced.split("&&"):
                opt, *checks = (shlex.split(command) for command in line.split("|"))
                text = run_opt(opt)
                for check in checks:
                    run_filecheck(check, text)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, Failure):
            return f"RUN: {self.run}\n{excinfo.value}"
        return str(excinfo.getrepr(style="short"))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}: {self.run}"


def run_opt(command: list[str]) -> str:
    """Runs ngc-opt and returns what it printed; Failure where it exits with another code than expected."""
    wanted = 0
    if command[0].startswith("not"):
        wanted = int(command.pop(0).partition("=")[2] or 1)
    if command[0] != "ngc-opt":
        raise Failure(f"a run line begins with ngc-opt, not {command[0]!r}")
    merged = "2>&1" in command
    out = io.StringIO()
    err = out if merged else io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = OptMain([argument for argument in command[1:] if argument != "2>&1"]).run()
    if code != wanted:
        raise Failure(f"ngc-opt exited with {code}, not {wanted}\n{out.getvalue()}\n{'' if merged else err.getvalue()}")
    return out.getvalue()


def run_filecheck(command: list[str], text: str) -> None:
    """Runs filecheck on a text; Failure with its message where a check fails."""
    if command[0] != "filecheck":
        raise Failure(f"only filecheck can read ngc-opt's output, not {command[0]!r}")
    messages, stdin = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(text)
    try:
        with contextlib.redirect_stdout(messages), contextlib.redirect_stderr(messages):
            filecheck(command)
    except SystemExit as exit:
        if exit.code not in (0, None):
            raise Failure(f"{messages.getvalue()}\n--- what ngc-opt printed ---\n{text}") from None
    finally:
        sys.stdin = stdin
