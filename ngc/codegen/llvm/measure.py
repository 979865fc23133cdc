"""Times kernels of one convolution against each other, on one thread, with random data in the real geometry.

What a layer meets in a network lies between two states: its weights are in the last-level cache or nearer, as in a small network, or they come from memory,
as in a large one. So in every round each kernel runs once with weights that no cache holds, out of a pool larger than the last-level cache, and once more
with the same weights, which are now as near as they can be; the score is the mean of the best times of both. Inputs and outputs stay where they are and
are as warm as the kernels before left them. Kernels take turns, so that what disturbs the machine hits all alike, and the processor time of the thread is what
counts, so that being interrupted is not held against a kernel.
"""

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.choice import ConvSpec
from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.weights import aligned_bytes

POOL_BYTES = 64 << 20
"""More than the last-level cache: weights that rotate through it come from memory."""

LAYER_SECONDS = 0.4
"""How long the kernels of one layer are timed, unless `LEAST_ROUNDS` takes longer."""

LEAST_ROUNDS, MOST_ROUNDS = 3, 400
_HOPELESS = ((10, 1.1), (LEAST_ROUNDS, 1.3))
"""After so many rounds a kernel is out whose best time is so many times the best of all: the time left is for those that are near."""

_ALL_STREAM = 4e-3
"""A kernel that runs for so many seconds reads its weights no faster from a cache: it runs once a round."""

_SLACK = 1024
_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


def operand_sizes(spec: ConvSpec, images: int) -> list[int]:
    """Returns the floats of each operand of a kernel, in the order of its arguments."""
    sizes = [spec.x.stride_n * images, spec.weight_size, spec.y.stride_n * images]
    if isinstance(spec, WinogradKernel):
        sizes.append(spec.scratch_bytes // 4)
    elif isinstance(spec, ConvKernel | DepthwiseKernel) and spec.offset:
        sizes.append(spec.y.blocks * spec.y.block)
    elif isinstance(spec, ConvKernel) and spec.prologue:
        sizes += [*_step_sizes(spec.prologue, spec.x, images), spec.scratch_bytes // 4]
    return sizes + _step_sizes(spec.steps, spec.y, images)


def _step_sizes(steps: Sequence[StepSpec], of: Geometry, images: int) -> list[int]:
    return [of.blocks * of.block if step.tensor is None else step.tensor.stride_n * images for step in steps for _ in range(step.operands)]


class Pool:
    """Random weights without end: each request returns those behind the last ones, and begins anew where they end."""

    def __init__(self) -> None:
        self._floats = random_floats(POOL_BYTES // 4)
        self._at = 0

    def next(self, count: int) -> int:
        """Returns the address of `count` floats that were not read for long."""
        if 2 * count > self._floats.size:  # two sets of weights this large displace one another
            self._floats, self._at = random_floats(2 * count + 16), 0
        if self._at + count > self._floats.size:
            self._at = 0
        address: int = self._floats.ctypes.data + 4 * self._at
        self._at += -(-count // 16) * 16
        return address


def random_floats(count: int) -> NDArray[np.float32]:
    """Returns that many floats of moderate size, beginning at a cache line; both halves of each are a bf16 of moderate size too."""
    floats = aligned_bytes(4 * (count + _SLACK)).view(np.float32)
    upper = (np.random.default_rng(0).standard_normal(1 << 16, np.float32) * np.float32(0.1)).view(np.uint32) >> 16
    block = (upper << 16 | upper).view(np.float32)
    for start in range(0, floats.size, block.size):
        part = floats[start:start + block.size]
        part[:] = block[:part.size]
    return floats[:count]


@dataclass
class _Runner:
    """One kernel with its operands, and the best times so far."""

    spec: ConvSpec
    function: object
    arguments: object
    images: int
    streamed: float = float("inf")
    warm: float = float("inf")
    buffers: list[NDArray[np.float32]] = field(default_factory=list)

    def run(self) -> float:
        """Returns the seconds of one run."""
        total = self.spec.work[0] * self.images + self.spec.work[1]
        begin = time.thread_time_ns()
        self.function(self.arguments, self.images, 0, total)  # type: ignore[operator]  # a C function
        return max(1, time.thread_time_ns() - begin) * 1e-9

    def sample(self, pool: Pool) -> None:
        """Runs with weights from memory, then again with the same."""
        self.arguments[1] = pool.next(self.spec.weight_size)  # type: ignore[index]  # a C array
        self.streamed = min(self.streamed, self.run())
        self.warm = min(self.warm, self.run() if self.streamed < _ALL_STREAM else self.streamed)

    @property
    def score(self) -> float:
        """Seconds of one image."""
        return (self.streamed + self.warm) / 2 / self.images


def measure(specs: Sequence[ConvSpec], addresses: Sequence[int], images: int, pool: Pool) -> list[float]:
    """Returns the seconds that each kernel takes for one image.

    Args:
        specs: kernels of one convolution; the first runs in all rounds, since it is what the others are compared with.
        addresses: where their functions lie.
        images: the batch.
        pool: weights to rotate through.
    """
    shared: dict[tuple[int, int], NDArray[np.float32]] = {}
    runners = [_runner(spec, address, images, shared) for spec, address in zip(specs, addresses, strict=True)]
    running = list(runners)
    end = time.perf_counter() + LAYER_SECONDS
    for done in range(MOST_ROUNDS):
        if done >= LEAST_ROUNDS:
            best = min(runner.score for runner in running)
            allowed = best * next(factor for rounds, factor in _HOPELESS if done >= rounds)
            running = [runner for runner in running if runner is runners[0] or runner.score <= allowed]
            if len(running) == 1 or time.perf_counter() > end:
                break
        for runner in running:
            runner.sample(pool)
    return [runner.score for runner in runners]


def _runner(spec: ConvSpec, address: int, images: int, shared: dict[tuple[int, int], NDArray[np.float32]]) -> _Runner:
    """Returns a kernel ready to run; kernels share the operands that have the same place and size."""
    pointers: list[int | None] = []
    buffers = []
    for place, size in enumerate(operand_sizes(spec, images)):
        if place == 1:
            pointers.append(None)  # the pool's
            continue
        if (place, size) not in shared:
            shared[place, size] = random_floats(size)
        buffers.append(shared[place, size])
        pointers.append(shared[place, size].ctypes.data)
    return _Runner(spec, _SIGNATURE(address), (ctypes.c_void_p * len(pointers))(*pointers), images, buffers=buffers)
