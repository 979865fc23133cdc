"""The kinds of reduction, in the order in which they are tried: what makes a check fast comes first, what only makes the text shorter last."""

from collections.abc import Callable, Iterator

from ngc.opt.reduce.case import Candidate, Case
from ngc.opt.reduce.kinds.constants import constants
from ngc.opt.reduce.kinds.cuts import cut_inputs, cut_outputs, drop_outputs
from ngc.opt.reduce.kinds.notes import locations, ranges
from ngc.opt.reduce.kinds.operators import attributes, bypass, merge_inputs, steps
from ngc.opt.reduce.kinds.pipeline import options, passes
from ngc.opt.reduce.kinds.shapes import batch, channels, kernels, spatial

Kind = Callable[[Case], Iterator[Candidate]]
"""Lists the candidates of a case, the largest steps first."""

QUICKENING: dict[str, Kind] = {"spatial sizes": spatial, "batch": batch}
"""What comes before all else, because it makes every later check faster."""

KINDS: dict[str, Kind] = {
    **QUICKENING, "channels": channels, "constants": constants, "passes": passes, "outputs": drop_outputs, "returned values": cut_outputs,
    "fed values": cut_inputs, "bypassed nodes": bypass, "inputs": merge_inputs, "steps": steps, "attributes": attributes, "pass options": options,
    "kernels": kernels,
}
"""What is tried in rounds until none of it helps."""

NOTES: dict[str, Kind] = {"ranges": ranges, "locations": locations}
"""What says something about the graph without being part of what it computes."""
