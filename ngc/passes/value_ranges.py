"""What calibration tells the passes: the range of a value, and what its channels are on average."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ngc.errors import InputError
from ngc.ir import Value
from ngc.passes.layers import passes_on


@dataclass(frozen=True)
class ValueRange:
    """Between which numbers a value lies.

    Attributes:
        low: the least, at most 0.
        high: the largest, at least 0.
        means: the mean of each channel (axis 1, of rank 2 the last), where it is known.
        channel_lows: the least of each channel, where it is known.
        channel_highs: the largest of each channel, where it is known.
    """

    low: float
    high: float
    means: tuple[float, ...] | None = None
    channel_lows: tuple[float, ...] | None = None
    channel_highs: tuple[float, ...] | None = None


@dataclass
class KnownRanges:
    """Calibrated ranges, and those of values that were not calibrated but hold only numbers of values that were."""

    calibrated: Mapping[str, ValueRange]
    _found: dict[Value, ValueRange | None] = field(default_factory=dict)

    def of(self, value: Value) -> ValueRange | None:
        """Returns a value's range; one that was not calibrated has that of the operands which are passed on to it."""
        if value not in self._found:
            found = self.calibrated.get(value.name)
            if found is None and value.producer is not None and passes_on(value.producer):
                parts = [self.of(operand) for operand in value.producer.inputs]
                if parts and all(parts):
                    found = ValueRange(min(part.low for part in parts if part), max(part.high for part in parts if part))
            self._found[value] = found
        return self._found[value]


@dataclass(frozen=True)
class Quantization:
    """What the quantization of a graph goes by.

    Attributes:
        ranges: calibrated ranges by the names of values after fusion.
        exclude: patterns of layers that stay in f32, see `quantize.exclusion`.
        bias_correction: whether the mean error of rounded weights is taken out of the bias.
        force: whether layers multiply integers on processors too that are no faster at it.
        keep: nodes that stay in f32, by name, each with the reason.
    """

    ranges: Mapping[str, ValueRange]
    exclude: tuple[str, ...] = ()
    bias_correction: bool = True
    force: bool = False
    keep: Mapping[str, str] = field(default_factory=dict)

    def means(self, value: Value) -> tuple[float, ...] | None:
        """Returns the mean of each channel of a value, None where it is not known.

        Raises:
            InputError: there are means of another number of channels.
        """
        known = self.ranges.get(value.name)
        if known is None or known.means is None:
            return None
        if len(known.means) != value.type.shape[1]:
            raise InputError(f"calibration has means of {len(known.means)} channels of %{value.name}, which has {value.type.shape[1]}; calibrate again")
        return known.means
