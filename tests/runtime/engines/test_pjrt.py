"""Regions on PJRT: XLA's CPU client is the real one; of Neuron there is what a machine without it says."""

import subprocess
import sys
import threading
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.neuron import build_neuron
from ngc.engines import EngineOptions, parse_engine_target
from ngc.errors import EngineError, InputError
from ngc.ir import Graph, GraphBuilder, TensorType
from ngc.runtime.engines.pjrt import PjrtEngine, client_for, find_neuron_plugin

TERMS = 64


def image_of(graph: Graph) -> EngineImage:
    target = parse_engine_target("neuron:cpu")
    assert target is not None
    return build_neuron(graph, "part", target, EngineOptions(), "fp32")


def dense_graph(dtype: str = "f32") -> Graph:
    """Returns x times the transpose of a constant, and x's own sum with one."""
    builder = GraphBuilder("dense")
    x = builder.input("x", (3, TERMS), dtype)
    w = builder.const("w", np.random.default_rng(0).uniform(-1, 1, (8, TERMS)).astype(np.float32))
    w = w if dtype == "f32" else builder.op("cast", w, dtype=dtype, name="narrow")
    return builder.finish([builder.op("dense", x, w, name="y"), builder.op("add", x, scalar=1.0, name="z")])


def constants_of(graph: Graph) -> dict[str, np.ndarray]:
    return {value.name: value.array for value in graph.values() if value.is_const}


@pytest.fixture(scope="module")
def engine() -> PjrtEngine:
    graph = dense_graph()
    return PjrtEngine(image_of(graph), constants_of(graph), "cpu")


def test_results_are_fresh_and_writable(engine: PjrtEngine) -> None:
    x = np.ones((3, TERMS), np.float32)
    first, second = engine.run([x])[1], engine.run([x])[1]
    first[:] = 7
    assert (second == 2).all()
    assert (engine.run([x])[1] == 2).all()
    assert (x == 1).all()


def test_inputs_may_change_after_a_run(engine: PjrtEngine) -> None:
    x = np.ones((3, TERMS), np.float32)
    [_, z] = engine.run([x])
    x[:] = 5
    assert (z == 2).all()


def test_arrays_that_are_not_contiguous_are_read_as_they_look(engine: PjrtEngine) -> None:
    x = np.random.default_rng(1).random((TERMS, 3)).astype(np.float32).T
    np.testing.assert_array_equal(engine.run([x])[1], x + 1)


def test_products_of_f32_are_of_f32(engine: PjrtEngine) -> None:
    x = np.random.default_rng(1).uniform(-1, 1, (3, TERMS)).astype(np.float32)
    wanted = x.astype(np.float64) @ constants_of(dense_graph())["w"].astype(np.float64).T
    # Sums of 64 products below one: a rounding of the largest partial sum for each.
    np.testing.assert_allclose(engine.run([x])[0], wanted, rtol=0, atol=TERMS * 8 * 2.0**-24)


def test_threads_run_at_once(engine: PjrtEngine) -> None:
    inputs = [np.full((3, TERMS), number, np.float32) for number in range(8)]
    wanted = [engine.run([x]) for x in inputs]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            if any((a != b).any() for a, b in zip(engine.run([inputs[number]]), wanted[number], strict=True)):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_bf16_comes_as_floats_or_bits_or_ml_dtypes() -> None:
    graph = dense_graph("bf16")
    engine = PjrtEngine(image_of(graph), constants_of(graph), "cpu")
    x = np.random.default_rng(2).uniform(-1, 1, (3, TERMS)).astype(np.float32)
    narrow = x.astype(ml_dtypes.bfloat16)
    results = [engine.run([given]) for given in (x, narrow, narrow.view(np.uint16))]
    assert {str(array.dtype) for result in results for array in result} == {"bfloat16"}
    for result in results[1:]:
        for array, first in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(array.view(np.uint16), first.view(np.uint16))


def test_constants_of_bf16_are_rounded_once() -> None:
    builder = GraphBuilder("narrow")
    w = builder.const("w", np.array([1.0, -2.5, 0.15625], np.float32))
    w.type = TensorType((3,), "bf16")
    graph = builder.finish([builder.op("mul", builder.input("x", (3,), "bf16"), w, name="y")])
    [y] = PjrtEngine(image_of(graph), constants_of(graph), "cpu").run([np.array([2, 2, 2], np.float32)])
    assert y.tolist() == [2.0, -5.0, 0.3125]


