"""From calibration data to what the quantize pass goes by: the options of `precision="int8"`, and where its ranges come from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ngc.calibration import CalibrationTable, collect, fingerprint
from ngc.errors import InputError
from ngc.ir import Graph
from ngc.passes.value_ranges import Quantization, ValueRange
from ngc.target import host_target


@dataclass(frozen=True)
class QuantizationOptions:
    """How `ngc.compile(precision="int8", quantization=...)` quantizes.

    Attributes:
        mode: how ranges are chosen from what calibration counted: "mse", "naive", "percentile" or "entropy"; that of the table unless given.
        parameters: of the mode, such as {"percent": 99.9}.
        exclude: layers that stay in f32, by the names of MXNet's nodes, wildcards, "re:" with a regular expression, or "op:" with an operator.
        bias_correction: take the mean error of rounded weights out of the bias.
        force: multiply integers on processors too that are no faster at it.
    """

    mode: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    bias_correction: bool = True
    force: bool = False


def quantizer(calibration: Any, options: QuantizationOptions, *, threads: int | None, cache: bool) -> Callable[[Graph], Quantization]:
    """Returns what gives a graph that is ready for quantization its ranges: out of a table, or by running it over batches on this machine.

    Args:
        calibration: a `CalibrationTable`, or batches as `ngc.calibrate` takes them.
        options: how to quantize.
        threads: of the calibrating run.
        cache: for the kernels of the calibrating run.
    """

    def quantization(graph: Graph) -> Quantization:
        table = calibration
        if not isinstance(table, CalibrationTable):
            table = collect(graph, calibration, target=host_target(), threads=threads, cache=cache)
        return Quantization(_ranges(graph, table, options), tuple(options.exclude), options.bias_correction, options.force)

    return quantization


def _ranges(graph: Graph, table: CalibrationTable, options: QuantizationOptions) -> Mapping[str, ValueRange]:
    """Returns a table's ranges for a graph that it fits."""
    if table.fingerprint and table.fingerprint != (found := fingerprint(graph)):
        raise InputError(f"the calibration table is of another model, or of the same with other parameters or passes: its fingerprint is "
                         f"{table.fingerprint!r}, the model's {found!r}; calibrate again")
    ranges = table.ranges(options.mode, **options.parameters)
    known = {value.name for value in graph.values()}
    if ranges and not known & ranges.keys():
        raise InputError(f"the calibration table has ranges of {', '.join(map(repr, list(ranges)[:3]))} and knows no value of the model; "
                         f"its values are {', '.join(map(repr, list(known)[:3]))} and others")
    return ranges
