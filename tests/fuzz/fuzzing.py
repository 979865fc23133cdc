"""Runs a reader on many inputs, with atheris, which keeps what reaches new code, or without, when each input is a kept one after a few mutations."""

import hashlib
import itertools
import logging
import random
import resource
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import readers
from tests.fuzz.reader import Reader

CORPUS = Path(__file__).parent / "corpus"
MEMORY = 1 << 30
"""Bytes of address space that a process may take beyond what it has: an array of a hostile size fails at once instead of filling the machine."""

_MOST_ROUNDS = 6


def corpus(name: str) -> list[Path]:
    """Returns the kept inputs of a reader: small files of every form, and what once broke it."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Bounds the address space of this process meanwhile."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@dataclass
class Findings:
    """What broke a reader: the first input for each place in its code, left in a folder."""

    name: str
    folder: Path
    places: dict[str, Path] = field(default_factory=dict)

    def attempt(self, reader: Reader, data: bytes) -> None:
        """Reads an input; whatever comes out but a refusal that is documented is a finding."""
        try:
            reader.read(data)
        except reader.refusals:
            return
        except Exception as error:
            self.add(data, error)

    def add(self, data: bytes, error: Exception) -> None:
        """Keeps an input, unless another one broke the same place."""
        where = place(error)
        if where not in self.places:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{self.name}-{hashlib.sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            self.places[where] = path
            print(f"{self.name}: {where}: {str(error)[:200]} ({path})", flush=True)


def place(error: BaseException) -> str:
    """Returns what tells one finding from another: the error's type, and the last lines of the project that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/ngc/" in frame.filename and "site-packages" not in frame.filename]
    lines = " < ".join(f"{frame.filename.rpartition('/ngc/')[2]}:{frame.lineno}" for frame in frames[:-3:-1])
    return f"{type(error).__name__} at {lines}"


def mutants(reader: Reader, seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Yields inputs without end: kept ones after one to six mutations, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        data = rng.choice(seeds)
        for _ in range(rng.randint(1, _MOST_ROUNDS)):
            data = reader.mutate(data, reader.most, rng)
            yield data


def run(findings: Findings, executions: int, seed: int, blind: bool) -> None:
    """Fuzzes with atheris, or without."""
    (run_blind if blind else run_atheris)(findings, executions, seed)


def run_blind(findings: Findings, executions: int, seed: int) -> None:
    """Tries mutants of the kept inputs."""
    reader = readers.load(findings.name)
    seeds = [path.read_bytes() for path in corpus(findings.name)]
    with bounded_memory(), quiet():
        for data in itertools.islice(mutants(reader, seeds, seed), executions):
            findings.attempt(reader, data)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps warnings about inputs from being written meanwhile."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def run_atheris(findings: Findings, executions: int, seed: int) -> None:
    """Tries what mutations led by coverage give, and ends the process, with a status other than 0 where something hung or crashed."""
    import atheris  # the tests do without
    from atheris.import_hook import HookManager

    # Branches lead. What values are compared with is not traced: mutations know the words of the formats, and tracing takes most of the time.
    with HookManager({"ngc"}, set(), enable_loader_override=False, trace_dataflow=False):
        reader = readers.load(findings.name)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return reader.mutate(data, min(most, reader.most), random.Random(seed))

    folder = findings.folder
    new = folder / f"{findings.name}-corpus"
    new.mkdir(parents=True, exist_ok=True)
    arguments = [sys.argv[0], f"-runs={executions}", f"-seed={seed}", f"-max_len={reader.most}", "-len_control=0", "-timeout=60", "-report_slow_units=60",
                 "-rss_limit_mb=4096", "-print_final_stats=1", "-reduce_inputs=0", "-verbosity=0", f"-artifact_prefix={folder}/{findings.name}-", str(new),
                 str(CORPUS / findings.name)]
    with bounded_memory(), quiet():
        atheris.Setup(arguments, lambda data: findings.attempt(reader, data), custom_mutator=mutate)
        atheris.Fuzz()
