"""Running models over batches: what is counted, in which pieces, from which forms of data, and what interruptions leave."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ngc
from ngc.calibration import CalibrationTable, collect, fingerprint, quantizable
from ngc.calibration.batches import iterate_feeds
from ngc.calibration.collect import CHECKPOINT_EVERY
from ngc.calibration.observer import Observer, is_observed
from ngc.errors import CodegenError, InputError
from ngc.ir import Graph, GraphBuilder, SymDim, evaluate
from ngc.ir.tensor_type import Dim
from ngc.passes import PassContext
from ngc.target import parse_target
from tests.checkpoints import SHAPE, make_input, make_params, symbol_json, write_checkpoint
from tests.passes.nets import Net

TARGET = parse_target("cpu")
MORE = ("N", *SHAPE[1:])


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def residual() -> Graph:
    """Returns a pre-activation block with a head of classes, in the form that is calibrated."""
    net = Net()
    x = net.input(3, 12, 12)
    stem = net.conv(x, 16, 3, name="stem", pad=1)
    active = net.op("relu", net.batch_norm(stem, name="bn1"))
    total = net.op("add", net.conv(active, 16, 3, name="body", pad=1), stem)
    pooled = net.op("pool", net.op("relu", net.batch_norm(total, name="bn2")), kind="avg", kernel=(12, 12), stride=(1, 1), pad=(0, 0))
    graph = net.finish(net.dense(net.op("reshape", pooled, shape=(SymDim(), 16)), 10))
    quantizable(graph, PassContext(target=TARGET))
    return graph


def images(count: int, seed: int = 3, shape: tuple[int, ...] = (3, 12, 12)) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 1, (count, *shape)).astype(np.float32)


def collected(graph: Graph, batches: Any, **options: Any) -> CalibrationTable:
    return collect(graph, batches, target=TARGET, progress=False, **options)


# -- what is counted ---------------------------------------------------------------------------------------------------


def test_every_activation_is_counted_under_its_name() -> None:
    graph = residual()
    x = images(5)
    wanted: dict[str, NDArray[np.float32]] = {}
    evaluate(graph, {"data": x}, observe=lambda value, array: wanted.__setitem__(value.name, array) if is_observed(value) else None)
    wanted["data"] = x
    text = str(graph)
    table = collected(graph, [x])
    assert str(graph) == text, "the graph is left alone"
    assert set(table.histograms) == set(wanted)
    assert len(wanted) >= 6
    assert (table.examples, table.batches) == (5, 1)
    for name, array in wanted.items():
        histogram, largest = table.histograms[name], float(np.abs(array).max())
        # float32 through sums of up to 144 products in each of three layers
        slack = 3 * 144 * 2.0**-24 * largest
        assert histogram.counts.sum() == array.size
        assert histogram.low == pytest.approx(array.min(), abs=slack)
        assert histogram.high == pytest.approx(array.max(), abs=slack)
        axes = (0, 2, 3) if array.ndim == 4 else (0,)
        channels = histogram.channels
        assert channels is not None
        np.testing.assert_allclose(channels.means or (), array.mean(axis=axes, dtype=np.float64), rtol=0, atol=slack)
        np.testing.assert_allclose(channels.lows, array.min(axis=axes), rtol=0, atol=slack)
        np.testing.assert_allclose(channels.highs, array.max(axis=axes), rtol=0, atol=slack)


def test_threads_and_pieces_do_not_matter() -> None:
    graph = residual()
    batches = [{"data": images(7)}, {"data": 3 * images(4, 1)}]
    tables = []
    for most_bytes in (1, 150_000, 1 << 28):  # one image a run, a few, all
        observer = Observer(graph, TARGET, most_bytes=most_bytes)
        table = CalibrationTable()
        assert [observer.observe(batch, table.histograms) for batch in batches] == [7, 4]
        tables.append(table)
    assert tables[0] == tables[1] == tables[2]
    assert all(collected(graph, batches, threads=threads).histograms == tables[0].histograms for threads in (1, 2, 3))


def test_a_fixed_batch_takes_multiples(prefix: str) -> None:
    batches = [make_input(6), make_input(4, 2), make_input(2, 3)]
    fixed = ngc.calibrate(prefix, batches, shapes={"data": SHAPE})
    assert fixed == ngc.calibrate(prefix, batches, shapes={"data": MORE})
    assert fixed.examples == 12
    with pytest.raises(InputError) as raised:
        ngc.calibrate(prefix, [make_input(5)], shapes={"data": SHAPE})
    assert str(raised.value) == ("calibration batch 1: input 'data' has 5 rows, which are no whole number of the 2 that the graph takes at a time; "
                                 "give batches of a multiple, or a first dimension of \"N\" in shapes")


def two_inputs(*first: Dim) -> Graph:
    builder = GraphBuilder("two")
    a, b = (builder.input(name, (*first, 3)) for name in "ab")
    graph = builder.finish([builder.op("relu", builder.op("add", a, b))])
    quantizable(graph, PassContext(target=TARGET))
    return graph


def test_models_of_two_inputs() -> None:
    x, y = images(4, 1, (3,)), images(4, 2, (3,))
    expected = collected(two_inputs(SymDim()), [{"a": x, "b": y}])
    assert {"a", "b"} < set(expected.histograms)
    for graph in (two_inputs(SymDim()), two_inputs(4), two_inputs(2), two_inputs(1)):
        for batch in ({"a": x, "b": y}, (x, y), [x, y, np.zeros(4)]):
            assert collected(graph, [batch]).histograms == expected.histograms
    with pytest.raises(InputError) as raised:
        collected(two_inputs(2), [{"a": x, "b": y[:2]}])
    assert str(raised.value) == ("calibration batch 1: input 'b' has 2 rows, which are no whole number of the 2 that the graph takes at a time, "
                                 "or not 2 of them as in 'a'; give batches of a multiple, or a first dimension of \"N\" in shapes")


def test_a_table_serves_all_batch_sizes(prefix: str) -> None:
    prints = []
    for shape in (SHAPE, (1, *SHAPE[1:]), MORE):
        graph = ngc.import_model(prefix, shapes={"data": shape})
        quantizable(graph, PassContext(target=TARGET))
        prints.append(fingerprint(graph))
    assert len(set(prints)) == 1
    graph = ngc.import_model(symbol_json(), make_params(seed=1), shapes={"data": MORE})
    quantizable(graph, PassContext(target=TARGET))
    assert fingerprint(graph) != prints[0]


def test_calibration_of_a_checkpoint(prefix: str) -> None:
    table = ngc.calibrate(prefix, [make_input(4)], shapes={"data": MORE}, mode="percentile", parameters={"percent": 99.0})
    assert isinstance(table, ngc.CalibrationTable)
    assert table.ranges() == table.ranges("percentile", percent=99.0)
    ranges = table.ranges("naive")
    assert ranges["data"].low == make_input(4).min()
    assert all(bounds.low <= 0 <= bounds.high for bounds in ranges.values())


def test_targets_are_processors_that_this_machine_can_stand_for(prefix: str) -> None:
    expected = ngc.calibrate(prefix, [make_input(2)], shapes={"data": MORE}).ranges("naive")
    found = ngc.calibrate(prefix, [make_input(2)], shapes={"data": MORE}, target="cpu:x86-64").ranges("naive")
    assert {name: bounds.high for name, bounds in found.items()} == pytest.approx({name: bounds.high for name, bounds in expected.items()}, rel=1e-5)
    with pytest.raises(CodegenError):
        ngc.calibrate(prefix, [make_input(2)], shapes={"data": MORE}, target="cpu:aarch64")


def test_the_public_names_are_loaded_when_they_are_used() -> None:
    script = ("import sys, ngc; assert not {'numpy', 'ngc.calibration'} & set(sys.modules); import ngc.calibration; "
              "print(ngc.calibrate is ngc.calibration.calibrate, ngc.CalibrationTable is ngc.calibration.CalibrationTable, "
              "{'calibrate', 'CalibrationTable'} < set(dir(ngc)))")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True"] * 3


# -- forms of data -----------------------------------------------------------------------------------------------------


def test_forms_of_batches(prefix: str) -> None:
    parts = [make_input(2, 1), make_input(3, 2)]
    expected = ngc.calibrate(prefix, [{"data": part} for part in parts], shapes={"data": MORE})
    forms: list[Any] = [parts, tuple(parts), iter(parts), [(part, np.zeros(len(part))) for part in parts], [[part] for part in parts]]
    for batches in forms:
        assert ngc.calibrate(prefix, batches, shapes={"data": MORE}) == expected


def test_mxnet_iterators_and_loaders(prefix: str, mx: ModuleType) -> None:
    data, labels = make_input(8), np.zeros(8, np.float32)
    expected = ngc.calibrate(prefix, [data[:4], data[4:]], shapes={"data": MORE})
    iterator = mx.io.NDArrayIter(data, labels, batch_size=4)
    loader = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(data, labels), batch_size=4)
    for batches in (iterator, iterator, loader, [mx.nd.array(data[:4]), mx.nd.array(data[4:])]):
        assert ngc.calibrate(prefix, batches, shapes={"data": MORE}) == expected


ACCEPTED = "an iterable of dictionaries of arrays by input name, of arrays, or of (data, label) pairs; or an MXNet DataIter or DataLoader"


@pytest.mark.parametrize(("batches", "message"), [
    (None, f"calibration takes {ACCEPTED}, not NoneType"),
    (make_input(2), f"calibration takes {ACCEPTED}, not ndarray; put the one batch into a list"),
    ({"data": make_input(2)}, f"calibration takes {ACCEPTED}, not dict; put the one batch into a list"),
    ("images", f"calibration takes {ACCEPTED}, not str"),
    ([3], f"calibration takes {ACCEPTED}; this batch is int for the inputs data"),
    ([(make_input(2), 1, 2)], f"calibration takes {ACCEPTED}; this batch is 3 items for the inputs data"),
    ([], "there is no batch to calibrate with; an iterator that was used up before gives none"),
    ([{"image": make_input(2)}], "calibration batch 1: unknown input 'image'; inputs: 'data' (N, 3, 9, 11) float32"),
    ([make_input(2).astype(np.float64)], "calibration batch 1: input 'data' has dtype float64, which does not convert to float32 without loss; "
                                         "convert it yourself if that is meant"),
    ([make_input(2), make_input(1)[:, :2]], "calibration batch 2: input 'data' has shape (1, 2, 9, 11); accepted is (N, 3, 9, 11) with N >= 1"),
])
def test_batches_that_do_not_fit(prefix: str, batches: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        ngc.calibrate(prefix, batches, shapes={"data": MORE})
    assert str(raised.value) == message


def test_fixed_shapes_that_do_not_fit(prefix: str) -> None:
    for batch, message in (({"data": make_input(2)[:, :2]}, r"has shape \(2, 2, 9, 11\)"), ({"image": make_input(2)}, "unknown input 'image'")):
        with pytest.raises(InputError, match=message):
            ngc.calibrate(prefix, [batch], shapes={"data": SHAPE})


def test_activations_that_are_not_finite(prefix: str) -> None:
    broken = make_input(2)
    broken[1, 2, 3, 4] = np.nan
    table = ngc.calibrate(prefix, [make_input(2)], shapes={"data": MORE})
    before = table.copy()
    with pytest.raises(InputError, match="calibration batch 1: the value 'data' has 1 NaN or infinite elements of 594; calibration needs finite ones"):
        ngc.calibrate(prefix, [broken], shapes={"data": MORE}, table=table)
    assert table == before
    with pytest.raises(InputError, match=r"calibration batch 2: the value 'conv.*' has [0-9]* NaN or infinite elements"):
        ngc.calibrate(prefix, [make_input(1), np.full_like(broken, 3e38)], shapes={"data": MORE})


def test_a_graph_without_activations() -> None:
    builder = GraphBuilder("vector")
    graph = builder.finish([builder.op("relu", builder.input("x", (4,)))])
    with pytest.raises(InputError) as raised:
        collected(graph, [np.zeros(4, np.float32)])
    assert str(raised.value) == "the graph 'vector' has no float32 activations of two dimensions or more; there is nothing to calibrate"


# -- limits, tables, checkpoints ---------------------------------------------------------------------------------------


def test_no_further_batch_is_taken_at_the_limit(prefix: str) -> None:
    batches = [make_input(2, seed) for seed in range(5)]
    limited = ngc.calibrate(prefix, batches, shapes={"data": MORE}, limit=3)
    assert (limited.examples, limited.batches) == (4, 2)
    assert limited == ngc.calibrate(prefix, batches[:2], shapes={"data": MORE})
    more = ngc.calibrate(prefix, batches[2:], shapes={"data": MORE}, limit=3, table=limited)
    assert (more.examples, more.batches) == (8, 4), "the limit is on what this call counts"


def test_going_on_with_a_table(prefix: str) -> None:
    batches = [make_input(2, seed) for seed in range(4)]
    first = ngc.calibrate(prefix, batches[:2], shapes={"data": MORE})
    both = ngc.calibrate(prefix, batches[2:], shapes={"data": MORE}, table=first)
    assert both == ngc.calibrate(prefix, batches, shapes={"data": MORE})
    assert (first.batches, both.batches) == (2, 4)


class Failure(Exception):
    """What a data source raises in these tests."""


def failing_after(batches: list[NDArray[np.float32]], count: int) -> Iterator[NDArray[np.float32]]:
    yield from batches[:count]
    raise Failure


def test_resuming_gives_what_an_uninterrupted_run_gives(prefix: str, tmp_path: Path) -> None:
    batches = [make_input(2, seed) for seed in range(CHECKPOINT_EVERY + 5)]
    path = tmp_path / "part.cal"
    options: dict[str, Any] = {"shapes": {"data": MORE}, "checkpoint": path}
    with pytest.raises(Failure):
        ngc.calibrate(prefix, failing_after(batches, CHECKPOINT_EVERY + 3), **options)
    assert CalibrationTable.load(path).batches == CHECKPOINT_EVERY
    expected = ngc.calibrate(prefix, batches, shapes={"data": MORE})
    assert ngc.calibrate(prefix, batches, **options) == expected
    assert CalibrationTable.load(path) == expected
    assert ngc.calibrate(prefix, batches, **options) == expected, "a finished one counts nothing again"
    with pytest.raises(InputError) as raised:
        ngc.calibrate(prefix, batches[:3], **options)
    assert str(raised.value) == f"the checkpoint {path} counted 13 batches, but only 3 came: it belongs to other data"


def test_a_checkpoint_after_a_table(prefix: str, tmp_path: Path) -> None:
    batches = [make_input(2, seed) for seed in range(4)]
    path = tmp_path / "part.cal"
    first = ngc.calibrate(prefix, batches[:2], shapes={"data": MORE})
    both = ngc.calibrate(prefix, batches[2:], shapes={"data": MORE}, table=first, checkpoint=path)
    assert ngc.calibrate(prefix, batches[2:], shapes={"data": MORE}, table=first, checkpoint=path) == both
    first.save(path)
    with pytest.raises(InputError) as raised:
        ngc.calibrate(prefix, batches[2:], shapes={"data": MORE}, table=both, checkpoint=path)
    assert str(raised.value) == (f"the checkpoint {path} counted 2 batches, the table to go on from 4: it comes from a call without this table")


def test_tables_and_checkpoints_of_other_graphs(prefix: str, tmp_path: Path) -> None:
    graph = ngc.import_model(prefix, shapes={"data": MORE})
    quantizable(graph, PassContext(target=TARGET))
    other, identity = CalibrationTable("other"), fingerprint(graph)
    end = f" is of another graph, or of the same with other parameters: its fingerprint is 'other', the graph's '{identity}'"
    with pytest.raises(InputError) as raised:
        collected(graph, [make_input(2)], table=other)
    assert str(raised.value) == "the calibration table" + end
    other.save(tmp_path / "x")
    with pytest.raises(InputError) as raised:
        collected(graph, [make_input(2)], checkpoint=tmp_path / "x")
    assert str(raised.value) == f"the checkpoint {tmp_path / 'x'}" + end


def test_a_mode_that_does_not_exist_is_found_before_anything_runs(prefix: str) -> None:
    with pytest.raises(InputError, match="unknown calibration mode 'max'"):
        ngc.calibrate(prefix, failing_after([], 0), shapes={"data": MORE}, mode="max")


# -- progress ----------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_progress_bar_on_a_terminal_only(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [make_input(2), make_input(3)]
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        ngc.calibrate(prefix, batches, shapes={"data": MORE})
        assert ("examples/s" in stream.getvalue() and "2/2" in stream.getvalue()) == shown
        assert bool(stream.getvalue()) == shown
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    ngc.calibrate(prefix, batches, shapes={"data": MORE}, progress=False)
    assert not stream.getvalue()


def test_labels_may_come_along_in_dictionaries() -> None:
    data, labels = make_input(4), np.zeros(4, np.float32)
    (feeds,) = iterate_feeds([{"softmax_label": labels, "data": data}], ["data"])
    assert list(feeds) == ["data"]
    (feeds,) = iterate_feeds([{"softmax_label": labels, "image": data}], ["data"])
    assert list(feeds) == ["softmax_label", "image"], "what is missing is told by who runs them"
