"""The code of a graph as text: it is that of the program, each kernel once, and says whom it serves."""

import re

import pytest

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.build import build_program
from ngc.codegen.llvm.listing import kernel_listing
from ngc.errors import CodegenError
from ngc.ir import Graph, parse
from ngc.ir.random_data import fill_missing_weights
from ngc.passes import PassContext, PassManager
from ngc.target import parse_target

NET = """graph @net(%x: f32[N,16,8,8]) {
  %w = const @w : f32[16,16,3,3]
  %a = conv2d(%x, %w) {pad=[1,1]} : f32[N,16,8,8] loc("conv0")
  %v = const @v : f32[16,16,3,3]
  %b = conv2d(%a, %v) {pad=[1,1]} : f32[N,16,8,8] loc("conv1")
  %g = softmax(%b) {axis=1} : f32[N,16,8,8]
  return %g
}"""


def lowered(name: str) -> Graph:
    graph = parse(NET)
    fill_missing_weights(graph)
    PassManager("@cpu-fp32", verify_each=False).run(graph, PassContext(parse_target(name)))
    return graph


@pytest.mark.parametrize(("form", "ending", "mark"), [("llvm", ".ll", ";"), ("asm", ".s", "#")])
def test_every_kernel_of_the_program_once(form: str, ending: str, mark: str) -> None:
    target = parse_target("cpu:x86-64-v3")
    listed = kernel_listing(lowered(target.name), target, form)
    program = build_program(lowered(target.name), target)
    assert set(listed) == {symbol + ending for symbol in program.objects}
    for symbol in program.objects:
        served = re.findall(rf"^{mark}   (\S+) %(\S+)", listed[symbol + ending], re.MULTILINE)
        assert served == [(call.op, call.node) for call in program.calls if call.symbol == symbol]
    assert listed[program.entry + ending].startswith(f"{mark} {program.entry}: calls the {len(program.calls)} kernel calls of net in order\n")


def test_the_listed_ir_compiles() -> None:
    target = parse_target("cpu:x86-64-v3")
    for text in kernel_listing(lowered(target.name), target, "llvm").values():
        assert jit.compile_object(text, target.cpu, target.features)


def test_numerics_choose_the_kernels() -> None:
    graph = lowered("cpu:x86-64-v3")
    target = parse_target("cpu:x86-64-v3")
    assert not any(name.startswith("winograd") for name in kernel_listing(graph, target, "llvm", numerics="exact"))


def test_operators_without_kernels() -> None:
    text = 'graph @g(%x: f32[4]) stage("lowered") {\n  %q = quantize(%x) {scales=[0.5], zero_point=3, dtype="u8"} : u8[4]<q scale=[0.5] zero_point=3>\n'
    with pytest.raises(CodegenError, match="no kernels for some operators"):
        kernel_listing(parse(text + "  return %q\n}"), parse_target("cpu:x86-64-v3"), "llvm")
