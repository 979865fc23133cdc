"""Every kept input, and a fixed number of mutants of them: nothing comes out of a reader but what its documentation names."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from ngc.errors import NgcError
from tests.fuzz import fuzzing, readers
from tests.fuzz.mutation import archives, raw_bytes
from tests.fuzz.reader import Reader

EXECUTIONS = 1500
"""Of each reader; `make fuzz` runs more, led by coverage."""


@pytest.mark.parametrize("name", readers.NAMES)
def test_kept_inputs(name: str, tmp_path: Path) -> None:
    kept = fuzzing.corpus(name)
    assert any(path.name.startswith("seed_") for path in kept)
    reader, findings = readers.load(name), fuzzing.Findings(name, tmp_path)
    with fuzzing.bounded_memory(), fuzzing.quiet():
        for path in kept:
            findings.attempt(reader, path.read_bytes())
    assert not findings.places


@pytest.mark.parametrize("name", readers.NAMES)
def test_seeds_are_files_that_can_be_read(name: str) -> None:
    reader = readers.load(name)
    refused = []
    with fuzzing.quiet():
        for path in fuzzing.corpus(name):
            try:
                reader.read(path.read_bytes())
            except NgcError as error:
                refused.append((path.name, str(error)))
    # Parameters of a block, and symbols that MXNet upgrades or whose operators the importer may not have yet, are refused after they were read.
    assert {path for path, _ in refused if path.startswith("seed_")} <= {"seed_structural", "seed_old", "seed_control_flow"}, refused


@pytest.mark.parametrize("name", readers.NAMES)
def test_mutants(name: str, tmp_path: Path) -> None:
    findings = fuzzing.Findings(name, tmp_path)
    fuzzing.run_blind(findings, EXECUTIONS, seed=2026)
    assert not findings.places


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for name in readers.NAMES for path in fuzzing.corpus(name)) < 500_000


@pytest.mark.parametrize("name", readers.NAMES)
def test_mutants_depend_on_the_seed_alone_and_keep_within_their_length(name: str) -> None:
    reader, seeds = readers.load(name), [path.read_bytes() for path in fuzzing.corpus(name)]
    first, again, other = ([data for data, _ in zip(fuzzing.mutants(reader, seeds, seed), range(50), strict=False)] for seed in (1, 1, 2))
    assert first == again != other
    assert max(map(len, first)) <= reader.most


def test_a_finding_is_kept_once_for_each_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def read(data: bytes) -> None:
        from ngc.ir.tensor_type import SymDim

        SymDim() * data  # a TypeError in no line of a reader
        SymDim() + data

    findings = fuzzing.Findings("name", tmp_path)
    reader = Reader(read, raw_bytes.mutate, ())
    for data in (b"a", b"a", b"b"):
        findings.attempt(reader, data)
    assert len(findings.places) == len(list(tmp_path.iterdir())) == 1
    assert capsys.readouterr().out.count("name: ") == 1


@pytest.mark.parametrize("name", readers.NAMES)
def test_mutations_take_anything(name: str) -> None:
    reader, rng = readers.load(name), random.Random(5)
    for data in (b"", b"{}", b'[[[1, {"a": "(1, 2)"}]]]', archives.START, b"\xff\x00" * 30):
        for _ in range(100):
            assert len(reader.mutate(data, 1000, rng)) <= 1000


@pytest.mark.parametrize(("arguments", "status", "text"), [
    (["cache", "--blind", "--executions", "30"], 0, "cache: 30 executions"), (["symbols"], 2, "no such reader: symbols; known: symbol, params, ir,"),
])
def test_the_command(arguments: list[str], status: int, text: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "tests.fuzz", *arguments, "--output", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert text in done.stdout + done.stderr
