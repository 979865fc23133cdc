"""What calibration learned of a graph's values, and the ranges that follow from it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ngc.calibration.histogram import Histogram
from ngc.calibration.thresholds import DEFAULT_MODE, Range, check_mode, select_range
from ngc.errors import InputError
from ngc.passes.value_ranges import ValueRange


@dataclass
class CalibrationTable:
    """Histograms of values by name, or ranges that somebody chose.

    Attributes:
        fingerprint: what tells the calibrated graph from others; empty where the table is meant for any graph that has the names.
        histograms: what was counted of each value.
        chosen: ranges that hold in every mode.
        examples: how many examples were counted.
        batches: in how many batches they came.
        mode: how ranges are chosen unless told otherwise.
        parameters: of that mode.
    """

    fingerprint: str = ""
    histograms: dict[str, Histogram] = field(default_factory=dict)
    chosen: dict[str, ValueRange] = field(default_factory=dict)
    examples: int = 0
    batches: int = 0
    mode: str = DEFAULT_MODE
    parameters: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_ranges(cls, ranges: Mapping[str, tuple[float, float]], fingerprint: str = "") -> "CalibrationTable":
        """Returns a table of ranges (low, high) that the caller chose; they are widened to contain 0.

        Raises:
            InputError: an end that is no finite number, or low above high.
        """
        return cls(fingerprint, chosen={name: _chosen(name, bounds) for name, bounds in ranges.items()})

    def ranges(self, mode: str | None = None, **parameters: Any) -> dict[str, ValueRange]:
        """Returns the range of each value.

        Args:
            mode: "naive" for the extrema; "percentile" with `percent` (99.99), the part of the elements to keep; "mse" for the least squared error of eight-bit
                integers; "entropy" for MXNet's thresholds, with its `quantized_dtype` ("auto"). The table's own mode and parameters unless given.
            parameters: of the mode that is given.

        Raises:
            InputError: an unknown mode or parameter, or a parameter that makes no sense.
        """
        if mode is None:
            mode, parameters = self.mode, {**self.parameters, **parameters}
        check_mode(mode, parameters)
        found = {name: _value_range(histogram, select_range(histogram, mode, **parameters)) for name, histogram in self.histograms.items()}
        return {**found, **self.chosen}

    def merge(self, other: "CalibrationTable") -> "CalibrationTable":
        """Returns the table of the data of both, with this one's mode; this one and the other stay as they are.

        Raises:
            InputError: the tables are of different graphs, or both chose a value's range, differently.
        """
        if self.fingerprint != other.fingerprint:
            raise InputError(f"calibration tables of different graphs cannot be merged: their fingerprints are {self.fingerprint!r} and {other.fingerprint!r}")
        torn = [name for name, bounds in self.chosen.items() if other.chosen.get(name, bounds) != bounds]
        if torn:
            raise InputError(f"the calibration tables to merge have different ranges of {torn[0]!r}: {_format(self.chosen[torn[0]])} and "
                             f"{_format(other.chosen[torn[0]])}")
        histograms = {name: histogram.merged(other.histograms[name]) if name in other.histograms else histogram.copy()
                      for name, histogram in self.histograms.items()}
        histograms |= {name: histogram.copy() for name, histogram in other.histograms.items() if name not in histograms}
        return replace(self, histograms=histograms, chosen={**self.chosen, **other.chosen}, examples=self.examples + other.examples,
                       batches=self.batches + other.batches)

    def copy(self) -> "CalibrationTable":
        """Returns an independent copy."""
        histograms = {name: histogram.copy() for name, histogram in self.histograms.items()}
        return replace(self, histograms=histograms, chosen=dict(self.chosen), parameters=dict(self.parameters))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table to a file, whole or not at all.

        Raises:
            ArtifactError: the file cannot be written.
        """
        from ngc.calibration.table_file import write_table  # builds on this module

        write_table(self, Path(path))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "CalibrationTable":
        """Returns the table that a file holds.

        Raises:
            ArtifactError: the file is missing, unreadable, truncated, altered or no calibration table.
        """
        from ngc.calibration.table_file import read_table  # builds on this module

        return read_table(Path(path))

    def __repr__(self) -> str:
        chosen = f", {len(self.chosen)} chosen ranges" if self.chosen else ""
        return f"<ngc.CalibrationTable of {len(self.histograms)} values from {self.examples} examples in {self.batches} batches{chosen}>"


def _value_range(histogram: Histogram, bounds: Range) -> ValueRange:
    channels = histogram.channels
    if channels is None or not channels.elements:
        return ValueRange(*bounds)
    return ValueRange(*bounds, channels.means, tuple(channels.lows.tolist()), tuple(channels.highs.tolist()))


def _chosen(name: str, bounds: tuple[float, float]) -> ValueRange:
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if not float("-inf") < low <= high < float("inf"):
        raise InputError(f"the range of {name!r} is (low, high) with finite low <= high, not {bounds!r}")
    return ValueRange(min(low, 0.0), max(high, 0.0))


def _format(bounds: ValueRange) -> str:
    return f"[{bounds.low:g}, {bounds.high:g}]"
