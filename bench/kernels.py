"""Measures convolution kernels on one thread: GFLOP/s (of int8 GOP/s) and share of the peak that is measured between them, with warm and with streamed weights.

`python -m bench.kernels [--precision fp32,bf16,int8] [--json FILE] [--target cpu:x86-64-v3] [--network resnet50] [--filter 3x3]`

Every layer is measured by direct summation; where ngc picks Winograd's algorithm, by that too, its GFLOP/s those of the direct convolution
in the same time. The memory's bandwidth, that of a kernel that only reads, is measured beside the peak.
"""

import argparse
import ctypes
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.arguments import names
from bench.layers import Layer, mobilenet_v2, plan, resnet50
from ngc.codegen.llvm import jit
from ngc.codegen.llvm.choice import ConvSpec, CostModel
from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.measure import operand_sizes
from ngc.codegen.llvm.peak import PeakKernel, StreamKernel
from ngc.errors import CodegenError
from ngc.target import CpuTarget, parse_target

STREAM_BYTES = 96 << 20
"""More than the last-level cache: weights that rotate through it come from memory."""

DTYPES = {"fp32": "f32", "bf16": "bf16", "int8": "u8"}

MANY_CHANNELS = 64
"""Inputs and outputs from which on direct convolutions are expected to come near the peak."""

WARM_SHARE, STREAMED_SHARE = 0.90, 0.85
"""How near, with warm and with streamed weights."""

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


