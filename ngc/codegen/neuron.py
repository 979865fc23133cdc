"""Regions for AWS Neuron: StableHLO, HLO, and the compiler's NEFF where neuronx-cc is at hand."""

import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.neuron_compiler import COMPILER, compile_hlo, compiler_version, core_flags, find_compiler
from ngc.codegen.stablehlo import StableHloModule, emit_stablehlo
from ngc.codegen.stablehlo.hlo import hlo_module
from ngc.codegen.tensor_spec import graph_specs
from ngc.engines import EngineOptions, EngineTarget
from ngc.errors import EngineError
from ngc.ir import Graph

logger = logging.getLogger(__name__)


def build_neuron(region: Graph, name: str, target: EngineTarget, options: EngineOptions, precision: str) -> EngineImage:
    """Returns the image of a region: its StableHLO and HLO, and the NEFF with the compiler's log where neuronx-cc is on the PATH.

    Args:
        region: a graph of fixed shapes, its element types those that it is to be computed in.
        precision: what the element types are, for the record.

    Raises:
        CodegenError: nodes have no form in StableHLO.
        EngineError: jaxlib is not installed, the compiler failed, it cannot do what the options ask, or work_dir cannot be
            written to.
    """
    started = time.perf_counter()
    core_flags(target, options)  # refuses before anything is built
    module = emit_stablehlo(region)
    files = {"stablehlo": module.text.encode(), "hlo": hlo_module(module.text)}
    facts: dict[str, Any] = {"family": target.family, "precision": precision, "parameter_dtypes": dtypes_of(region, module), "jaxlib": version("jaxlib")}
    with _folder(options.work_dir) as folder:
        model = _write(module, files["hlo"], folder, name)
        compiler = None if target.family == "cpu" else find_compiler()
        if compiler is not None:
            facts["compiler"] = compiler_version(compiler, folder)
            files |= compile_hlo(compiler, name, model, target, options)
        elif target.family != "cpu":
            facts["compiler"] = None
            logger.warning("%s is not on the PATH: the engine %s keeps its StableHLO and HLO and has no NEFF; AWS's package repository for Neuron has the "
                           "compiler", COMPILER, name)
    facts["build_seconds"] = round(time.perf_counter() - started, 3)
    inputs, outputs = graph_specs(region)
    return EngineImage(name, target.engine, inputs, outputs, files, module.parameters, facts)


def dtypes_of(region: Graph, module: StableHloModule) -> list[str]:
    """Returns the element types of a module's parameters, in their order."""
    dtypes = {value.name: value.type.dtype for value in region.values() if value.is_const}
    return [dtypes[parameter] for parameter in module.parameters]


@contextmanager
def _folder(work_dir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Gives the folder that the compiler works in: the user's, which stays, or a temporary one.

    Raises:
        EngineError: the user's cannot be made.
    """
    if work_dir is None:
        # A process that the compiler left behind may still write there.
        with tempfile.TemporaryDirectory(prefix="ngc-neuron-", ignore_cleanup_errors=True) as made:
            yield Path(made)
        return
    folder = Path(work_dir).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"work_dir={os.fspath(work_dir)!r} cannot be made: {error.strerror or error}") from error
    yield folder


def _write(module: StableHloModule, hlo: bytes, folder: Path, name: str) -> Path:
    """Writes a module in both of its forms, and returns the path of the HLO, which the compiler takes."""
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    model = folder / f"{stem}.hlo.pb"
    try:
        model.write_bytes(hlo)
        (folder / f"{stem}.stablehlo.mlir").write_text(module.text)
    except OSError as error:
        raise EngineError(f"the engine {name} cannot be written to {folder}: {error.strerror or error}") from error
    return model
