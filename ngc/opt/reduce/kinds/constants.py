"""Makes the data of constants simpler: seeded random data, which needs no file, else ones, else zeros."""

from collections.abc import Iterator, Sequence

import numpy as np

from ngc.ir import Node
from ngc.opt.reduce.case import Candidate, Case, chunks, counted
from ngc.opt.reduce.edit import Edit


def constants(case: Case) -> Iterator[Candidate]:
    """Takes data away from many constants at once, then fills what must keep data with one number."""
    known = [node for node in case.graph.nodes if _data(node) is not None]
    for key, part in chunks(known):
        yield Candidate((0, *key), f"random data for {_shown(part)}", Edit(data={node.name: None for node in part}))
    for rank, number in enumerate((1, 0), 1):
        other = [node for node in known if (data := _data(node)) is not None and data.size and not ((data == data.flat[0]).all() and data.flat[0] in (0, 1))]
        for key, part in chunks(other):
            filled = {node.name: np.full_like(data, number) for node in part if (data := _data(node)) is not None}
            yield Candidate((rank, *key), f"{'zeros' if number == 0 else 'ones'} for {_shown(part)}", Edit(data=filled))


def _data(node: Node) -> np.ndarray | None:
    return node.weight.array if node.weight is not None else None


def _shown(part: Sequence[Node]) -> str:
    return counted([node.name for node in part], "constants")