class Runner:
    """A compiled kernel with operands; `run` executes it once on one thread."""

    def __init__(self, spec: KernelSpec, target: CpuTarget, operands: Sequence[NDArray[np.float32]], stream: NDArray[np.float32]) -> None:
        symbol = spec.symbol(target)
        self._library = jit.Library({symbol: jit.compile_object(spec.emit(target), target.cpu, target.features)})
        self._function = _SIGNATURE(self._library.addresses[symbol])
        self._operands, self._stream, self._at = operands, stream, 0
        self._args = (ctypes.c_void_p * max(1, len(operands)))(*(operand.ctypes.data for operand in operands))
        self._total = sum(spec.work)

    def run(self) -> None:
        """Runs with the same weights as before."""
        self._function(self._args, 1, 0, self._total)

    def run_streamed(self) -> None:
        """Runs with weights, the second operand, that no cache holds."""
        weights = self._operands[1]
        if self._at + weights.size > self._stream.size:
            self._at = 0
        self._args[1] = self._stream[self._at:].ctypes.data
        self._at += -(-weights.size // 16) * 16
        self._function(self._args, 1, 0, self._total)
        self._args[1] = weights.ctypes.data

    def _call_seconds(self) -> float:
        """Returns what a call costs that has no work."""
        times = []
        for _ in range(50):
            begin = time.perf_counter()
            self._function(self._args, 1, 0, 0)
            times.append(time.perf_counter() - begin)
        return min(times)

    def seconds(self, run: Callable[[], None], length: float) -> float:
        """Returns the time of the quickest of the single runs that fit the length, less an empty call's; slower runs were interrupted."""
        run()
        call = self._call_seconds()
        times: list[float] = []
        end = time.perf_counter() + length
        while len(times) < 3 or time.perf_counter() < end:
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
        return min(times) - call


def floats(size: int) -> NDArray[np.float32]:
    """Returns random floats that begin at a cache line; both halves of each are a bf16 of moderate size too, so they serve kernels of both dtypes."""
    memory = np.random.default_rng(0).standard_normal(size + 16, np.float32)
    high = memory.view(np.uint32) >> 16
    memory = (high << 16 | high).view(np.float32)
    start = (-memory.ctypes.data // 4) % 16
    return memory[start:start + size]


@dataclass
class Result:
    """What one layer reached on one thread.

    Attributes:
        network: that has it.
        layer: its text.
        precision: of data and weights.
        algorithm: what ngc picks: "direct", "depthwise" or Winograd's.
        channels: the fewer of its inputs and its outputs.
        tile: rows, pixels and vectors of the direct kernel's accumulators.
        peak: GFLOP/s of multiply-adds on registers, measured around the layer.
        bandwidth: GB/s of reads from memory.
        warm: GFLOP/s of the direct kernel with the same weights in all runs.
        streamed: and with weights that no cache holds.
        winograd_warm: GFLOP/s of the direct convolution in the time that Winograd's algorithm takes; None where ngc does not pick it.
        winograd_streamed: and with weights that no cache holds.
    """

    network: str
    layer: str
    precision: str
    algorithm: str
    channels: int
    tile: str
    peak: float
    bandwidth: float
    warm: float
    streamed: float
    winograd_warm: float | None = None
    winograd_streamed: float | None = None


def measure(layers: Sequence[Layer], target: CpuTarget, precision: str, seconds: float, rounds: int) -> list[Result]:
    """Returns the medians over rounds in which samples of peak, bandwidth, warm and streamed runs alternate; a sample is the best of its runs.

    Raises:
        CodegenError: the target has no kernels of that precision.
    """
    dtype, stream = DTYPES[precision], floats(STREAM_BYTES // 4)
    peak_spec, stream_spec = PeakKernel.plan(target, dtype), StreamKernel.plan(target, stream.size)
    peak, reader = Runner(peak_spec, target, [], stream), Runner(stream_spec, target, [stream], stream)
    results = []
    for layer in layers:
        direct = plan(layer, target, dtype)
        picked = CostModel(target).choose(direct, 1).spec
        specs: list[ConvSpec] = [direct, picked] if isinstance(picked, WinogradKernel) else [direct]
        runners = [Runner(spec, target, [floats(size) for size in operand_sizes(spec, 1)], stream) for spec in specs]
        samples = []
        for _ in range(rounds):
            sample = [peak_spec.flops() / peak.seconds(peak.run, seconds), stream_spec.bytes_read / reader.seconds(reader.run, 0)]
            for runner in runners:
                sample += [direct.flops() / runner.seconds(run, seconds) for run in (runner.run, runner.run_streamed)]
            samples.append(sample)
        rates = [statistics.median(column) / 1e9 for column in zip(*samples, strict=True)]
        tile = f"{direct.tile.rows}x{direct.tile.pixels}x{direct.tile.vectors}"
        results.append(Result(layer.network, str(layer), precision, algorithm(picked), min(layer.inputs, layer.outputs), tile, *rates))
    return results


def algorithm(spec: ConvSpec) -> str:
    """Returns what a kernel's algorithm is called."""
    if isinstance(spec, WinogradKernel):
        return f"winograd F({spec.size}x{spec.size})"
    return "depthwise" if isinstance(spec, DepthwiseKernel) else "direct"


def summary(results: Sequence[Result]) -> list[str]:
    """Returns a sentence on the direct layers of many channels that stay below their share of the peak, for warm and for streamed weights."""
    layers = [r for r in results if r.algorithm == "direct" and r.channels >= MANY_CHANNELS]
    shares = {"warm": (WARM_SHARE, [r.warm / r.peak for r in layers]), "streamed": (STREAMED_SHARE, [r.streamed / r.peak for r in layers])}
    lines = []
    for name, (least, reached) in shares.items():
        below = [f"{r.network} {r.layer} ({share:.1%})" for r, share in zip(layers, reached, strict=True) if share < least]
        lines.append(f"{len(below)} of {len(layers)} direct layers with {MANY_CHANNELS} channels or more are below {least:.0%} of the peak with {name} weights"
                     + (f": {'; '.join(below)}" if below else ""))  # fmt: skip
    return lines


def show(results: Sequence[Result]) -> None:
    """Prints the table of one precision's results and what it comes to."""
    view = Table("network", "layer", "algorithm", "tile", title=results[0].precision)
    for column in ("peak", "warm", "share", "streamed", "share", "winograd warm", "streamed"):
        view.add_column(column, justify="right")
    for r in results:
        winograd = [f"{rate:.0f}" if rate else "" for rate in (r.winograd_warm, r.winograd_streamed)]
        view.add_row(r.network, r.layer, r.algorithm, r.tile, f"{r.peak:.0f}", f"{r.warm:.1f}", f"{r.warm / r.peak:.0%}",
                     f"{r.streamed:.1f}", f"{r.streamed / r.peak:.0%}", *winograd)  # fmt: skip
    console = Console(width=140)
    console.print(view)
    for line in summary(results):
        console.print(line, markup=False)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="bench.kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, choices=[1], help="kernels are measured on one thread")
    parser.add_argument("--precision", default=["fp32"], type=lambda text: names(text, list(DTYPES), "precision"), help="fp32, bf16, int8, or several by comma")
    parser.add_argument("--json", help="file to write the results to")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--network", choices=["resnet50", "mobilenetv2"])
    parser.add_argument("--filter", default="", help="only layers whose name contains this")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of one sample")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    layers = [layer for layer in resnet50() + mobilenet_v2()
              if options.network in (None, layer.network) and options.filter in str(layer)]
    results: list[Result] = []
    for precision in options.precision:
        try:
            found = measure(layers, parse_target(options.target), precision, options.seconds, options.rounds)
        except CodegenError as error:
            print(f"no kernels of {precision}: {error}")
            continue
        show(found)
        results += found
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([asdict(result) for result in results], file, indent=1)


if __name__ == "__main__":
    main()
