"""Fixtures of tests that call ngc-eval's command line in this process."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ngc.evaluate.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the current folder, which is empty; configuration and data of the user lie in it too."""
    monkeypatch.chdir(tmp_path)
    for name in ("config", "data"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / name))
    return tmp_path


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ngc-eval in an empty folder."""

    def run(*argv: str) -> Ran:
        capsys.readouterr()
        code = main(argv)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


def digits(*flags: str, mode: str = "dataset") -> Sequence[str]:
    """Returns the arguments that evaluate the digits network on its held-out digits."""
    data = ("--dataset_name", "digits") if mode == "dataset" else ()
    return ("predict", mode, "--model_name", "digits", "--threads", "1", "--workers", "1", *data, *flags)
