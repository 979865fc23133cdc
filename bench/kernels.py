"""Measures convolution kernels on one thread: GFLOP/s and share of the peak that is measured between them, with warm and with streamed weights.

`python -m bench.kernels [--threads 1] [--json FILE] [--target cpu:x86-64-v3] [--network resnet50] [--filter 3x3]`
"""

import argparse
import ctypes
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.kernel import Geometry, KernelSpec, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.peak import PeakKernel
from ngc.target import CpuTarget, parse_target

STREAM_BYTES = 96 << 20
"""More than the last-level cache: weights that rotate through it come from memory."""

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


@dataclass(frozen=True)
class Layer:
    """A convolution of a network: square kernel, stride, channels, square output; depthwise where `groups` equals the inputs."""

    network: str
    kernel: int
    stride: int
    inputs: int
    outputs: int
    size: int
    groups: int = 1

    def __str__(self) -> str:
        channels = f"{self.inputs} -> {self.outputs}" if self.groups == 1 else f"{self.inputs} depthwise"
        return f"{self.kernel}x{self.kernel}/{self.stride} {channels}, {self.size}x{self.size}"


def resnet50() -> list[Layer]:
    """Returns the distinct convolutions of ResNet-50, first and second version."""
    layers = [(7, 2, 3, 64, 112)]
    inputs = 64
    for size, middle in ((56, 64), (28, 128), (14, 256), (7, 512)):
        stride = 1 if size == 56 else 2
        layers += [(1, 1, inputs, middle, size * stride), (1, stride, inputs, middle, size), (3, stride, middle, middle, size),
                   (3, 1, middle, middle, size), (1, 1, middle, 4 * middle, size), (1, stride, inputs, 4 * middle, size),
                   (1, 1, 4 * middle, middle, size)]
        inputs = 4 * middle
    return [Layer("resnet50", *layer) for layer in dict.fromkeys(layers)]


def mobilenet_v2() -> list[Layer]:
    """Returns the distinct convolutions of MobileNet v2."""
    layers: list[tuple[int, ...]] = [(3, 2, 3, 32, 112)]
    inputs, size = 32, 112
    for expand, outputs, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for step in (stride, *[1] * (count - 1)):
            hidden = inputs * expand
            if expand > 1:
                layers.append((1, 1, inputs, hidden, size))
            size //= step
            layers += [(3, step, hidden, hidden, size, hidden), (1, 1, hidden, outputs, size)]
            inputs = outputs
    layers.append((1, 1, 320, 1280, 7))
    return [Layer("mobilenetv2", *layer) for layer in dict.fromkeys(layers)]


def plan(layer: Layer, target: CpuTarget, **extra: object) -> ConvKernel | DepthwiseKernel:
    """Returns the kernel of a layer with bias and ReLU, its input with the halo that the padding needs."""
    lanes, pad = target.lanes(), layer.kernel // 2
    size = layer.size * layer.stride
    last = (layer.size - 1) * layer.stride + layer.kernel - 1 - pad
    side = (pad, max(0, last - size + 1))
    x = Geometry(layer.inputs, lanes if layer.inputs >= lanes else 1, (1, size, size), ((0, 0), side, side))
    fields = {"x": x, "y": Geometry(layer.outputs, lanes, (1, layer.size, layer.size)), "kernel": (1, layer.kernel, layer.kernel),
              "stride": (1, layer.stride, layer.stride), "pad": (0, pad, pad), "steps": (StepSpec("bias"), StepSpec("relu")), **extra}
    if layer.groups > 1:
        return DepthwiseKernel.plan(target, **fields)
    return ConvKernel.plan(target, **fields)


