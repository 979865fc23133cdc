"""AArch64: the tests of all kernels once more on NEON, and whole networks, under user-mode emulation.

Needs Debian's qemu-user and binutils-aarch64-linux-gnu.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.build import build_program
from ngc.importer import import_model
from ngc.ir import Graph, clone
from ngc.passes import PassContext, PassManager
from ngc.runtime import Executable
from ngc.target import host_target, parse_target
from tests.checkpoints import SHAPE, make_input, make_params, reference, symbol_json
from tests.codegen.llvm.emulation import link_kernel, require_tools, run_kernel, run_program
from tests.codegen.llvm.test_programs import EXAMPLES, check_with
from tests.passes.test_zoo_fusion import network
from tests.strategies import block_graphs, graphs

pytestmark = [pytest.mark.full, pytest.mark.skipif(host_target().arch == "aarch64", reason="this machine runs AArch64 code in the other tests")]

TARGETS = ("cpu:aarch64", "cpu:cortex-a72", "cpu:neoverse-n1")

HERE = Path(__file__).parent
KERNEL_TESTS = (*sorted(f"kernels/{path.name}" for path in (HERE / "kernels").glob("test_*.py")), "test_vector_math.py", "test_packing.py")


@pytest.fixture(autouse=True)
def _tools() -> None:
    require_tools()


@pytest.mark.parametrize("file", KERNEL_TESTS)
def test_kernels_pass_their_tests_on_neon(file: str) -> None:
    environment = os.environ | {"NGC_TEST_TARGETS": "cpu:aarch64 cpu:neoverse-n1"}
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", str(HERE / file)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=HERE.parents[2])
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert re.search(r"\d+ passed", result.stdout)
    assert "skipped" not in result.stdout


def check(graph: Graph, name: str, pipeline: str, threads: int) -> None:
    """Checks a graph's outputs under emulation against the reference evaluator."""
    check_with(lambda program, lowered, feeds: run_program(program, feeds, threads), graph, name, pipeline)


@pytest.mark.parametrize("name", TARGETS)
@EXAMPLES
@given(graph=graphs())
def test_random_graphs(name: str, graph: Graph) -> None:
    check(graph, name, "@cpu-fp32", threads=1)


@EXAMPLES
@given(graph=block_graphs())
def test_random_graphs_that_share_buffers_on_two_threads(graph: Graph) -> None:
    check(graph, "cpu:aarch64", "@cpu-fp32", threads=2)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_checkpoint(threads: int) -> None:
    graph = import_model(symbol_json(), make_params(), shapes={"data": SHAPE})
    target = parse_target("cpu:aarch64")
    PassManager("@cpu-fp32").run(graph, PassContext(target=target))
    x = make_input()
    # float32 through 27 products, 99 pixels and a softmax
    np.testing.assert_allclose(run_program(build_program(graph, target), {"data": x}, threads)[0], reference(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet18_v2", "mobilenet_v2_1_0"])
def test_networks_give_what_they_give_on_this_machine(name: str) -> None:
    graph = network(name)
    x = {"data": np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)}
    here = parse_target("cpu")
    native = clone(graph)
    PassManager("@cpu-fp32").run(native, PassContext(target=here))
    wanted = Executable(build_program(native, here), native, 1).run(x)[0]
    target = parse_target("cpu:neoverse-n1")
    PassManager("@cpu-fp32").run(graph, PassContext(target=target))
    got = run_program(build_program(graph, target), x, threads=2)[0]
    # what Winograd and the order of sums may differ in: the bound that the networks keep against MXNet
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-4 * float(np.abs(wanted).max()))


def test_the_emulated_processor_has_no_later_instructions() -> None:
    """`sdot` came with ARMv8.2: code for a later processor must not pass as code of the oldest."""
    text = """target triple = "aarch64-unknown-linux-gnu"
declare <4 x i32> @llvm.aarch64.neon.sdot.v4i32.v16i8(<4 x i32>, <16 x i8>, <16 x i8>)
define void @f(ptr %args, i64 %n, i64 %begin, i64 %end) {
  %p = load ptr, ptr %args
  %x = load <16 x i8>, ptr %p
  %sum = call <4 x i32> @llvm.aarch64.neon.sdot.v4i32.v16i8(<4 x i32> zeroinitializer, <16 x i8> %x, <16 x i8> %x)
  store <4 x i32> %sum, ptr %p
  ret void
}"""
    image = jit.compile_object(text, "neoverse-n1", "")
    for name, passes in (("cpu:neoverse-n1", True), ("cpu:aarch64", False)):
        x = np.full(16, 3, np.int8)
        executable = link_kernel(image, "f", parse_target(name))
        if passes:
            run_kernel(executable, {x.ctypes.data: x}, [x.ctypes.data], 1, [(0, 1)])
            assert x.view(np.int32).tolist() == [36] * 4
        else:
            with pytest.raises(AssertionError, match="emulation ended with -4"):
                run_kernel(executable, {x.ctypes.data: x}, [x.ctypes.data], 1, [(0, 1)])


def test_an_undefined_symbol_does_not_link() -> None:
    text = 'target triple = "aarch64-unknown-linux-gnu"\ndeclare void @sinf()\ndefine void @f() {\n  call void @sinf()\n  ret void\n}'
    image = jit.compile_object(text, "generic", "")
    with pytest.raises(AssertionError, match="undefined reference to `sinf'"):
        link_kernel(image, "f", parse_target("cpu:aarch64"))


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    with pytest.raises(pytest.skip.Exception, match=r"qemu-aarch64, .*-ld not found: apt-get install qemu-user binutils-aarch64-linux-gnu"):
        require_tools()
