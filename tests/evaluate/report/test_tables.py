"""Tables of accuracy, durations, latency, layers, trees, events and CUDA kernels."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.accuracy import Tally, total
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import Part
from ngc.evaluate.records import Evaluation, PartResult, Span
from ngc.evaluate.report.accuracy import accuracy_table
from ngc.evaluate.report.event_flow import event_flow_table, newest_chrome_trace
from ngc.evaluate.report.latency import duration_table, latency_table
from ngc.evaluate.report.launches import launches_table
from ngc.evaluate.report.layer_tree import layer_tree, layer_tree_table
from ngc.evaluate.report.layers import Layer, layers, layers_table
from ngc.evaluate.report.load import load_table
from ngc.evaluate.report.statistics import trimmed_mean
from ngc.evaluate.report.table import BASE, Table
from ngc.evaluate.report.timing import timing
from ngc.evaluate.store import Store
from tests.evaluate.report.recorded import BEGUN, evaluation, part_results, record


def cells(table: Table, column: str) -> list[object]:
    """Returns the values of a column."""
    return [row[table.columns.index(column)] for row in table.rows]


def test_accuracy_is_that_of_all_parts(store: Store) -> None:
    evaluations = store.evaluations()
    table = accuracy_table(store, evaluations)
    counts = [total(result.tally for result in store.part_results(each.id)) for each in evaluations]
    assert table.columns[: table.common] == BASE
    assert cells(table, "top1_accuracy") == [tally.top1_accuracy for tally in counts]
    assert cells(table, "images") == [17] * 4
    assert cells(table, "failures") == [1] * 4


def test_durations_are_those_of_all_batches(store: Store) -> None:
    table = duration_table(store, store.evaluations())
    assert [len(durations) for durations in cells(table, "durations (us)")] == [18, 5, 5, 5]  # type: ignore[arg-type]


def test_repeated_evaluations_are_one_row_with_the_smallest_mean(store: Store) -> None:
    table = latency_table(store, store.evaluations())
    assert cells(table, "id") == ["c1", "b1", "a2"]
    means = tuple(timing(store.part_results(id), 4).duration for id in ("a2", "a1"))
    assert cells(table, "durations (us)")[-1] == means
    assert cells(table, "duration (us)")[-1] == min(means)
    assert cells(table, "latency (ms)")[-1] == min(means) / 4000
    assert cells(table, "throughput (input/s)")[-1] == pytest.approx(4e6 / min(means), rel=1e-14)
    assert len(cells(table, "durations (us)")[1]) == 4, "a single one shows its full batches"  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [
    {"mode": "urls"}, {"target": "cpu:avx2"}, {"threads": 1}, {"dataset_name": "others"}, {"trace_level": TraceLevel.NO_TRACE}, {"precision": "bf16"},
    {"settings": {"read_ahead": True}},
])  # fmt: skip
def test_what_differs_is_not_grouped(tmp_path: Path, change: dict[str, object]) -> None:
    with Store.open(str(tmp_path / "differing.db")) as store:
        for made in (evaluation("a"), evaluation("b", **change)):
            record(store, made, part_results(made, 8, us=100.0))
        assert len(latency_table(store, store.evaluations()).rows) == 2


def test_layers_are_means_over_full_runs(store: Store) -> None:
    table = layers_table(store, store.evaluations())
    assert cells(table, "id") == ["c1"] * 6 + ["a2"] * 6 + ["a1"] * 6, "b1 has no trace of layers"
    assert [len(durations) for durations in cells(table, "layer_durations (us)")] == [18] * 6 + [4] * 12  # type: ignore[arg-type]
    assert cells(table, "layer_duration (us)") == [trimmed_mean(durations) for durations in cells(table, "layer_durations (us)")]  # type: ignore[arg-type]
    assert cells(table, "layer_shape")[6] == "f32[4,64]"
    assert cells(table, "layer_allocated_bytes")[6] == 1024


def test_the_slowest_layers(store: Store) -> None:
    of_a1 = [store.evaluation("a1")]
    assert cells(layers_table(store, of_a1, top_layers=3), "layer_index") == [0, 1, 2]
    assert cells(layers_table(store, of_a1, top_layers=3, sort_by_latency=True), "layer_index") == [2, 0, 1]
    assert cells(layers_table(store, of_a1, sort_by_latency=True), "layer_index") == [2, 0, 1, 3, 5, 4]


def test_a_layer_without_a_batch_above_it_does_not_count(store: Store) -> None:
    spans = store.spans("a1")
    strays = [replace(span, parent_id="", span_id="stray") for span in spans if span.level == TraceLevel.FRAMEWORK_TRACE]
    assert layers([*spans, *strays]) == layers(spans)


def layer(index: int, name: str, us: float, *sources: str) -> Layer:
    return Layer(index, name, "conv2d", "", (us,), 0, sources)


def test_a_tree_joins_what_does_not_branch() -> None:
    tree = layer_tree([layer(0, "reorder0", 1.0, "net0_stage1_unit1_conv0_fwd", "net0_stage1_unit1_relu0_fwd"), layer(1, "net0_stage1_unit1_conv1_fwd", 2.0),
                       layer(2, "net0_stage1_unit2_conv0_fwd", 4.0), layer(3, "net0_dense0", 8.0), layer(4, "net0_dense0_more", 16.0)])
    assert [(depth, branch.part, branch.duration) for depth, branch in tree.walk()] == [
        (0, "net0_", 31.0), (1, "stage1_", 7.0), (2, "unit1_", 3.0), (3, "conv0_fwd", 1.0), (3, "conv1_fwd", 2.0), (2, "unit2_conv0_fwd", 4.0),
        (1, "dense0", 8.0), (1, "dense0_more", 16.0)]  # fmt: skip


def test_a_tree_keeps_layers_of_one_name_together() -> None:
    tree = layer_tree([layer(0, "a_b", 1.0), layer(1, "a_b", 2.0), layer(2, "a_b_c", 4.0)])
    assert [(depth, branch.part, len(list(branch.all_layers()))) for depth, branch in tree.walk()] == [(0, "a_", 3), (1, "b", 2), (1, "b_c", 1)]


def test_a_tree_of_names_that_have_nothing_in_common() -> None:
    assert [(depth, branch.part) for depth, branch in layer_tree([layer(0, "x", 1.0), layer(1, "y.z/w", 1.0)]).walk()] == [(0, ""), (1, "x"), (1, "y.z/w")]


def test_shares_of_a_tree(store: Store) -> None:
    table = layer_tree_table(store, [store.evaluation("a1")])
    assert cells(table, "layer_path")[:4] == ["resnet50_v10_", "resnet50_v10_stem_conv0_fwd", "resnet50_v10_stage1_", "resnet50_v10_stage1_conv0_fwd"]
    depths, shares = cells(table, "layer_depth"), cells(table, "layer_share")
    assert shares[0] == 1
    assert sum(share for depth, share in zip(depths, shares, strict=True) if depth == 1) == pytest.approx(1, rel=1e-12)  # type: ignore[misc]


def test_events_and_chrome_trace(store: Store) -> None:
    table = event_flow_table(store, store.evaluations())
    assert [len(events) for events in cells(table, "event_flow")] == [18 * 7, 5, 5 * 7, 5 * 7]  # type: ignore[arg-type]
    assert newest_chrome_trace(store, store.evaluations()).count('"c_predict"') == 18


@pytest.fixture
def gpu_store(tmp_path: Path) -> Store:
    """A store with the trace of an engine whose kernels were traced: two launches of one, one of the other with another counter."""
    with Store.open(str(tmp_path / "gpu.db")) as store:
        made = evaluation("g", target="tensorrt", trace_level=TraceLevel.FULL_TRACE)
        kernels = [("gemm", 10, {"kernel_flops": 4}), ("gemm", 20, {"kernel_flops": 8}), ("relu", 5, {"dram_read_bytes": 7, "cached": True})]
        spans = tuple(Span("gpu_kernel", TraceLevel.SYSTEM_LIBRARY_TRACE, "t", str(at), "", 0, us * 1000, {"kernel_name": name, **counters})
                      for at, (name, us, counters) in enumerate(kernels))
        [result] = part_results(made, 4, us=100.0)
        record(store, made, [replace(result, spans=spans)])
        return store


def test_kernels_of_a_gpu(gpu_store: Store) -> None:
    with gpu_store as store:
        table = launches_table(store, store.evaluations())
    assert table.columns[table.common :] == (
        "kernel_name", "kernel_launches", "kernel_duration (us)", "kernel_durations (us)", "dram_read_bytes", "kernel_flops")  # fmt: skip
    assert [row[table.common :] for row in table.rows] == [("gemm", 2, 15.0, (10.0, 20.0), None, 6.0), ("relu", 1, 5.0, (5.0,), 7.0, None)]


def test_load(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "load.db")) as store:
        for id, mode in (("w", "workload"), ("d", "dataset")):
            store.begin(evaluation(id, mode=mode))
            store.finish(id, {"qps": 105.25, "latency_ms": 7.5, "percentile": 95.0, "steps": []} if mode == "workload" else {})
        table = load_table(store, store.evaluations())
    assert [row[table.common :] for row in table.rows] == [("workload", 105.25, 7.5, 95.0)]


Tabulate = Callable[[Store, Sequence[Evaluation]], object]


@pytest.mark.parametrize(("tabulate", "message"), [
    (accuracy_table, "no accuracy: none of the evaluations found had inputs with an expected class; `ngc-eval predict dataset` has them"),
    (duration_table, "no durations: none of the evaluations found has a finished part; `ngc-eval predict dataset`, `urls` and `raw` have parts"),
    (latency_table, "no durations: none of the evaluations found has a finished part; `ngc-eval predict dataset`, `urls` and `raw` have parts"),
    (load_table, "no load: none of the evaluations found is one of `ngc-eval predict workload` or `max-qps`"),
    (layers_table, "no layers: none of the evaluations found has a trace of them; `ngc-eval predict ... --trace_level FRAMEWORK_TRACE` makes one"),
    (layer_tree_table, "no layers: none of the evaluations found has a trace of them; `ngc-eval predict ... --trace_level FRAMEWORK_TRACE` makes one"),
    (event_flow_table, "no trace: none of the evaluations found has one; `ngc-eval predict ... --trace_level MODEL_TRACE`, or a higher level, makes one"),
    (newest_chrome_trace, "no trace: none of the evaluations found has one; `ngc-eval predict ... --trace_level MODEL_TRACE`, or a higher level, makes one"),
    (launches_table, "no CUDA kernels: none of the evaluations found has a trace of them; that takes a GPU target (`--target tensorrt`) on a machine with a "
                     "GPU, and a tracer of its kernels at `--trace_level SYSTEM_LIBRARY_TRACE` or above"),
])  # fmt: skip
def test_what_was_not_measured(tmp_path: Path, tabulate: Tabulate, message: str) -> None:
    with Store.open(str(tmp_path / "empty.db")) as store:
        store.begin(evaluation("e", created_at=BEGUN + timedelta(days=9)))
        with pytest.raises(EvaluationError) as caught:
            tabulate(store, store.evaluations())
    assert str(caught.value) == message


def test_parts_without_labels_have_no_accuracy(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "raw.db")) as store:
        made = evaluation("r", mode="raw")
        record(store, made, [PartResult(Part(0, 0, 4), (10.0,), Tally(unlabelled=4))])
        with pytest.raises(EvaluationError, match="no accuracy"):
            accuracy_table(store, store.evaluations())
        assert len(latency_table(store, store.evaluations()).rows) == 1
