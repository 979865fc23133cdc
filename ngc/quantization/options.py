"""From calibration data to what the quantize pass goes by: the options of `precision="int8"`, and where its ranges come from."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ngc.calibration import CalibrationTable, collect, fingerprint, quantizable
from ngc.calibration.batches import copied, iterate_feeds
from ngc.errors import InputError
from ngc.ir import Graph, clone
from ngc.passes import PassContext
from ngc.passes.quantize.exclusion import excluded_nodes
from ngc.passes.value_ranges import Quantization, ValueRange
from ngc.quantization.analysis import Machine
from ngc.quantization.budget import Budget, within_budget
from ngc.quantization.speed import without_slow_layers
from ngc.target import host_target


@dataclass(frozen=True)
class QuantizationOptions:
    """How `ngc.compile(precision="int8", quantization=...)` quantizes.

    Attributes:
        mode: how ranges are chosen from what calibration counted: "mse", "naive", "percentile" or "entropy"; that of the table unless given.
        parameters: of the mode, such as {"percent": 99.9}.
        exclude: layers that multiply floats, and other nodes that do not store integers, by the names of MXNet's nodes, wildcards, "re:" with a regular
            expression, or "op:" with an operator; one pattern, or several.
        bias_correction: take the mean error of rounded weights out of the bias.
        force: multiply integers on processors too that are no faster at it, and in layers that measuring finds slower.
        validation: batches that an accuracy budget is measured with; those of calibration unless given.
    """

    mode: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    exclude: str | tuple[str, ...] = ()
    bias_correction: bool = True
    force: bool = False
    validation: Any = None

    @property
    def patterns(self) -> tuple[str, ...]:
        """What is excluded."""
        return (self.exclude,) if isinstance(self.exclude, str) else tuple(self.exclude)


def quantizer(calibration: Any, options: QuantizationOptions, machine: Machine, accuracy_budget: float | None = None, *,
              measure: bool = False, fuse: bool = False) -> Callable[[Graph], Quantization]:
    """Returns what gives a graph that is ready for quantization its ranges, and finds what must stay in f32.

    Args:
        calibration: a `CalibrationTable` or the path of one, or batches as `ngc.calibrate` takes them, which this machine then runs; None for the ranges that
            the graph carries, under the names that its values have by then.
        options: how to quantize.
        machine: what is compiled for; calibration itself runs this machine's own code.
        accuracy_budget: what may be lost, see `Budget.of`.
        measure: keep layers in f32 that are slower in int8 on this machine, unless integers are forced.
        fuse: the graph that comes is not ready yet; a copy of it is made so, whose values have the names that tables go by.

    Raises:
        InputError: a budget that is none, or without data to measure it with.
    """
    if isinstance(calibration, str | os.PathLike):
        calibration = CalibrationTable.load(calibration)
    budget = None if accuracy_budget is None else Budget.of(accuracy_budget)
    given = options.validation if options.validation is not None else calibration
    if budget is not None and (given is None or isinstance(given, CalibrationTable)):
        raise InputError("accuracy_budget needs data to measure with: calibrate by batches, or give QuantizationOptions(validation=batches)")

    def quantization(graph: Graph) -> Quantization:
        table, feeds = calibration, None
        if fuse:
            quantizable(graph := clone(graph), PassContext(target=machine.target))
            excluded_nodes(graph, options.patterns)  # whoever quantizes later sees parts of the model, in which a pattern may match nothing
        if budget is not None:
            feeds = copied(iterate_feeds(given, graph.input_names))
        if table is None:
            table = CalibrationTable.from_ranges(graph.ranges)
        elif not isinstance(table, CalibrationTable):
            batches = feeds if feeds is not None and given is calibration else calibration
            table = collect(graph, batches, target=host_target(), threads=machine.threads, cache=machine.cache, fallback=machine.fallback)
        found = Quantization(_ranges(graph, table, options), options.patterns, options.bias_correction, options.force)
        if measure and not options.force:
            found = without_slow_layers(graph, found, machine)
        return found if budget is None or feeds is None else within_budget(graph, found, feeds, budget, machine)

    return quantization


def _ranges(graph: Graph, table: CalibrationTable, options: QuantizationOptions) -> Mapping[str, ValueRange]:
    """Returns a table's ranges for a graph that it fits."""
    if table.fingerprint and table.fingerprint != (found := fingerprint(graph)):
        raise InputError(f"the calibration table is of another model, or of the same with other parameters or passes: its fingerprint is "
                         f"{table.fingerprint!r}, the model's {found!r}; calibrate again")
    ranges = table.ranges(options.mode, **options.parameters)
    known = {value.name: None for value in graph.values() if not value.is_const}
    if ranges and not known.keys() & ranges.keys():
        raise InputError(f"the calibration table has ranges of {', '.join(map(repr, list(ranges)[:3]))} and knows no value of the model; "
                         f"its values are {', '.join(map(repr, list(known)[:3]))} and others")
    return ranges
