"""Compares a graph in int8 with itself in fp32, value by value: what quantization costs where, and what it gains in time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ngc.calibration.pieces import cut
from ngc.codegen.llvm.build import build_program
from ngc.errors import InputError
from ngc.ir import Graph, clone
from ngc.passes import PassContext, PassManager
from ngc.passes.layers import is_layer
from ngc.passes.quantize.outcome import quantized_layers
from ngc.passes.registry import QUANTIZED_REST
from ngc.passes.value_ranges import Quantization
from ngc.runtime import Executable
from ngc.target import CpuTarget

IMAGES = 8
"""How many examples of a symbolic batch are run at a time: all their activations are looked at."""

MOST_DECIBELS = 200.0
"""What is told of results without noise."""


@dataclass
class Comparison:
    """Sums over examples of squared signals and noises, by the names of values.

    Attributes:
        outputs: names of the outputs that were computed.
        signal: sums of squares in fp32.
        noise: sums of squared differences.
        same: examples whose largest element of the first output is the same.
        choices: elements of the first output of an example.
        examples: how many there were.
    """

    outputs: Sequence[str] = ()
    signal: dict[str, float] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)
    same: int = 0
    choices: int = 0
    examples: int = 0

    def add(self, name: str, wanted: np.ndarray, found: np.ndarray) -> None:
        """Counts one value of one batch."""
        wanted, found = (array.astype(np.float64) for array in (wanted, found))
        self.signal[name] = self.signal.get(name, 0.0) + float(np.square(wanted).sum())
        self.noise[name] = self.noise.get(name, 0.0) + float(np.square(wanted - found).sum())

    def relative(self, name: str) -> float:
        """Returns a value's noise relative to its signal; 0 for values that were not compared."""
        return self.noise.get(name, 0.0) / max(self.signal.get(name, 0.0), 1e-300)

    def sqnr(self, name: str) -> float | None:
        """Returns a value's signal-to-quantization-noise ratio in dB."""
        return decibels(self.relative(name)) if name in self.signal else None


def compared_outputs(graph: Graph) -> list[str]:
    """Returns the names of the outputs that are computed; an input that is returned as it is tells nothing.

    Raises:
        InputError: there is none.
    """
    names = [value.name for value in dict.fromkeys(graph.outputs) if value not in graph.inputs and not value.is_const]
    if not names:
        raise InputError("the model returns its inputs as they are: there is nothing to compare")
    return names


def decibels(noise: float) -> float:
    """Returns the signal-to-noise ratio of a noise relative to the signal, in dB; that of a noise which is not finite is -200."""
    if not np.isfinite(noise):
        return -MOST_DECIBELS
    return min(MOST_DECIBELS, float(-10 * np.log10(max(noise, 1e-300))))


@dataclass(frozen=True)
class Machine:
    """How to run what is compared, as `ngc.compile` takes it: the processor's code, threads, whether kernels come from the cache folder, the numeric contract,
    and whether operators without a kernel run in numpy."""

    target: CpuTarget
    threads: int | None = None
    cache: bool = True
    numerics: str = "fast"
    fallback: bool = False

    def build(self, graph: Graph) -> Executable:
        """Returns a graph's executable, laid out in a copy."""
        copy = clone(graph)
        PassManager(QUANTIZED_REST, verify_each=False).run(copy, PassContext(target=self.target, numerics=self.numerics))
        program = build_program(copy, self.target, cache=self.cache, numerics=self.numerics, fallback=self.fallback)
        return Executable(program, copy, self.threads)


def quantized(graph: Graph, quantization: Quantization, target: CpuTarget) -> Graph:
    """Returns the int8 form of a graph in the form that `quantize` takes, which stays as it is."""
    copy = clone(graph)
    PassManager("quantize", verify_each=False).run(copy, PassContext(target=target, quantization=quantization))
    return copy


def compare(floats: Graph, integers: Graph, batches: Iterable[Mapping[str, np.ndarray]], machine: Machine) -> Comparison:
    """Runs a graph and its quantized form over batches and compares what they have in common.

    Args:
        floats: in the form in which `quantize` took it.
        integers: what `quantize` made of it.
        batches: feeds by input name.
        machine: how to run them.

    Raises:
        InputError: there is no batch, or nothing to compare.
    """
    names = _shared(floats, integers)
    executables = [_observed(graph, names, machine) for graph in (floats, integers)]
    specs = executables[0].program.inputs
    quants = {value.name: value.type.quant for value in integers.values()}
    comparison = Comparison(outputs=compared_outputs(floats))
    first = comparison.outputs[0]
    for feeds in (piece for batch in batches for piece in cut(specs, batch, IMAGES)[1]):
        wanted = dict(zip(names, executables[0].run(feeds), strict=True))
        found = {name: array if (quant := quants[name]) is None else quant.real(array)
                 for name, array in zip(names, executables[1].run(feeds), strict=True)}
        for name in names:
            comparison.add(name, wanted[name], found[name])
        rows = [arrays[first].reshape(arrays[first].shape[0], -1) for arrays in (wanted, found)]
        comparison.choices = rows[0].shape[1]
        comparison.same += int((rows[0].argmax(axis=1) == rows[1].argmax(axis=1)).sum())
        comparison.examples += len(rows[0])
    if not comparison.examples:
        raise InputError("there is no batch to measure the accuracy of int8 with")
    return comparison


def _shared(floats: Graph, integers: Graph) -> list[str]:
    """Returns the names of values that both graphs have, a layer's data and results among them; the outputs first."""
    there = {value.name for value in integers.values()}
    wanted = [floats.find(name) for name in compared_outputs(floats)]
    for node in floats.nodes:
        if is_layer(node):
            wanted += [*node.inputs[:1], *node.outputs]
    inputs = set(floats.inputs)
    return [value.name for value in dict.fromkeys(wanted) if value.name in there and value not in inputs]


def _observed(graph: Graph, names: list[str], machine: Machine) -> Executable:
    """Returns what computes the named values of a graph."""
    copy = clone(graph)
    values = {value.name: value for value in copy.values()}
    copy.outputs, copy.output_names = tuple(values[name] for name in names), tuple(names)
    return machine.build(copy)


def added_noise(floats: Graph, comparison: Comparison) -> dict[str, float]:
    """Returns by the names of layers the noise that each adds to that of its data, relative to its signal."""
    return {node.name: max(0.0, comparison.relative(node.name) - comparison.relative(node.inputs[0].name)) for node in floats.nodes if is_layer(node)}


def noisiest(floats: Graph, integers: Graph, comparison: Comparison) -> list[str]:
    """Returns the names of the layers that multiply integers, those that add most noise first."""
    added = added_noise(floats, comparison)
    return sorted((layer.node for layer in quantized_layers(integers) if layer.precision == "int8"), key=lambda name: -added.get(name, 0.0))
