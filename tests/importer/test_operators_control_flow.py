"""`foreach`, `while_loop` and `cond` of mx.sym.contrib against MXNet: evaluated, compiled, and what is refused."""

import json
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model
from ngc.ir import Graph, evaluate, parse, verify
from tests.importer.conftest import assert_close, compare, run_mxnet

Arrays = Mapping[str, np.ndarray]


def variables(mx: ModuleType, names: str) -> list[Any]:
    return [mx.sym.var(name) for name in names.split()]


def foreach(mx: ModuleType, body: Callable[..., Any], data: Any, states: Any) -> Any:
    """Returns all outputs of a loop over data: the stacked ones, then the states."""
    return mx.sym.Group([part for group in mx.sym.contrib.foreach(body, data, states) for part in flat(group)])


def while_loop(mx: ModuleType, cond: Callable[..., Any], func: Callable[..., Any], states: Any, most: int) -> Any:
    return mx.sym.Group([part for group in mx.sym.contrib.while_loop(cond, func, states, max_iterations=most) for part in flat(group)])


def flat(group: Any) -> list[Any]:
    return [part for item in group for part in flat(item)] if isinstance(group, list | tuple) else [group]


@pytest.fixture
def same(mx: ModuleType) -> Callable[..., Graph]:
    """Returns a function that compares a symbol with MXNet: evaluated, through text, and compiled for one thread and two."""

    def run(symbol: Any, feeds: Arrays, params: tuple[str, ...] = (), *, reduction: int = 1, rows: int | None = None) -> Graph:
        wanted = run_mxnet(mx, symbol, feeds)
        known = {name: feeds[name] for name in params}
        data = {name: values for name, values in feeds.items() if name not in params}
        graph = import_model((symbol, known, {}), shapes={name: values.shape for name, values in data.items()},
                             dtypes={name: values.dtype for name, values in data.items()})
        verify(graph)
        assert str(parse(str(graph))) == str(graph)
        assert graph.output_names == tuple(symbol.list_outputs())
        found = [evaluate(graph, data), *(ngc.compile(graph, threads=threads).run_poisoned(data) for threads in (1, 2))]
        for results in found:
            for number, (got, want) in enumerate(zip(results, wanted, strict=True)):
                if rows is not None and number == 0:  # MXNet leaves the others as the memory was
                    assert not got[rows:].any()
                    got, want = got[:rows], want[:rows]
                assert_close(got, want, reduction=reduction, scale=16)
        return graph

    return run


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def test_foreach_with_states_and_a_value_from_outside(mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    data, state, other, w = variables(mx, "data state other w")
    symbol = foreach(mx, lambda x, s: (x * w + s[0], [x + s[0] * w, s[1] * 2]), data, [state, other])
    graph = same(symbol, {"data": normal(rng, 5, 3, 4), "state": normal(rng, 3, 4), "other": normal(rng, 2), "w": normal(rng, 3, 4)}, reduction=8)
    (loop,) = (node for node in graph.nodes if node.op == "loop")
    assert (loop.attrs["carried"], loop.attrs["scanned"], loop.attrs["steps"]) == (2, 1, 5)


FOREACH = {
    "one dimension": (lambda x, s: (x + s[0], [s[0] * 2]), 1, 1, (5,), (1,)),
    "states change places": (lambda x, s: ([x + s[0]], [s[1], s[0]]), 1, 2, (4, 3), (3,)),
    "a state is returned too": (lambda x, s: ([x + s[0]], [x + s[0]]), 1, 1, (4, 3), (3,)),
    "no outputs": (lambda x, s: ([], [s[0] + x]), 1, 1, (4, 3), (3,)),
    "no states": (lambda x, s: (x * 2, []), 1, 0, (4, 3), (3,)),
    "two inputs, three outputs": (lambda x, s: ([x[0] - x[1], x[1], s[0] + x[0]], [s[0] - x[1]]), 2, 1, (3, 2, 2), (2, 2)),
    "one step": (lambda x, s: ([x + s[0]], [s[0] * x]), 1, 1, (1, 3), (3,)),
}


@pytest.mark.parametrize("case", FOREACH)
def test_foreach(case: str, mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    body, inputs, states, shape, state_shape = FOREACH[case]
    data = [mx.sym.var(f"d{number}") for number in range(inputs)]
    carried = [mx.sym.var(f"s{number}") for number in range(states)]
    feeds = {f"d{number}": normal(rng, *shape) for number in range(inputs)}
    feeds |= {f"s{number}": normal(rng, *state_shape) for number in range(states)}
    same(foreach(mx, body, data[0] if inputs == 1 else data, carried), feeds, reduction=8)


def test_foreach_with_layers_inside(mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    data, state = variables(mx, "data state")

    def body(x: Any, states: Any) -> tuple[Any, Any]:
        y = mx.sym.BatchNorm(mx.sym.Convolution(x, num_filter=6, kernel=(3, 3), pad=(1, 1), name="conv") + states[0], fix_gamma=False, name="bn")
        h = mx.sym.Activation(y, act_type="relu")
        return mx.sym.FullyConnected(h, num_hidden=3, name="fc"), [h]

    params = {"conv_weight": normal(rng, 6, 5, 3, 3) * np.float32(0.15), "conv_bias": normal(rng, 6),
              "fc_weight": normal(rng, 3, 294), "fc_bias": normal(rng, 3), "bn_gamma": normal(rng, 6), "bn_beta": normal(rng, 6),
              "bn_moving_mean": normal(rng, 6), "bn_moving_var": np.abs(normal(rng, 6)) + np.float32(1)}
    symbol = foreach(mx, body, data, [state])
    same(symbol, {"data": normal(rng, 4, 2, 5, 7, 7), "state": normal(rng, 2, 6, 7, 7), **params}, tuple(params), reduction=400)


@pytest.mark.parametrize(("start", "rows"), [(0, 6), (3, 3), (5, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_while_loop(start: int, rows: int, dtype: Any, mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    i, s, w = variables(mx, "i s w")
    symbol = while_loop(mx, lambda i, s: i <= 5, lambda i, s: ([s * 2], [i + 1, s + w]), [i, s], 7)
    same(symbol, {"i": np.full(1, start, dtype), "s": normal(rng, 2), "w": normal(rng, 2)}, reduction=8, rows=rows)


def test_while_loop_that_the_count_ends(mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    i, most = variables(mx, "i most")
    symbol = while_loop(mx, lambda i: i < most, lambda i: ([i * 2, i - most], [i + 1]), [i], 4)
    same(symbol, {"i": np.zeros(1, np.float32), "most": np.full(1, 9, np.float32)})


def test_while_loop_without_outputs_and_with_states_that_change_places(mx: ModuleType, same: Callable[..., Graph]) -> None:
    i, s = variables(mx, "i s")
    symbol = while_loop(mx, lambda i, s: i < 3, lambda i, s: ([], [s + 1, i]), [i, s], 9)
    same(symbol, {"i": np.zeros(1, np.float32), "s": np.ones(1, np.float32)})


def test_while_loop_that_takes_no_step(mx: ModuleType) -> None:
    # MXNet raises: without a step it does not know the shapes of the outputs.
    i, s = variables(mx, "i s")
    symbol = while_loop(mx, lambda i, s: i < 0, lambda i, s: ([s], [i + 1, s]), [i, s], 2)
    graph = import_model(symbol, shapes={"i": (1,), "s": (2,)})
    feeds = {"i": np.zeros(1, np.float32), "s": np.ones(2, np.float32)}
    for results in (evaluate(graph, feeds), ngc.compile(graph, threads=1).run(feeds)):
        np.testing.assert_array_equal(results[0], np.zeros((2, 2)))
        np.testing.assert_array_equal(results[2], np.ones(2))


@pytest.mark.parametrize("a", [0.0, 1.0, np.nan])
def test_cond(a: float, mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    p, q, x, y, w = variables(mx, "p q x y w")
    symbol = mx.sym.Group(mx.sym.contrib.cond(p < q, lambda: [(x + 5) * (y + 5), x], lambda: [x, (x - 5) * w]))
    feeds = {"p": np.full(1, a, np.float32), "q": np.full(1, 0.5, np.float32), "x": normal(rng, 3), "y": normal(rng, 3), "w": normal(rng, 3)}
    same(symbol, feeds, ("w",), reduction=4)


def test_a_predicate_is_a_value_that_holds_unless_it_is_zero(mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    p, x = variables(mx, "p x")
    for number in (np.nan, -0.0, 0.25):
        same(mx.sym.contrib.cond(p, lambda: x + 1, lambda: x * 2), {"p": np.full(1, number, np.float32), "x": normal(rng, 3)})


def test_foreach_within_foreach(mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    data, state, w = variables(mx, "data state w")

    def body(x: Any, states: Any) -> tuple[Any, Any]:
        rows, last = mx.sym.contrib.foreach(lambda y, inner: (y * inner[0] + w, [inner[0] + y]), x, states)
        return rows, last

    same(foreach(mx, body, data, [state]), {"data": normal(rng, 3, 4, 2), "state": normal(rng, 2), "w": normal(rng, 2)}, reduction=16)


def test_cond_within_while_loop(mx: ModuleType, same: Callable[..., Graph], rng: np.random.Generator) -> None:
    i, s, limit, w = variables(mx, "i s limit w")

    def step(i: Any, s: Any) -> tuple[Any, Any]:
        return [i * 1], [i + 1, mx.sym.contrib.cond(s.sum() < limit, lambda: s * 2, lambda: s - w)]

    symbol = while_loop(mx, lambda i, s: i < 5, step, [i, s], 5)
    same(symbol, {"i": np.zeros(1, np.float32), "s": np.abs(normal(rng, 3)), "limit": np.full(1, 2, np.float32), "w": normal(rng, 3)}, reduction=32)


def test_a_block_with_a_loop(mx: ModuleType, rng: np.random.Generator) -> None:
    class Cell(mx.gluon.HybridBlock):  # type: ignore[misc,name-defined]  # known when MXNet is
        def __init__(self) -> None:
            super().__init__()
            self.fc = mx.gluon.nn.Dense(4, in_units=4)

        def hybrid_forward(self, F: Any, x: Any, s: Any) -> Any:
            return F.contrib.foreach(lambda row, s: (self.fc(row) + s, self.fc(row) * 0.5 + s), x, s)

    block = Cell()
    block.initialize(mx.init.Uniform(1))
    feeds = {"data0": normal(rng, 3, 2, 4), "data1": normal(rng, 2, 4)}
    wanted = block(*(mx.nd.array(array) for array in feeds.values()))
    got = ngc.compile(block, shapes={name: array.shape for name, array in feeds.items()}, threads=2).run(feeds)
    for result, want in zip(got, wanted, strict=True):
        assert_close(result, want.asnumpy(), reduction=16)


def test_a_batch_of_any_size_within_a_loop(mx: ModuleType, rng: np.random.Generator) -> None:
    data, state = variables(mx, "data state")
    rows = mx.sym.swapaxes(data, dim1=0, dim2=1)
    symbol = foreach(mx, lambda x, s: (x + s[0], [mx.sym.FullyConnected(x, num_hidden=3, no_bias=True, name="fc") + s[0]]), rows, [state])
    params = {"fc_weight": normal(rng, 3, 3)}
    executable = ngc.compile((symbol, params, {}), shapes={"data": ("N", 4, 3), "state": ("N", 3)}, threads=2)
    for batch in (1, 3):
        feeds = {"data": normal(rng, batch, 4, 3), "state": normal(rng, batch, 3)}
        for got, want in zip(executable.run(feeds), run_mxnet(mx, symbol, {**feeds, **params}), strict=True):
            assert_close(got, want, reduction=12)


def test_outputs_within_a_loop_can_be_asked_for(mx: ModuleType, rng: np.random.Generator) -> None:
    data, state = variables(mx, "data state")
    symbol = foreach(mx, lambda x, s: (x + s[0], [s[0] * 2]), data, [state])
    graph = import_model(symbol, shapes={"data": (3, 2), "state": (2,)}, outputs=[symbol.list_outputs()[1]])
    np.testing.assert_array_equal(evaluate(graph, {"data": np.ones((3, 2)), "state": np.ones(2)})[0], [8, 8])


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_loop_over_the_batch_is_refused(mx: ModuleType) -> None:
    data, state = variables(mx, "data state")
    symbol = foreach(mx, lambda x, s: (x, [s[0] + x]), data, [state])
    with pytest.raises(ImportFailure, match="it goes over the first dimension of 'data', which is the batch N; compile with a fixed number of steps"):
        import_model(symbol, shapes={"data": ("N", 3), "state": (3,)})


def test_a_state_that_changes_its_shape_is_refused(mx: ModuleType) -> None:
    i, s = variables(mx, "i s")
    symbol = while_loop(mx, lambda i, s: i < 3, lambda i, s: ([i], [i + 1, mx.sym.concat(s, s, dim=0)]), [i, s], 3)
    with pytest.raises(ImportFailure, match=r"carries \(f32\[1\], f32\[2\]\) to the next step, not \(f32\[1\], f32\[1\]\)"):
        import_model(symbol, shapes={"i": (1,), "s": (1,)})


def test_a_predicate_of_several_elements_is_refused(mx: ModuleType) -> None:
    p, x = variables(mx, "p x")
    with pytest.raises(ImportFailure, match=r"cond: a predicate has one element, not the type f32\[2\]"):
        import_model(mx.sym.contrib.cond(p, lambda: x + 1, lambda: x * 2), shapes={"p": (2,), "x": (2,)})


def test_inputs_of_different_lengths_are_refused(mx: ModuleType) -> None:
    symbol = foreach(mx, lambda x, s: (x[0], [s[0] + x[1]]), variables(mx, "a b"), variables(mx, "s"))
    with pytest.raises(ImportFailure, match=r"a scanned operand has the first dimension 3, which is the number of steps, not the type f32\[4,2\]"):
        import_model(symbol, shapes={"a": (3, 2), "b": (4, 2), "s": (2,)})


def loop_json(mx: ModuleType) -> dict[str, Any]:
    data, state, w = variables(mx, "data state w")
    return json.loads(foreach(mx, lambda x, s: (x + w, [s[0] + x]), data, [state]).tojson())


SHAPES = {"data": (3, 2), "state": (2,), "w": (2,)}


def test_operators_inside_that_are_unknown_are_all_named(mx: ModuleType) -> None:
    symbol = loop_json(mx)
    node = symbol["nodes"][-1]
    for number, op in ((2, "mystery"), (4, "riddle")):
        node["subgraphs"][0]["nodes"][number]["op"] = op
    with pytest.raises(UnsupportedOperator, match=r"2 nodes of 2 unsupported operators(.|\n)*mystery(.|\n)*riddle"):
        import_model(symbol, shapes=SHAPES)


@pytest.mark.parametrize(("key", "value", "message"), [
    ("in_data_locs", "[7]", r"in_data_locs = \[7\]: expected places from 0 to 2"),
    ("in_data_locs", "[1]", "in_data_locs, in_state_locs and remain_locs with 3 places for the 3 variables of its subgraph"),
    ("remain_locs", "[]", "in_data_locs, in_state_locs and remain_locs with 2 places for the 3 variables of its subgraph"),
    ("num_out_data", "0", "num_outputs is 2 and num_out_data 0; its body returns 2 values and carries 1"),
    ("num_outputs", "3", "num_outputs is 3 and num_out_data 1; its body returns 2 values and carries 1"),
    ("max_iterations", "3", "unknown parameter 'max_iterations'"),
])
def test_attributes_that_contradict_the_subgraph(key: str, value: str, message: str, mx: ModuleType) -> None:
    symbol = loop_json(mx)
    symbol["nodes"][-1]["attrs"][key] = value
    with pytest.raises(ImportFailure, match=message):
        import_model(symbol, shapes=SHAPES)


def test_a_loop_without_its_subgraph(mx: ModuleType) -> None:
    symbol = loop_json(mx)
    symbol["nodes"][-1]["subgraphs"] = []
    with pytest.raises(ImportFailure, match="0 subgraphs, expected 1"):
        import_model(symbol, shapes=SHAPES)


def test_a_conditional_whose_places_do_not_fit(mx: ModuleType) -> None:
    p, x = variables(mx, "p x")
    symbol = json.loads(mx.sym.contrib.cond(p, lambda: x + 1, lambda: x * 2).tojson())
    node = symbol["nodes"][-1]
    node["attrs"]["then_input_locs"] = "[1, 0]"
    with pytest.raises(ImportFailure, match="then_input_locs has 2 places for 1 inputs of its subgraph"):
        import_model(symbol, shapes={"p": (1,), "x": (2,)})
    node["attrs"] |= {"then_input_locs": "[1]", "num_outputs": "2"}
    with pytest.raises(ImportFailure, match="its subgraph then returns 1 values, not 2"):
        import_model(symbol, shapes={"p": (1,), "x": (2,)})


def test_two_inputs_of_one_name(mx: ModuleType) -> None:
    symbol = loop_json(mx)
    inner = symbol["nodes"][-1]["subgraphs"][0]
    for node in inner["nodes"]:
        if node["op"] == "null":
            node["name"] = "x"
    with pytest.raises(ImportFailure, match="two inputs of its subgraph body are called 'x'"):
        import_model(symbol, shapes=SHAPES)


def test_foreach_over_vectors_under_numpys_semantics(mx: ModuleType) -> None:
    """The body sees arrays of one element, as without them."""
    with mx.util.np_shape(True):
        data, state = variables(mx, "data state")
        symbol = foreach(mx, lambda x, s: (x + s[0], [s[0] + x]), data, [state])
        feeds = {"data": np.arange(4, dtype=np.float32), "state": np.ones(1, np.float32)}
        compare(symbol, feeds, run_mxnet(mx, symbol, feeds), batch=False)


def test_data_must_be_there(mx: ModuleType) -> None:
    symbol = loop_json(mx)
    node = symbol["nodes"][-1]
    node["attrs"] |= {"in_data_locs": "[]", "in_state_locs": "[0, 1, 2]", "remain_locs": "[]", "num_outputs": "4"}
    with pytest.raises(ImportFailure, match="it has no data to go over"):
        import_model(symbol, shapes=SHAPES)
