"""A planted fault, for `--load`: quantize lets convolutions requantize to a scale four times as large as the one they say."""

from dataclasses import dataclass

from ngc.ir import Graph, Step
from ngc.passes import PASSES, PassContext
from ngc.passes.quantize.convert import Quantize


@dataclass(frozen=True)
class QuantizeWrongly(Quantize):
    """Adds a step behind the right ones."""

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        changed = super().run(graph, ctx)
        for node in graph.nodes:
            quant = node.outputs[0].type.quant
            if node.op == "conv2d" and quant is not None:
                node.attrs = {**node.attrs, "epilogue": (*node.attrs["epilogue"], Step("scale", (0.25, 0.75 * quant.zero_point)))}
        return changed


PASSES["quantize"] = lambda: QuantizeWrongly
