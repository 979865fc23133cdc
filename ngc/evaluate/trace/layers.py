"""The layers of one run as spans: what a profile says of each kernel call, under the agents' names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # reading traces loads no compiler
    from ngc.runtime.profile import Profile


@dataclass(frozen=True)
class Layer:
    """One kernel call of one run: its name, nanoseconds since the epoch, attributes of its span."""

    name: str
    begin_ns: int
    end_ns: int
    attributes: dict[str, Any]


def layers_of(profile: "Profile", begin_ns: int) -> Iterator[Layer]:
    """Yields the layers of one traced run, in the order of the program; those in regions that were not run are missing.

    A layer lasts from the first thread's start to the last one's end. A layer in a loop is one span, as long as all its steps together.

    Args:
        begin_ns: when the run began, in nanoseconds since the epoch.
    """
    times: dict[int, tuple[float, float]] = {}
    for _, index, start, duration in profile.spans:
        begin, end = times.get(index, (start, start))
        times[index] = min(begin, start), max(end, start + duration)
    for kernel in profile.kernels:
        if kernel.index not in times:
            continue
        begin_us, end_us = times[kernel.index]
        yield Layer(kernel.node, begin_ns + round(begin_us * 1e3), begin_ns + round(end_us * 1e3), {
            "layer_index": kernel.index, "layer_name": kernel.node, "layer_type": kernel.op, "layer_shape": ", ".join(kernel.results),
            "layer_sources": kernel.sources, "layer_flops": kernel.flops, "layer_bytes": kernel.bytes, "layer_allocated_bytes": kernel.result_bytes,
            "layer_algorithm": kernel.note, "symbol": kernel.symbol,
        })
