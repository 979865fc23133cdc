"""Regions for AWS Neuron: StableHLO, HLO, and the compiler's NEFF where neuronx-cc is at hand.

What the compiler may do with precision is said on its command line, always: `--auto-cast none`, so that f32 stays f32 and 16 bits are where the module has
them, unless the user's own flags say otherwise. The options are those of the Neuron Compiler CLI reference (awsdocs-neuron, neuronx-cc).
"""

import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.stablehlo import StableHloModule, emit_stablehlo
from ngc.codegen.stablehlo.hlo import hlo_module
from ngc.codegen.tensor_spec import TensorSpec
from ngc.engines import EngineOptions, EngineTarget
from ngc.errors import EngineError
from ngc.ir import Graph

COMPILER = "neuronx-cc"

SHARDED_FAMILIES = {"trn2": 2}
"""Over how many NeuronCores the compiler can spread a module, by family; elsewhere over one."""

_TAIL = 20
"""How many of the log's last lines an error shows."""

logger = logging.getLogger(__name__)


def build_neuron(region: Graph, name: str, target: EngineTarget, options: EngineOptions, precision: str) -> EngineImage:
    """Returns the image of a region: its StableHLO and HLO, and the NEFF with the compiler's log where neuronx-cc is on the PATH.

    Args:
        region: a graph of fixed shapes, its element types those that it is to be computed in.
        precision: what the element types are, for the record.

    Raises:
        CodegenError: nodes have no form in StableHLO.
        EngineError: jaxlib is not installed, the compiler failed, or it cannot do what the options ask.
    """
    started = time.perf_counter()
    _core_flags(target, options)  # refuses before anything is built
    module = emit_stablehlo(region)
    files = {"stablehlo": module.text.encode(), "hlo": hlo_module(module.text)}
    facts: dict[str, Any] = {"family": target.family, "precision": precision, "parameter_dtypes": dtypes_of(region, module), "jaxlib": version("jaxlib")}
    compiler = None if target.family == "cpu" else shutil.which(COMPILER)
    if compiler is not None:
        with _folder(options.work_dir) as folder:
            facts["compiler"] = _version(compiler, folder)
            files |= _compile(compiler, name, files["hlo"], target, options, folder)
    elif target.family != "cpu":
        facts["compiler"] = None
        logger.warning("%s is not on the PATH: the engine %s keeps its StableHLO and HLO and has no NEFF; AWS's package repository for Neuron has the compiler",
                       COMPILER, name)
    facts["build_seconds"] = round(time.perf_counter() - started, 3)
    inputs, outputs = region_specs(region)
    return EngineImage(name, target.engine, inputs, outputs, files, module.parameters, facts)


def region_specs(region: Graph) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Returns a region's inputs and outputs, as its call passes them."""
    inputs = tuple(TensorSpec(public, value.type.shape, value.type.dtype) for value, public in zip(region.inputs, region.input_names, strict=True))
    outputs = tuple(TensorSpec(public, value.type.shape, value.type.dtype) for value, public in zip(region.outputs, region.output_names, strict=True))
    return inputs, outputs


def dtypes_of(region: Graph, module: StableHloModule) -> list[str]:
    """Returns the element types of a module's parameters, in their order."""
    dtypes = {value.name: value.type.dtype for value in region.values() if value.is_const}
    return [dtypes[parameter] for parameter in module.parameters]


def _core_flags(target: EngineTarget, options: EngineOptions) -> list[str]:
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
    given = [word for flag in options.flags for word in shlex.split(flag)]
    policy = [] if any(re.match(r"--auto-cast(=|$)", word) for word in given) else ["--auto-cast", "none"]
    verbose = ["--verbose", "info"] if options.verbose else []
    return [compiler, "compile", str(model), "--framework", "XLA", "--target", target.family, "--output", str(neff), "--logfile", str(log),
            *policy, *_core_flags(target, options), *verbose, *given]


def _compile(compiler: str, name: str, hlo: bytes, target: EngineTarget, options: EngineOptions, folder: Path) -> dict[str, bytes]:
    """Returns the NEFF and the log of a module, compiled in a folder.

    Raises:
        EngineError: the compiler failed, was killed, or left no NEFF; the message has the end of its log.
    """
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    model, neff, log = (folder / f"{stem}.{suffix}" for suffix in ("hlo.pb", "neff", "log"))
    model.write_bytes(hlo)
    for stale in (neff, log):
        stale.unlink(missing_ok=True)
    command = command_line(compiler, model, neff, log, target, options)
    status, said = _run(command, folder, options.verbose)
    text = (log.read_text(errors="replace") if log.exists() else "") + said
    if problem := _problem(status, neff):
        kept = f"its files are in {folder}" if options.work_dir is not None else "work_dir=... keeps its files"
        raise EngineError(f"{COMPILER} {problem}, for the engine {name}; {kept}\n  {' '.join(command)}\n{_tail(text)}")
    return {"neff": neff.read_bytes(), "log": text.encode()}


def _run(command: Sequence[str], folder: Path, verbose: bool) -> tuple[int, str]:
    """Returns the compiler's exit status and what it wrote to its standard streams, which `verbose` shows as it comes; EngineError where it does not run."""
    try:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    except OSError as error:
        raise EngineError(f"{command[0]} cannot be run: {error}") from error
    said = []
    with process:
        for line in process.stdout or ():
            said.append(line)
            if verbose:
                sys.stderr.write(line)
    return process.returncode, "".join(said)


def _problem(status: int, neff: Path) -> str:
    """Returns what went wrong with a run of the compiler and what to do, empty where nothing did."""
    if status == -signal.SIGKILL:
        return "was killed, as happens when memory runs out (a machine with more memory, or flags=[\"--optlevel 1\"], may help)"
    if status < 0:
        return f"died of the signal {signal.Signals(-status).name}"
    if status:
        return f"failed with the exit status {status} (its log names flags that it does not know and operations that it lacks)"
    if not neff.is_file() or not neff.stat().st_size:
        return "ended well but wrote no NEFF (a full disk, or flags that move its output, can be the cause)"
    return ""


def _tail(text: str) -> str:
    lines = text.strip().splitlines()
    if not lines:
        return "it wrote nothing to its log"
    return "the end of its log:\n" + "\n".join(f"  {line}" for line in lines[-_TAIL:])


@contextmanager
def _folder(work_dir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Gives the folder that the compiler works in: the user's, which stays, or a temporary one."""
    if work_dir is not None:
        folder = Path(work_dir).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ngc-neuron-") as made:
        yield Path(made)


def _version(compiler: str, folder: Path) -> str:
    """Returns the compiler's version as it says it."""
    _, said = _run([compiler, "--version"], folder, verbose=False)
    return next(iter(said.strip().splitlines()), "unknown")
