"""Lets convolutions and dense layers multiply integers, and stores what lies between them as integers.

    conv(x, w){steps}  =  conv(q(x), q(w)){x_zero, steps', result}        q(x) = round(x/s) + z in u8, q(w) = round(w/s[c]) in i8; dense alike
    f(q(x)){steps}     =  f(q(x)){steps', result=u8}                      f an element-wise group or an average
    move(q(x))         =  q(move(x))                                      max pools, concat, reshape, slice and their like

The scales of data, weights and results are folded into the steps (`steps`), the average error of rounded weights into the bias. Ranges come from
calibration, `ctx.quantization`, or from the model itself, `graph.ranges`; which values are stored as integers is decided by `plan`.

Refuses to multiply integers in layers that are excluded, whose results may be stored as integers all the same, and to store them in other nodes that are; on
processors that multiply integers no faster than floats, unless it is forced; in layers whose data has no range, whose data or result is not f32, whose weights
are no finite constants, that have a prologue, whose sums might exceed 32 bits, in dense layers whose inputs are no multiple of four, and in deconvolutions.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ngc.errors import PassError
from ngc.ir import Graph, Node, Step, Value
from ngc.ir.rewrite import Rewriter
from ngc.ir.tensor_type import Quant
from ngc.passes.base import Pass, PassContext
from ngc.passes.layers import is_layer, passes_on
from ngc.passes.quantize.exclusion import excluded_nodes
from ngc.passes.quantize.plan import Plan, is_average, plan
from ngc.passes.quantize.steps import REAL, StepWriter, Units
from ngc.passes.quantize.weights import quantize_weights
from ngc.passes.step_forms import NewVector, split_operands
from ngc.passes.value_ranges import Quantization, ValueRange


@dataclass(frozen=True)
class Quantize(Pass):
    """Quantizes by the calibrated ranges of the context."""

    name: ClassVar[str] = "quantize"
    enters: ClassVar[bool] = False
    declares: ClassVar[str] = "quantized"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Decides, then rewrites from the first node to the last."""
        quantization = ctx.quantization or (ctx.calibrate(graph) if ctx.calibrate is not None else carried_quantization(graph))
        if quantization is None:
            raise PassError("quantize needs calibrated ranges: of the context, or of the graph itself")
        excluded = {node: quantization.keep[node.name] for node in graph.nodes if node.name in quantization.keep}
        excluded |= excluded_nodes(graph, graph.excluded, strict=False) | excluded_nodes(graph, quantization.exclude)
        if not quantization.force and ctx.target is not None and not (ctx.target.has_vnni or ctx.target.has_dotprod):
            slow = f"{ctx.target.name} has no dot product of bytes, without which int8 is no faster than f32"
            excluded = dict.fromkeys(graph.nodes, slow) | excluded
        decided = plan(graph, quantization.ranges, excluded)
        for node in graph.nodes:
            if is_layer(node):
                reason = decided.refused.get(node)
                graph.events.record(self.name, "precision", "refused" if reason else "chosen", node.name, reason or "multiplies int8", node.locs)
        converter = _Converter(Rewriter(graph), decided, quantization)
        converter.rewriter.set_stage(self.declares)
        for node in list(graph.nodes):
            if node.op != "const":
                converter.convert(node)
        return converter.rewriter.changed


def carried_quantization(graph: Graph) -> Quantization | None:
    """Returns what a model's own ranges say, None where it has none."""
    ranges = {name: ValueRange(min(low, 0.0), max(high, 0.0)) for name, (low, high) in graph.ranges.items()}
    return Quantization(ranges) if ranges else None


