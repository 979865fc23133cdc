"""Runs that are traced: the outputs of a plain run, and the times of its kernels."""

import time

import numpy as np
import pytest

import ngc
from ngc.errors import InputError
from ngc.ir import Graph
from ngc.ir.builder import GraphBuilder
from ngc.runtime.team import read_cycles
from tests.checkpoints import CLASSES, SHAPE, make_input, write_checkpoint


def looping(steps: int) -> Graph:
    """Returns a loop that adds its rows up and returns the exponentials of the rows."""
    b = GraphBuilder("net")
    x, start = b.input("x", (steps, 3)), b.input("start", (3,))
    body = GraphBuilder("body")
    state, row = body.input("state", (3,)), body.input("row", (3,))
    region = body.finish([body.op("add", state, row, name="next"), body.op("exp", row, name="out")], ["next", "out"])
    return b.finish(b.region_op("loop", [start, x], [region], "loop", carried=1, scanned=1, steps=steps))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_traced_run_returns_outputs_and_the_times_of_its_kernels(tmp_path_factory: pytest.TempPathFactory, threads: int) -> None:
    executable = ngc.compile(write_checkpoint(tmp_path_factory.mktemp("checkpoint")), shapes={"data": ("N", *SHAPE[1:])}, threads=threads)
    feeds = {"data": make_input(3)}
    outputs, profile = executable.run_traced(feeds)
    for output, expected in zip(outputs, executable.run(feeds), strict=True):
        np.testing.assert_array_equal(output, expected)
    assert (profile.runs, profile.threads, profile.batch) == (1, threads, 3)
    assert [kernel.symbol for kernel in profile.kernels] == [call.symbol for call in executable.program.calls]
    assert sorted((thread, kernel) for thread, kernel, _, _ in profile.spans) == [
        (thread, kernel) for thread in range(threads) for kernel in range(len(profile.kernels))]
    assert min(start for _, _, start, _ in profile.spans) == 0
    assert profile.kernels[-1].results == (f"f32[3,{CLASSES}]",)
    assert [kernel.flops for kernel in profile.kernels] == [call.flops * 3 for call in executable.program.calls]
    assert sum(kernel.result_bytes for kernel in profile.kernels) >= executable.program.arena_bytes(3, 0) > 0  # buffers are shared


@pytest.mark.parametrize("threads", [1, 2])
def test_the_steps_of_a_loop_add_up(threads: int) -> None:
    executable = ngc.compile(looping(5), threads=threads)
    feeds = {"x": np.arange(15, dtype=np.float32).reshape(5, 3) / 8, "start": np.ones(3, np.float32)}
    outputs, profile = executable.run_traced(feeds)
    for output, expected in zip(outputs, executable.run(feeds), strict=True):
        np.testing.assert_array_equal(output, expected)
    assert {kernel.node for kernel in profile.kernels} >= {"loop/body/next", "loop/body/out"}
    assert {kernel for _, kernel, _, _ in profile.spans} == set(range(len(profile.kernels)))
    assert all(start >= 0 and duration >= 0 for _, _, start, duration in profile.spans)
    # A step writes a row, and that into an output: nothing of the arena.
    assert {kernel.node: (kernel.results, kernel.result_bytes) for kernel in profile.kernels}["loop/body/out"] == (("f32[3]",), 0)


def test_a_traced_run_checks_its_feeds() -> None:
    with pytest.raises(InputError, match="start"):
        ngc.compile(looping(2), threads=1).run_traced({"x": np.zeros((2, 3), np.float32)})


def test_cycles_are_read_with_the_time() -> None:
    cycles, moment = read_cycles()
    time.sleep(0.002)
    later_cycles, later = read_cycles()
    assert (later_cycles > cycles, later > moment) == (True, True)
