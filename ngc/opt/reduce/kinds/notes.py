"""Drops what is said about a graph beside what it computes."""

from collections.abc import Iterator

from ngc.opt.reduce.case import Candidate, Case, chunks, counted
from ngc.opt.reduce.edit import Edit


def ranges(case: Case) -> Iterator[Candidate]:
    """Drops calibrated ranges."""
    names = sorted(case.graph.ranges)
    for key, part in chunks(names):
        yield Candidate(key, f"without the range of {counted(part, 'values')}", Edit(ranges=frozenset(names).difference(part)))


def locations(case: Case) -> Iterator[Candidate]:
    """Drops the places in the model that nodes come from."""
    if any(node.locs for node in case.graph.nodes):
        yield Candidate((0,), "without locations", Edit(locations=False))
