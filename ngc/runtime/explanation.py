"""What became of a node of the original model, as plain data with a text form; `ngc.runtime.explain` finds it out."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ngc.ir import Event

if TYPE_CHECKING:
    from ngc.passes.quantize.outcome import LayerQuantization


@dataclass(frozen=True)
class KernelUse:
    """One kernel call of a node.

    Attributes:
        symbol: of its code.
        op: what it does, such as conv2d, or halo for the border of a result.
        algorithm: algorithm and tile, where there was a choice.
        reason: why these.
        flops: operations of one image of the batch, or of the whole where the batch is fixed.
        bytes: read and written, likewise.
        ms: median time of a run, where it was measured.
        share: of the sum of all kernels' times, where it was measured.
    """

    symbol: str
    op: str
    algorithm: str
    reason: str
    flops: int
    bytes: int
    ms: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Holder:
    """One node of the compiled graph that stands for what was asked about.

    Attributes:
        node: its name.
        op: the IR's operator.
        sources: all MXNet nodes that it stands for.
        operands: types of what it reads, with their layouts; constants are left out.
        results: types of what it makes.
        computes_in: the element type of its data.
        quantization: what became of the layer in an int8 executable; None for others.
        engine: the engine that executes it; empty for the CPU.
        region: the region of the engine that it lies in; its kernels are then those of the whole region.
        kernels: its calls, in order.
    """

    node: str
    op: str
    sources: tuple[str, ...]
    operands: tuple[str, ...]
    results: tuple[str, ...]
    computes_in: str
    quantization: "LayerQuantization | None"
    engine: str
    region: str
    kernels: tuple[KernelUse, ...]


@dataclass(frozen=True)
class Explanation:
    """What became of a node.

    Attributes:
        asked: the name or pattern.
        subject: what that is: MXNet nodes, values, constants or inputs, by name.
        holders: the nodes of the compiled graph that stand for it, or read it where it is a constant or an input; none where it is gone.
        decisions: what passes and the code generator decided about it and about what it was fused with, in order.
        missing: what cannot be said, and why.
    """

    asked: str
    subject: str
    holders: tuple[Holder, ...]
    decisions: tuple[Event, ...]
    missing: tuple[str, ...]

    def table(self) -> str:
        """Returns everything as text."""
        lines = [f"{self.asked}: {self.subject}"]
        if not self.holders:
            lines.append("  gone: no node of the compiled graph stands for it")
        for holder in self.holders:
            lines += _holder_lines(holder)
        if self.decisions:
            lines.append("  decisions")
            lines += (f"    {line}" for line in _decision_lines(self.decisions))
        lines += (f"  not known: {text}" for text in self.missing)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()

    def to_json(self) -> str:
        """Returns everything as JSON."""
        return json.dumps(asdict(self), indent=1)


def _holder_lines(holder: Holder) -> list[str]:
    where = f"  in {holder.region} on {holder.engine}" if holder.region else ""
    lines = [f"  %{holder.node} = {holder.op}{where}",
             f"    stands for   {', '.join(holder.sources) or 'nothing of the model'}",
             f"    reads        {', '.join(holder.operands) or 'nothing'}",
             f"    makes        {', '.join(holder.results)}",
             f"    computes in  {holder.computes_in}"]
    layer = holder.quantization
    if layer is not None and layer.low is not None:
        lines.append(f"    int8         data in [{layer.low:.4g}, {layer.high:.4g}], scale {layer.scale:.4g}, zero point {layer.zero_point}: {layer.reason}")
    elif layer is not None:
        lines.append(f"    not int8     {layer.reason}")
    if not holder.kernels:
        lines.append("    kernel       none: its result lies in its operand's memory")
    for kernel in holder.kernels:
        cost = f"{kernel.flops / 1e6:.3f} MFLOP, " if kernel.flops else ""
        time = f", {kernel.ms:.3f} ms, {kernel.share:.1%}" if kernel.ms is not None else ""
        what = f"{kernel.op} {kernel.algorithm}".rstrip()
        lines.append(f"    kernel       {what}, {cost}{kernel.bytes / 1e6:.3f} MB{time}, {kernel.symbol}")
        if kernel.reason:
            lines.append(f"                 chosen {kernel.reason}")
    return lines


def _decision_lines(decisions: Sequence[Event]) -> list[str]:
    """Returns one line for each event; of equal decisions about one node that follow one another, the first and how many there were."""
    texts = [f"{event.pass_name}/{event.rule} {event.status} %{event.node}" + (f": {event.reason}" if event.reason else "") for event in decisions]
    starts = [0, *(index for index, (a, b) in enumerate(pairwise(texts), 1) if a != b), len(texts)]
    return [f"#{decisions[a].number} {texts[a]}" + (f"  ({b - a} times)" if b - a > 1 else "") for a, b in pairwise(starts)]
