"""The Neuron compiler, neuronx-cc: its command line, running it, and what its failures mean.

What the compiler may do with precision is said on its command line, always: `--auto-cast none`, so that f32 stays f32 and 16 bits are where the module has
them, unless the user's own flags say otherwise. The options are those of the Neuron Compiler CLI reference (awsdocs-neuron, neuronx-cc).
"""

import codecs
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ngc.engines import EngineOptions, EngineTarget
from ngc.engines.options import flag_words
from ngc.errors import EngineError

COMPILER = "neuronx-cc"

SHARDED_FAMILIES = {"trn2": 2}
"""Over how many NeuronCores the compiler can spread a module, by family; elsewhere over one."""

_TAIL = 20
"""How many of the log's last lines an error shows."""

_PATIENCE = 120.0
"""Seconds in which the compiler must have said its version."""

_GLANCE = 0.1
"""Seconds between two looks at what the compiler said."""


def find_compiler() -> str | None:
    """Returns the absolute path of the compiler, which runs in another folder than this process; None where it is not on the PATH."""
    found = shutil.which(COMPILER)
    return None if found is None else os.path.abspath(found)


def core_flags(target: EngineTarget, options: EngineOptions) -> list[str]:
    """Returns what says over how many cores the compiler spreads the module; EngineError where it cannot."""
    cores = options.pipeline_cores
    if cores == 1 or target.family == "cpu":
        return []
    if cores != SHARDED_FAMILIES.get(target.family):
        raise EngineError(f"{COMPILER} has no pipelines of NeuronCores (--neuroncore-pipeline-cores was of Inf1's neuron-cc) and compiles for {target.family} "
                          f"for {_cores_of(target.family)}, not for {cores}. To keep {cores} cores busy, run one process for each of them "
                          "(NEURON_RT_VISIBLE_CORES), with pipeline_cores=1")
    return ["--logical-nc-config", str(cores)]


def _cores_of(family: str) -> str:
    return f"1 or {SHARDED_FAMILIES[family]} cores" if family in SHARDED_FAMILIES else "one core"


def command_line(compiler: str, model: Path, neff: Path, log: Path, target: EngineTarget, options: EngineOptions) -> list[str]:
    """Returns the compiler's command line: ngc's options, then the user's flags; of options given twice the compiler takes the last.

    Raises:
        EngineError: the compiler cannot spread the module over as many cores as the options ask for.
    """
    given = flag_words(options.flags)
    policy = [] if any(re.match(r"--auto-cast(=|$)", word) for word in given) else ["--auto-cast", "none"]
    verbose = ["--verbose", "info"] if options.verbose else []
    return [compiler, "compile", str(model), "--framework", "XLA", "--target", target.family, "--output", str(neff), "--logfile", str(log),
            *policy, *core_flags(target, options), *verbose, *given]


def compile_hlo(compiler: str, name: str, model: Path, target: EngineTarget, options: EngineOptions) -> dict[str, bytes]:
    """Returns the NEFF and the log of a module's file, compiled in its folder.

    Raises:
        EngineError: the compiler failed, was killed, or left no NEFF; the message has the end of its log.
    """
    folder, stem = model.parent, model.name.removesuffix(".hlo.pb")
    neff, log = folder / f"{stem}.neff", folder / f"{stem}.log"
    for stale in (neff, log):
        stale.unlink(missing_ok=True)
    command = command_line(compiler, model, neff, log, target, options)
    status, said = _run(command, folder, verbose=options.verbose)
    text = (log.read_text(errors="replace") if log.exists() else "") + said
    if problem := _problem(status, neff):
        kept = f"its files are in {folder}" if options.work_dir is not None else "work_dir=... keeps its files"
        raise EngineError(f"{COMPILER} {problem}, for the engine {name}; {kept}\n  {shlex.join(command)}\n{_tail(text)}")
    return {"neff": neff.read_bytes(), "log": text.encode()}


def compiler_version(compiler: str, folder: Path) -> str:
    """Returns the compiler's version as it says it; EngineError where it does not."""
    try:
        status, said = _run([compiler, "--version"], folder, limit=_PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{compiler} --version did not end within {_PATIENCE:g} seconds") from error
    if status:
        raise EngineError(f"{compiler} --version {_ending(status)}; {_tail(said)}")
    return next(iter(said.strip().splitlines()), "unknown")


def _run(command: Sequence[str], folder: Path, *, verbose: bool = False, limit: float | None = None) -> tuple[int, str]:
    """Returns the compiler's exit status and what it wrote to its standard streams, which `verbose` shows as it comes.

    It writes to a file: a pipe stays open as long as any process that it left behind lives.

    Raises:
        EngineError: it does not run.
        subprocess.TimeoutExpired: it has not ended after `limit` seconds, and was killed.
    """
    with tempfile.TemporaryFile(dir=folder) as said:
        try:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        except OSError as error:
            raise EngineError(f"{command[0]} cannot be run: {error}") from error
        try:
            if verbose:
                _show(process, said)
            status = process.wait(limit)
        finally:
            process.kill()  # nothing happens where it has ended
            process.wait()
        return status, _written(said, 0).decode(errors="replace")


def _show(process: "subprocess.Popen[bytes]", said: BinaryIO) -> None:
    """Shows what a process writes until it ends."""
    shown, running, decoder = 0, True, codecs.getincrementaldecoder("utf-8")("replace")
    while running:
        running = process.poll() is None
        new = _written(said, shown)
        shown += len(new)
        sys.stderr.write(decoder.decode(new, final=not running))
        if running:
            time.sleep(_GLANCE)


def _written(said: BinaryIO, start: int) -> bytes:
    """Returns what a file holds from `start` on, and leaves the place alone where its writers, who share it, are."""
    return os.pread(said.fileno(), os.fstat(said.fileno()).st_size - start, start)


def _problem(status: int, neff: Path) -> str:
    """Returns what went wrong with a run of the compiler and what to do, empty where nothing did."""
    if status == -signal.SIGKILL:
        return "was killed, as happens when memory runs out (a machine with more memory, or flags=[\"--optlevel 1\"], may help)"
    if status < 0:
        return _ending(status)
    if status:
        return f"{_ending(status)} (its log names flags that it does not know and operations that it lacks)"
    if not neff.is_file() or not neff.stat().st_size:
        return "ended well but wrote no NEFF (a full disk, or flags that move its output, can be the cause)"
    return ""


def _ending(status: int) -> str:
    """Returns how a process failed; signals of real time have numbers only."""
    if status > 0:
        return f"failed with the exit status {status}"
    names = {item.value: item.name for item in signal.Signals}
    return f"died of the signal {names.get(-status, -status)}"


def _tail(text: str) -> str:
    lines = text.strip().splitlines()
    if not lines:
        return "it wrote nothing to its log"
    return "the end of its log:\n" + "\n".join(f"  {line}" for line in lines[-_TAIL:])