class Runner:
    """A compiled kernel with operands; `run` executes it once on one thread."""

    def __init__(self, spec: KernelSpec, target: CpuTarget, sizes: list[int], stream: NDArray[np.float32]) -> None:
        symbol = spec.symbol(target)
        self._library = jit.Library({symbol: jit.compile_object(spec.emit(target), target.cpu, target.features)})
        self._function = _SIGNATURE(self._library.addresses[symbol])
        self._buffers = [_aligned(size) for size in sizes]
        self._args = (ctypes.c_void_p * max(1, len(sizes)))(*(buffer.ctypes.data for buffer in self._buffers))
        self._total = sum(spec.work)
        self._flops = spec.flops()
        self._stream, self._at = stream, 0
        self._warm = self._buffers[1].ctypes.data if len(sizes) > 1 else 0
        self._weights = sizes[1] if len(sizes) > 1 else 0

    def run(self) -> None:
        """Runs with the same weights as before."""
        self._function(self._args, 1, 0, self._total)

    def run_streamed(self) -> None:
        """Runs with weights that no cache holds."""
        pitch = -(-self._weights // 16) * 16
        if self._at + pitch > self._stream.size:
            self._at = 0
        self._args[1] = self._stream.ctypes.data + 4 * self._at
        self._at += pitch
        self._function(self._args, 1, 0, self._total)
        self._args[1] = self._warm

    def _call_seconds(self) -> float:
        """Returns what a call costs that has no work."""
        times = []
        for _ in range(50):
            begin = time.perf_counter()
            self._function(self._args, 1, 0, 0)
            times.append(time.perf_counter() - begin)
        return min(times)

    def gflops(self, run: Callable[[], None], seconds: float) -> float:
        """Returns the GFLOP/s of the fastest of the single runs that fit the time, less an empty call's; slower runs were interrupted."""
        run()
        call = self._call_seconds()
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
        return self._flops / (min(times) - call) / 1e9


def _aligned(size: int) -> NDArray[np.float32]:
    memory = np.random.default_rng(0).standard_normal(size + 16, np.float32)
    start = (-memory.ctypes.data // 4) % 16
    return memory[start:start + size]


@dataclass
class Result:
    """What one layer reached: GFLOP/s warm and streamed, and the peak measured around it."""

    network: str
    layer: str
    tile: str
    peak: float
    warm: float
    streamed: float


def measure(layers: list[Layer], target: CpuTarget, seconds: float, rounds: int) -> list[Result]:
    """Returns the medians over rounds in which samples of peak, warm and streamed runs alternate; a sample is the best of its runs."""
    stream = _aligned(STREAM_BYTES // 4)
    peak = Runner(PeakKernel.plan(target), target, [], stream)
    results = []
    for layer in layers:
        spec = plan(layer, target)
        runner = Runner(spec, target, [spec.x.size, spec.weight_size, spec.y.size, spec.y.blocks * spec.y.block], stream)
        samples: list[tuple[float, float, float]] = []
        for _ in range(rounds):
            samples.append((peak.gflops(peak.run, seconds), runner.gflops(runner.run, seconds), runner.gflops(runner.run_streamed, seconds)))
        best, warm, cold = (statistics.median(column) for column in zip(*samples, strict=True))
        tile = spec.tile
        results.append(Result(layer.network, str(layer), f"{tile.rows}x{tile.pixels}x{tile.vectors}", best, warm, cold))
    return results


def show(results: list[Result]) -> None:
    """Prints the table."""
    table = Table("network", "layer", "tile", "peak", "warm", "share", "streamed", "share")
    for r in results:
        table.add_row(r.network, r.layer, r.tile, f"{r.peak:.0f}", f"{r.warm:.1f}", f"{r.warm / r.peak:.0%}", f"{r.streamed:.1f}", f"{r.streamed / r.peak:.0%}")
    Console(width=120).print(table)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="bench.kernels", description=__doc__)
    parser.add_argument("--threads", type=int, default=1, choices=[1], help="kernels are measured on one thread")
    parser.add_argument("--json", help="file to write the results to")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--network", choices=["resnet50", "mobilenetv2"])
    parser.add_argument("--filter", default="", help="only layers whose name contains this")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of one sample")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    layers = [layer for layer in resnet50() + mobilenet_v2()
              if options.network in (None, layer.network) and options.filter in str(layer)]
    results = measure(layers, parse_target(options.target), options.seconds, options.rounds)
    show(results)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([asdict(result) for result in results], file, indent=1)


if __name__ == "__main__":
    main()
