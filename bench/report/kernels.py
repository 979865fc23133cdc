"""What a report shows of single kernels: their rates and their place under the roofs of the processor and of the memory."""

import statistics
from collections.abc import Sequence

from bench.kernels import Result, summary
from bench.layers import Layer, mobilenet_v2, resnet50
from bench.report.charts import Bar, Chart, Group, Point, bar_chart, roofline
from bench.report.document import Section, Table, row

_BYTES = {"fp32": 4, "bf16": 2, "int8": 1}


def kernel_section(precision: str, results: Sequence[Result]) -> Section:
    """Returns the section of the kernels of one precision."""
    text = ("One thread. The peak is that of multiply-adds on registers, measured between the kernels. Warm: the same weights as in the run before. Streamed: "
            "weights that no cache holds. Medians over rounds of the quickest run. Where ngc picks Winograd's algorithm, its rate is that of the direct "
            "convolution in the same time, so it may exceed the peak.",
            "The bandwidth is that of a generated kernel that only reads memory. A kernel may exceed it, because its inputs and outputs come from caches.",
            *(f"{line}." for line in summary(results)))  # fmt: skip
    header = ("network", "layer", "algorithm", "tile", "peak GFLOP/s", "direct, warm", "share of peak", "direct, streamed", "share of peak",
              "Winograd, warm", "Winograd, streamed")  # fmt: skip
    rows = tuple(row(r.network, r.layer, r.algorithm, r.tile, f"{r.peak:.0f}", f"{r.warm:.1f}", f"{r.warm / r.peak:.0%}", f"{r.streamed:.1f}",
                     f"{r.streamed / r.peak:.0%}", _rate(r.winograd_warm), _rate(r.winograd_streamed)) for r in results)  # fmt: skip
    bars = [Group(f"{r.network} {r.layer}", (Bar("", r.warm / r.peak, f"{r.warm / r.peak:.0%} warm", "s0"),
                                             Bar("", r.streamed / r.peak, f"{r.streamed / r.peak:.0%} streamed", "s1"))) for r in results]  # fmt: skip
    share = bar_chart("Share of peak, direct kernels", bars, common=True, rule=1.0)
    return Section(f"Kernels: {precision}", text, (Table("", header, rows),), (*_roofline(precision, results), share))


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _roofline(precision: str, results: Sequence[Result]) -> list[Chart]:
    """Returns the plot of the layers that the tables of layers hold, none where there are none of them."""
    layers = {(layer.network, str(layer)): layer for layer in resnet50() + mobilenet_v2()}
    points = []
    for r in results:
        if (r.network, r.layer) not in layers:
            continue
        intensity = _intensity(layers[r.network, r.layer], _BYTES[precision])
        rates = [("direct, warm", r.warm, "s0"), ("direct, streamed", r.streamed, "s1"), ("Winograd, streamed", r.winograd_streamed, "s2")]
        points += [Point(intensity, rate, f"{r.network} {r.layer}, {name}: {rate:.1f} GFLOP/s", style) for name, rate, style in rates if rate is not None]
    if not points:
        return []
    peak, bandwidth = (statistics.median(values) for values in zip(*((r.peak, r.bandwidth) for r in results), strict=True))
    caption = "GFLOP/s over FLOP per byte of operands; direct with warm weights blue, with streamed ones orange, Winograd with streamed ones green"
    return [roofline(caption, points, peak, bandwidth)]


def _intensity(layer: Layer, element: int) -> float:
    """Returns the FLOP per byte that a layer's operands hold, each read or written once, `element` bytes a value."""
    pixels = layer.size**2
    weights = layer.kernel**2 * layer.inputs * layer.outputs // layer.groups
    moved = layer.inputs * pixels * layer.stride**2 + layer.outputs * pixels + weights
    return 2 * weights * pixels / (element * moved)