@dataclass
class _Converter:
    """Gives nodes their operands as the integers or floats that were decided."""

    rewriter: Rewriter
    plan: Plan
    quantization: Quantization
    integers: dict[Value, Value] = field(default_factory=dict)
    floats: dict[Value, Value] = field(default_factory=dict)
    weights: dict[Value, Value] = field(default_factory=dict)

    def convert(self, node: Node) -> None:
        """Converts one node."""
        if node in self.plan.layers or (node in self.plan.storing and is_layer(node)):
            self._layer(node)
        elif node.op == "eltwise" and (node in self.plan.storing or node.inputs[0].type.dtype == "u8"):
            self._in_units(node, node.inputs[0])
        elif is_average(node) and node in self.plan.storing:
            self._in_units(node, self._as_integers(node.inputs[0], node))
        elif node in self.plan.storing:
            assert passes_on(node)
            self.rewriter.respecify(node, [self._as_integers(value, node) for value in node.inputs], self._moved(node))
        elif any(value.type.dtype == "u8" for value in node.inputs):
            self.rewriter.set_inputs(node, [self._as_floats(value, node) for value in node.inputs])

    def _layer(self, node: Node) -> None:
        (x, w, *own), before, operands = split_operands(node)
        if node in self.plan.layers:
            x = self._as_integers(x, node)
            assert x.type.quant is not None
            means = self.quantization.means(node.inputs[0]) if node.has_trait("conv") or x.type.rank == 2 else None
            quantized = quantize_weights(w.array, node.attrs.get("groups", 1), means if self.quantization.bias_correction else None)
            if w not in self.weights:
                locs = w.producer.locs if w.producer else ()
                self.weights[w] = self.rewriter.constant(f"{w.name}_int8", quantized.integers, before=node, locs=locs)
            w = self.weights[w]
            factor, offset = Units.of(x.type.quant).scale * quantized.scales, -quantized.shift
            attrs: dict[str, Any] = {"x_zero": x.type.quant.zero_point}
        else:
            x, factor, offset, attrs = self._as_floats(x, node), REAL.scale, np.array(0.0), {}
        self._rewrite(node, [x, w, *own, *before], operands, (factor, offset), attrs)

    def _in_units(self, node: Node, x: Value) -> None:
        """Converts an element-wise group or an average, whose register begins in the units of its data."""
        units = Units.of(x.type.quant)
        self._rewrite(node, [x], split_operands(node)[2], (units.scale, -units.zero * units.scale), {})

    def _rewrite(self, node: Node, own: list[Value], operands: tuple[Value, ...], start: tuple[Any, Any], attrs: dict[str, Any]) -> None:
        """Gives a node its operands and steps; `start` is the real number that its register stands for before the first step."""
        stores = node in self.plan.storing
        quants: list[Quant | None] = [self.plan.quants[value] if stores else None for value in node.outputs]
        units = [Units.of(quant) for quant in quants]
        writer = StepWriter(node.name, *start, saturates=stores)
        writer.write(node.attrs["epilogue"], operands, [*units[1:], units[0]], lambda value: self._residual(value, node, stores))
        made = [self.rewriter.constant(operand.name, operand.array, before=node, locs=node.locs) if isinstance(operand, NewVector) else operand
                for operand in writer.operands]
        attrs = {**node.attrs, **attrs, "epilogue": tuple(writer.steps), "result": "u8" if stores else "f32"}
        if stores:
            attrs["scales"] = tuple(scale for quant in quants if quant is not None for scale in quant.scale)
            attrs["zero_points"] = tuple(quant.zero_point for quant in quants if quant is not None)
        self.rewriter.respecify(node, [*own, *made], attrs)

    def _residual(self, value: Value, node: Node, stores: bool) -> tuple[Value, Quant | None]:
        """Returns a tensor operand of a step, as integers where it is stored so or wanted so."""
        if value.type.shape == node.type.shape and (value.type.dtype == "u8" or (stores and value in self.plan.quants)):
            value = self._as_integers(value, node)
            if value.type.quant is not None and len(value.type.quant.scale) == 1:
                return value, value.type.quant
        return self._as_floats(value, node), None

    def _moved(self, node: Node) -> dict[str, Any]:
        """Returns the attributes of an operator that moves integers: what it pads with is their zero."""
        if node.op != "pad":
            return dict(node.attrs)
        return {**node.attrs, "value": float(self.plan.quants[node.output].zero_point)}

    def _as_integers(self, value: Value, reader: Node) -> Value:
        """Returns a value as u8, through a quantization before the reader where it is f32."""
        if value.type.dtype == "u8":
            return value
        if value not in self.integers:
            quant = self.plan.quants[value]
            step = Step("scale", (float(np.float32(1 / np.float64(quant.scale[0]))), float(quant.zero_point)))
            self.integers[value] = self._convert(value, reader, "u8", (step,), scales=quant.scale, zero_points=(quant.zero_point,))
        return self.integers[value]

    def _as_floats(self, value: Value, reader: Node) -> Value:
        """Returns a value as f32, through a dequantization before the reader where it is u8."""
        if value.type.dtype != "u8" or value.type.quant is None:
            return value
        if value not in self.floats:
            quant = value.type.quant
            centre = (Step("scale", (1.0, -float(quant.zero_point))),) if quant.zero_point else ()
            self.floats[value] = self._convert(value, reader, "f32", (*centre, Step("scale", (float(np.float32(quant.scale[0])), 0.0))))
        return self.floats[value]

    def _convert(self, value: Value, reader: Node, dtype: str, steps: tuple[Step, ...], **attrs: Any) -> Value:
        locs = value.producer.locs if value.producer is not None else reader.locs
        node = self.rewriter.insert("eltwise", [value], {"epilogue": steps, "result": dtype, **attrs}, before=reader, locs=locs, name=f"{value.name}.{dtype}")
        return node.output
