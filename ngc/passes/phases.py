"""Where the phases of a pipeline end, so that it can be stopped at a stage and taken up again there.

    phase     the passes up to the one that declares a stage (`Pass.declares`), and the passes right behind it that only clean up
    law       the passes to a stage, then those from it, are the whole pipeline
"""

from collections.abc import Sequence

from ngc.errors import PassError
from ngc.ir import STAGES
from ngc.passes.base import Pass

_CLEANING = frozenset({"fold-constants", "eliminate-common-subexpressions", "eliminate-dead-code"})
"""They leave a stage as it is, only smaller."""


def phase_ends(passes: Sequence[Pass]) -> dict[str, int]:
    """Returns, by each stage that a pipeline reaches, how many of its passes belong to that stage and those before; "imported" is 0."""
    ends = {STAGES[0]: 0}
    for index, item in enumerate(passes):
        if item.declares:
            end = index + 1
            while end < len(passes) and passes[end].name in _CLEANING:
                end += 1
            ends[item.declares] = end
    return ends


def passes_between(passes: Sequence[Pass], start: str, end: str) -> list[Pass]:
    """Returns the passes of a pipeline that bring a graph from one stage to another.

    Raises:
        PassError: the pipeline reaches no such stage, or `end` comes before `start`.
    """
    ends = phase_ends(passes)
    for stage in (start, end):
        if stage not in ends:
            raise PassError(f"the pipeline has no stage {stage}; it goes through {', '.join(ends)}")
    if ends[end] < ends[start]:
        raise PassError(f"stage {end} comes before stage {start}; the pipeline goes through {', '.join(ends)}")
    return list(passes[ends[start]:ends[end]])
