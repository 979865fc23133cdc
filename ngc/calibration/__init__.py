"""Calibration: runs a model in float32 and finds the ranges of its activations, for executables that compute in integers.

The package stands above code generation and the runtime, which it runs models with; of what it finds, passes get plain data (`ngc.passes.value_ranges`).
"""

from ngc.calibration.collect import collect
from ngc.calibration.driver import calibrate
from ngc.calibration.quantizable import fingerprint, quantizable, quantizable_passes
from ngc.calibration.table import CalibrationTable
from ngc.calibration.thresholds import DEFAULT_MODE, MODES

__all__ = ["DEFAULT_MODE", "MODES", "CalibrationTable", "calibrate", "collect", "fingerprint", "quantizable", "quantizable_passes"]
