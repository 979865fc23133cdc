"""What jaxlib makes of a StableHLO text: a checked module, and the HLO that XLA's compilers read. The only file that imports its MLIR."""

import os
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from ngc.errors import CodegenError, EngineError

_POSITION = re.compile(r'error: "-":(\d+):\d+')
_OPERATION = re.compile(r"see current operation: (%\w+ = )")
_LOCATION = re.compile(r'error: ("[^"]*")')

JAXLIB = "0.4.38"
"""The version whose insides are used here: its MLIR, its conversion to HLO, its clients without JAX."""

_WIDTH = 200
"""How much of a line an error shows."""


def jaxlib_client() -> Any:
    """Returns the module `jaxlib.xla_client`, told to write warnings and errors only unless TF_CPP_MIN_LOG_LEVEL says otherwise.

    Raises:
        EngineError: jaxlib is not installed, or of a version with other insides.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    try:
        import jaxlib.xla_client as xla_client
    except ImportError as error:
        raise EngineError(f"XLA is reached through jaxlib, which cannot be imported ({error}); pip install 'ngc[neuron]' installs it") from error
    if lacking := [name for name in ("mlir", "jax_jit") if not hasattr(xla_client._xla, name)]:
        raise _other_version(lacking)
    return xla_client


def _other_version(lacking: Sequence[str]) -> EngineError:
    return EngineError(f"jaxlib {version('jaxlib')} has no {' and no '.join(lacking)}; ngc works with jaxlib {JAXLIB}: pip install 'ngc[neuron]' installs it")


def verify_stablehlo(text: str) -> None:
    """Returns where jaxlib's parser and verifier accept a module.

    Raises:
        CodegenError: they do not; the message has what they say and the line that it is about.
        EngineError: jaxlib is not installed, or of a version with other insides.
    """
    jaxlib_client()
    try:
        from jaxlib.mlir import ir
        from jaxlib.mlir._mlir_libs import register_jax_dialects
        from jaxlib.mlir.dialects import chlo, stablehlo
    except ImportError as error:
        raise _other_version([str(error.name)]) from error

    registry = ir.DialectRegistry()
    register_jax_dialects.register_dialects(registry)
    context = ir.Context()
    context.append_dialect_registry(registry)
    stablehlo.register_dialect(context)
    chlo.register_dialect(context)
    with context:
        try:
            ir.Module.parse(text).operation.verify()
        except ir.MLIRError as error:
            raise CodegenError(f"StableHLO's verifier refuses the module: {error}{_context(text, str(error))}") from error


def _context(text: str, message: str) -> str:
    """Returns the line of the text that a message is about: by its position, the operation or the location that it quotes; nothing where it has none."""
    lines = text.splitlines()
    if position := _POSITION.search(message):
        found = [int(position[1]) - 1]
    elif operation := _OPERATION.search(message):
        found = [at for at, line in enumerate(lines) if line.lstrip().startswith(operation[1])]
    elif location := _LOCATION.search(message):
        found = [at for at, line in enumerate(lines) if f"loc({location[1]}" in line]
    else:
        found = []
    if not found or found[0] >= len(lines):
        return ""
    line = lines[found[0]].strip()
    return f"\nline {found[0] + 1}: {line if len(line) <= _WIDTH else line[:_WIDTH - 4] + ' ...'}"


def hlo_module(text: str) -> bytes:
    """Returns a StableHLO module as a serialized HloModuleProto.

    Raises:
        CodegenError: the module is not valid, or has no form in HLO.
        EngineError: jaxlib is not installed.
    """
    verify_stablehlo(text)
    xla = jaxlib_client()._xla
    try:
        computation = xla.mlir.mlir_module_to_xla_computation(text, use_tuple_args=False, return_tuple=False)
    except (xla.XlaRuntimeError, ValueError) as error:
        raise CodegenError(f"XLA has no HLO for the StableHLO module: {error}") from error
    proto: bytes = computation.as_serialized_hlo_module_proto()
    return proto
