"""Finds the layers that are slower in int8 than in f32, by running both on this machine.

A layer's time in int8 is that of its kernel and of the quantization of its data where nobody stores that as integers already, which its readers share. A
processor without a dot product of bytes needs no measuring: there `quantize` keeps all layers in f32.
"""

from collections.abc import Mapping
from dataclasses import replace

from ngc.ir import Graph
from ngc.ir.random_data import random_feeds
from ngc.passes.layers import is_layer
from ngc.passes.value_ranges import Quantization
from ngc.quantization.analysis import Machine, quantized
from ngc.runtime import Profile

_RUNS = 20

_TOLERANCE = 1.05
"""How many times its time in f32 a layer may take in int8: less is noise."""


def without_slow_layers(graph: Graph, quantization: Quantization, machine: Machine) -> Quantization:
    """Returns the quantization that keeps in f32 what is slower in int8; the graph is in the form that `quantize` takes.

    Raises:
        CodegenError: this machine cannot run code for the target.
    """
    integers = quantized(graph, quantization, machine.target)
    feeds = random_feeds(graph, batch=1)
    narrow, wide = (kernel_times(machine.build(form).profile(feeds, runs=_RUNS)) for form in (integers, graph))
    slow = slow_layers(integers, narrow, wide)
    return replace(quantization, keep={**quantization.keep, **slow})


def slow_layers(integers: Graph, narrow: Mapping[str, float], wide: Mapping[str, float]) -> dict[str, str]:
    """Returns the layers of a quantized graph that take longer than in f32, each with the reason.

    Args:
        integers: what `quantize` made of a graph.
        narrow: milliseconds by node of the quantized graph.
        wide: milliseconds by node of the graph in f32.
    """
    slow = {}
    for node in integers.nodes:
        x = node.inputs[0] if is_layer(node) else None
        if x is None or x.type.dtype != "u8" or node.name not in narrow or node.name not in wide:
            continue
        conversion = 0.0 if x.name in wide else narrow.get(x.name, 0.0)  # only the int8 model runs it
        time = narrow[node.name] + conversion / len(x.users)
        if time > _TOLERANCE * wide[node.name]:
            slow[node.name] = f"slower in int8 on this machine: {time:.3f} ms, {wide[node.name]:.3f} ms in f32"
    return slow


def kernel_times(profile: Profile) -> dict[str, float]:
    """Returns the milliseconds of each node of a profile, all of its kernels together."""
    times: dict[str, float] = {}
    for kernel in profile.kernels:
        times[kernel.node] = times.get(kernel.node, 0.0) + kernel.ms
    return times