def test_arrays_that_do_not_fit_are_refused(engine: PjrtEngine) -> None:
    with pytest.raises(InputError, match=r"^the engine part takes 1 arrays, not 2$"):
        engine.run([np.ones((3, TERMS), np.float32)] * 2)
    with pytest.raises(InputError, match=r"^the input x has the shape \(3, 64\), not \(2, 64\)$"):
        engine.run([np.ones((2, TERMS), np.float32)])


def test_a_constant_that_is_missing_is_named() -> None:
    with pytest.raises(EngineError, match=r"^the data of the constants w of the engine part is missing$"):
        PjrtEngine(image_of(dense_graph()), {}, "cpu")


def test_a_module_that_xla_refuses_is_an_error() -> None:
    graph = dense_graph()
    image = image_of(graph)
    broken = EngineImage("part", image.engine, image.inputs, image.outputs, {"stablehlo": b"module {"}, image.parameters, image.facts)
    with pytest.raises(EngineError, match=r"^XLA does not compile the engine part for the platform cpu: "):
        PjrtEngine(broken, constants_of(graph), "cpu")


def test_a_platform_without_a_client_is_named() -> None:
    with pytest.raises(EngineError, match=r"^there is no PJRT client for the platform 'tpu', only for cpu and neuron$"):
        client_for("tpu")


def test_without_the_plugin_the_error_says_what_is_missing_and_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEURON_LIBRARY_PATH", raising=False)
    assert find_neuron_plugin() is None
    graph = dense_graph()
    with pytest.raises(EngineError) as caught:
        PjrtEngine(image_of(graph), constants_of(graph), "neuron")
    assert str(caught.value) == ("the Neuron PJRT plugin (the package libneuronxla) and a Neuron device are missing: neither NEURON_LIBRARY_PATH nor an "
                                 "installed libneuronxla has libneuronpjrt.so; the image part was built for cpu and holds hlo, stablehlo")


def test_the_plugin_is_what_the_variable_or_the_package_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEURON_LIBRARY_PATH", raising=False)
    package = tmp_path / "libneuronxla"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "libneuronpjrt.so").write_text("no library")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_neuron_plugin() == package / "libneuronpjrt.so"
    other = tmp_path / "other.so"
    other.write_text("no library")
    monkeypatch.setenv("NEURON_LIBRARY_PATH", str(other))
    assert find_neuron_plugin() == other
    with pytest.raises(EngineError, match=r"^the PJRT client of the platform neuron cannot be made: .*other\.so"):
        client_for("neuron")
    monkeypatch.setenv("NEURON_LIBRARY_PATH", str(tmp_path / "missing.so"))
    assert find_neuron_plugin() is None


SCRIPT = """
import os
import numpy as np
from ngc.errors import EngineError
from ngc.runtime.engines.pjrt import PjrtEngine, client_for
from tests.runtime.engines.test_pjrt import constants_of, dense_graph, image_of
graph, x = dense_graph(), np.ones((3, 64), np.float32)
image = image_of(graph)
make = lambda: PjrtEngine(image, constants_of(graph), "cpu")
"""

FORK_AFTER = """
engine = make()
engine.run([x])
child = os.fork()
if child == 0:
    for attempt in (lambda: engine.run([x]), make):
        try:
            attempt()
        except EngineError as error:
            print(str(error).replace(str(os.getppid()), "PARENT"), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(engine.run([x])[1][0, 0])
"""

FORK_BEFORE = """
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
print(make().run([x])[1][0, 0], flush=True)
os._exit(0)
"""


def output_of(script: str) -> list[str]:
    """Returns the lines that a script prints in a process of its own."""
    return subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT + script], capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_forked_child_is_told_so_and_the_parent_goes_on() -> None:
    told = ("XLA's cpu client belongs to the process PARENT, from which this one was forked, and its threads are only there; start processes with "
            "multiprocessing's \"spawn\", or fork before any engine has run")
    assert output_of(FORK_AFTER) == [told, f"{told}; the image part was built for cpu and holds hlo, stablehlo", "2.0"]


def test_a_child_forked_before_the_first_client_makes_its_own() -> None:
    assert output_of(FORK_BEFORE) == ["2.0", "2.0"]
