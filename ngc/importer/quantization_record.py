"""The quantization that `ngc.compat.quantization` records in a symbol: one attribute of the symbol, a JSON text.

MXNet reads such symbols and passes the attribute over.
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

from ngc.errors import ImportFailure

ATTRIBUTE = "ngc_quantization"
VERSION = 1


@dataclass(frozen=True)
class QuantizationRecord:
    """How a model is to be quantized.

    Attributes:
        ranges: by the names of values in the imported graph, the (smallest, largest) number that calibration found.
        excluded: names of the operators that stay in floating point.
        mode: how the ranges were chosen, in MXNet's words.
        quantized_dtype: "int8", "uint8" or "auto", as the caller of MXNet's function asked for it.
    """

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    mode: str = "none"
    quantized_dtype: str = "int8"

    def to_text(self) -> str:
        """Returns the attribute's text."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @staticmethod
    def from_text(text: str, source: str) -> "QuantizationRecord":
        """Returns what an attribute's text says; `source` names the symbol in messages.

        Raises:
            ImportFailure: the text is damaged or of a later version.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ImportFailure(f"{source}: the symbol's {ATTRIBUTE} is not JSON: {error}") from error
        version = content.get("version") if isinstance(content, dict) else None
        if version != VERSION:
            raise ImportFailure(f"{source}: the symbol's {ATTRIBUTE} has version {version!r}; this ngc reads version {VERSION}")
        ranges, excluded = content.get("ranges"), content.get("excluded")
        if not isinstance(ranges, dict) or not all(_is_range(found) for found in ranges.values()):
            raise ImportFailure(f"{source}: the ranges of the symbol's {ATTRIBUTE} are damaged; expected two finite numbers for a name, the smallest first")
        if not isinstance(excluded, list) or not all(isinstance(name, str) for name in excluded):
            raise ImportFailure(f"{source}: the excluded operators of the symbol's {ATTRIBUTE} are damaged; expected a list of names")
        pairs = {name: (float(low), float(high)) for name, (low, high) in ranges.items()}
        return QuantizationRecord(pairs, tuple(excluded), str(content.get("mode")), str(content.get("quantized_dtype")))


def _is_range(found: Any) -> bool:
    if not isinstance(found, list) or len(found) != 2 or not all(type(limit) in (int, float) for limit in found):
        return False
    return bool(-sys.float_info.max <= found[0] <= found[1] <= sys.float_info.max)  # compared as they are: a whole number may be too large for a float
