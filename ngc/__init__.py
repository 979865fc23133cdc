"""ngc compiles Apache MXNet models for inference: `ngc.compile(model)`.

Names are loaded on first use, so that `import ngc` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ngc.errors import (
    ArtifactError,
    CodegenError,
    EngineError,
    ImportFailure,
    InputError,
    NgcError,
    ParseError,
    PassError,
    UnsupportedOperator,
    VerifyError,
)

if TYPE_CHECKING:
    from ngc.calibration import CalibrationTable, calibrate
    from ngc.driver import compile
    from ngc.engine_coverage import Coverage, coverage
    from ngc.engines import EngineOptions
    from ngc.importer import import_model
    from ngc.ir import Graph
    from ngc.ir.parser import parse
    from ngc.passes import PassManager
    from ngc.quantization import QuantizationOptions, QuantizationReport, analyze_quantization
    from ngc.runtime import Executable, TensorSpec
    from ngc.runtime.artifact import load

__version__ = "0.1.0"

__all__ = [
    "ArtifactError", "CalibrationTable", "CodegenError", "Coverage", "EngineError", "EngineOptions", "Executable", "Graph", "ImportFailure", "InputError",
    "NgcError", "ParseError", "PassError", "PassManager", "QuantizationOptions", "QuantizationReport", "TensorSpec", "UnsupportedOperator", "VerifyError",
    "__version__", "analyze_quantization", "calibrate", "compile", "coverage", "import_model", "load", "parse",
]

_LAZY = {
    "compile": "ngc.driver", "load": "ngc.runtime.artifact", "import_model": "ngc.importer", "Graph": "ngc.ir", "parse": "ngc.ir.parser",
    "CalibrationTable": "ngc.calibration", "calibrate": "ngc.calibration", "PassManager": "ngc.passes", "Executable": "ngc.runtime",
    "QuantizationOptions": "ngc.quantization", "QuantizationReport": "ngc.quantization", "analyze_quantization": "ngc.quantization",
    "TensorSpec": "ngc.runtime", "Coverage": "ngc.engine_coverage", "coverage": "ngc.engine_coverage", "EngineOptions": "ngc.engines",
}


def __getattr__(name: str) -> Any:
    if name == "compat":
        return import_module("ngc.compat")
    if name not in _LAZY:
        raise AttributeError(f"module 'ngc' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "compat"})
