"""The layers of a model as a tree by the parts of their names, with the time of each branch.

MXNet's names say where a layer belongs: `resnetv10_stage1_conv0_fwd` lies in the stage, and that in the network. A kernel that several nodes were fused into
belongs where the first of them does. Parts end at `_`, `/` and `.`; a part that leads on to nothing but one other part is joined with it, so that every branch
has at least two below it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING

from ngc.evaluate.records import Evaluation
from ngc.evaluate.report.layers import Layer, traced
from ngc.evaluate.report.table import Table, Value, table

if TYPE_CHECKING:
    from ngc.evaluate.store import Store

_SEPARATOR = re.compile(r"(?<=[_/.])")


@dataclass
class Branch:
    """One part of names, and what is below it: the layers that end here, then the branches, each in the order of a run."""

    part: str = ""
    layers: list[Layer] = field(default_factory=list)
    branches: dict[str, "Branch"] = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """Microseconds of all layers here and below, by the trimmed mean of each."""
        return fsum(layer.duration for layer in self.all_layers())

    def all_layers(self) -> Iterator[Layer]:
        """Yields the layers here and below."""
        yield from self.layers
        for branch in self.branches.values():
            yield from branch.all_layers()

    def walk(self, depth: int = 0) -> Iterator[tuple[int, "Branch"]]:
        """Yields this branch and those below it, each before what is below it, with how deep they are."""
        yield depth, self
        for branch in self.branches.values():
            yield from branch.walk(depth + 1)


def layer_tree(layers: Sequence[Layer]) -> Branch:
    """Returns the tree of layers; the part of its root is what all names begin with."""
    root = Branch()
    for layer in layers:
        branch = root
        for part in _SEPARATOR.split(layer.sources[0] if layer.sources else layer.name):
            branch = branch.branches.setdefault(part, Branch(part))
        branch.layers.append(layer)
    return _joined(root)


def layer_tree_table(store: "Store", evaluations: Sequence[Evaluation]) -> Table:
    """Returns a row for each branch of each evaluation's tree, each before those below it.

    `layer_depth` is 0 for the whole model, `layer_path` the prefix of the names below, `layer_part` what the branch adds to it, or the model's name, and
    `layer_count` the number of layers in the branch.
    """
    columns = ("layer_depth", "layer_part", "layer_path", "layer_count", "layer_duration (us)", "layer_share")
    rows: list[tuple[Evaluation, tuple[Value, ...]]] = []
    for evaluation, taken in traced(store, evaluations):
        tree = layer_tree(taken)
        whole = tree.duration
        path: list[str] = []
        for depth, branch in tree.walk():
            path[depth:] = [branch.part]
            part = branch.part if depth else evaluation.model_name
            share = branch.duration / whole if whole else float("nan")
            rows.append((evaluation, (depth, part, "".join(path), len(list(branch.all_layers())), branch.duration, share)))
    return table(columns, rows, columns.index("layer_part"))


def _joined(branch: Branch) -> Branch:
    """Returns the branch with those below it, joined with the next one where that is the only thing that it leads to."""
    while not branch.layers and len(branch.branches) == 1:
        [below] = branch.branches.values()
        branch = Branch(branch.part + below.part, below.layers, below.branches)
    return Branch(branch.part, branch.layers, {part: _joined(below) for part, below in branch.branches.items()})
