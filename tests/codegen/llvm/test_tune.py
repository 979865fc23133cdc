"""Tests of measured choices: candidates agree, records last, threads and damaged files change nothing."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ngc.codegen.llvm import measure, tuning_records
from ngc.codegen.llvm.build import build_program
from ngc.codegen.llvm.candidates import candidates, label
from ngc.codegen.llvm.choice import ConvSpec, CostModel
from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.packing import pack_channels, pack_conv, pack_depthwise
from ngc.codegen.llvm.packing_winograd import pack_winograd
from ngc.codegen.llvm.tune import Tuner, record_key, split_loss, timed_images
from ngc.codegen.llvm.tuning_records import Record
from ngc.errors import InputError
from ngc.ir import Graph, GraphBuilder, Step, SymDim, Value, evaluate
from ngc.passes import PassContext
from ngc.passes.assign_layout import AssignLayout
from ngc.runtime import Executable
from ngc.target import CpuTarget, parse_target
from tests.codegen.llvm.kernels.harness import Buffer, blocked, convolution, run, unblocked

HOST = parse_target("cpu")

LAYERS = [  # kernel, stride, inputs, outputs, size, groups
    (1, 1, 40, 70, 9, 1), (1, 1, 64, 256, 20, 1), (3, 1, 64, 64, 14, 1), (3, 1, 48, 80, 10, 1), (3, 2, 32, 64, 10, 1), (7, 2, 3, 64, 12, 1),
    (3, 1, 64, 64, 7, 2), (3, 1, 40, 40, 15, 40), (3, 2, 64, 64, 14, 64), (5, 1, 32, 32, 9, 32),
]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NGC_CACHE_DIR", str(tmp_path))
    return tmp_path


def plan(layer: tuple[int, ...], target: CpuTarget) -> ConvKernel | DepthwiseKernel:
    kernel, stride, inputs, outputs, size, groups = layer
    lanes, pad = target.lanes(), kernel // 2
    side = (pad, pad)
    x = Geometry(inputs, lanes if inputs >= lanes else 1, (1, size * stride, size * stride), ((0, 0), side, side))
    fields = {"x": x, "y": Geometry(outputs, lanes, (1, size, size)), "kernel": (1, kernel, kernel), "stride": (1, stride, stride), "pad": (0, pad, pad),
              "steps": (StepSpec("bias"), StepSpec("relu"))}
    return DepthwiseKernel.plan(target, **fields) if groups == inputs else ConvKernel.plan(target, groups=groups, **fields)


@pytest.mark.parametrize("name", ["cpu", "cpu:x86-64-v3", "cpu:x86-64"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: "-".join(map(str, layer)))
def test_candidates_compute_the_same(name: str, layer: tuple[int, ...]) -> None:
    target = parse_target(name)
    direct = plan(layer, target)
    specs = candidates(direct, target, "fast")
    assert 1 <= len(specs) <= 8
    assert specs[0] == CostModel(target).choose(direct, 1).spec
    assert len({label(spec) for spec in specs}) == len(specs)
    rng, n = np.random.default_rng(0), 2
    x = rng.standard_normal((n, direct.x.channels, *direct.x.spatial)).astype(np.float32)
    groups = direct.x.channels if isinstance(direct, DepthwiseKernel) else direct.groups
    w = rng.standard_normal((direct.y.channels, direct.x.channels // groups, *direct.kernel)).astype(np.float32)
    bias = rng.standard_normal(direct.y.channels).astype(np.float32)
    wanted, magnitude = convolution(x, w, direct.stride, direct.dilation, direct.pad, direct.y.spatial, groups)
    wanted = np.maximum(wanted + bias[:, None, None, None], 0)
    for spec in specs:
        y = Buffer(spec.y.size * n)
        scratch = [Buffer(spec.scratch_bytes // 4)] if isinstance(spec, WinogradKernel) else []
        run(spec, target, [blocked(x, spec.x), Buffer.of(pack(spec, w)), y, *scratch, Buffer.of(pack_channels(bias, spec.y.block))], n, cuts=[spec.work[0]])
        # Direct sums of some hundred terms round less than 1e-6 of their magnitude; F(4x4) some ten times that (numerics.md).
        tolerance = 1e-5 if isinstance(spec, WinogradKernel) else 1e-6
        assert np.max(abs(unblocked(y, spec.y, n) - wanted) - tolerance * (magnitude + 1)) <= 0, label(spec)


def pack(spec: ConvSpec, w: np.ndarray) -> np.ndarray:
    if isinstance(spec, WinogradKernel):
        return pack_winograd(spec, w)
    return pack_depthwise(spec, w) if isinstance(spec, DepthwiseKernel) else pack_conv(spec, w)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: "-".join(map(str, layer)))
def test_exact_candidates_have_no_winograd(layer: tuple[int, ...]) -> None:
    assert not any(isinstance(spec, WinogradKernel) for spec in candidates(plan(layer, HOST), HOST, "exact"))


def test_operands_of_every_kind_are_counted() -> None:
    place = Geometry(32, 16, (1, 8, 8))
    steps = (StepSpec("add", tensor=place), StepSpec("affine"), StepSpec("tee", tensor=place), StepSpec("relu"))
    conv = ConvKernel.plan(parse_target("cpu:x86-64-v4"), x=place, y=place, kernel=(1, 1, 1), prologue=(StepSpec("affine"), StepSpec("relu")), steps=steps)
    assert measure.operand_sizes(conv, 2) == [2 * 2048, 32 * 32, 2 * 2048, 32, 32, conv.scratch_bytes // 4, 2 * 2048, 32, 32, 2 * 2048]
    integers = ConvKernel.plan(parse_target("cpu:x86-64-v4"), x=replace(place, dtype="u8"), y=place, kernel=(1, 1, 1), offset=True, steps=steps[:2])
    assert measure.operand_sizes(integers, 2) == [2 * 2048, 32 * 8, 2 * 2048, 32, 2 * 2048, 32, 32]


def test_a_run_takes_images_that_matter() -> None:
    small, large = plan((1, 1, 64, 64, 7, 1), HOST), plan((3, 1, 512, 512, 56, 1), HOST)
    assert [timed_images(small, batch) for batch in (1, 4, 32, SymDim(1))] == [1, 4, 8, 1]
    assert timed_images(large, 32) == 1


def test_work_that_is_not_shared_evenly_costs() -> None:
    conv = plan((1, 1, 16, 16, 1, 1), parse_target("cpu:x86-64-v4"))
    assert conv.work == (1, 0)
    assert [split_loss(conv, images) for images in (1, 2, 3, 4)] == pytest.approx([1.5, 1.0, 7 / 6, 1.0])


# -- records -----------------------------------------------------------------------------------------------------------


def test_records_come_back(cache: Path) -> None:
    first, second = Record("3x3", "direct", {"direct": 1.5}), Record("1x1", "direct 2", {})
    assert tuning_records.load() == {}
    tuning_records.store({"a": first})
    tuning_records.store({"b": second})
    assert tuning_records.load() == {"a": first, "b": second}
    assert tuning_records.clear() == 2
    assert tuning_records.load() == {}
    assert tuning_records.clear() == 0


def test_the_oldest_records_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_records, "MOST_RECORDS", 2)
    for key in "abc":
        tuning_records.store({key: Record(key, "direct", {})})
    assert list(tuning_records.load()) == ["b", "c"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[]", b"{}", b"[" * 100_000, b'{"format": 99, "records": {}}', b'{"format": 1, "records": []}',
                                     b'{"format": 1, "records": {"a": 3}}',
                                     b'{"format": 1, "records": {"a": {"layer": "", "choice": "", "microseconds": {"x": "y"}}}}',
                                     b'{"format": 1, "records": {"a": {"layer": "", "choice": "", "microseconds": {"x": 1' + b"0" * 400 + b"}}}}"])
def test_a_damaged_file_is_ignored_and_written_anew(cache: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (cache / "tuning.json").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert tuning_records.load() == {}
    assert f"ignored the damaged file {cache / 'tuning.json'}" in caplog.text
    tuning_records.store({"a": Record("", "direct", {})})
    assert list(json.loads((cache / "tuning.json").read_bytes())["records"]) == ["a"]


def test_a_folder_that_cannot_be_used_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NGC_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        tuning_records.store({"a": Record("", "direct", {})})
    assert "Not a directory; the next compilation measures again" in caplog.text


def test_keys_differ_where_choices_may() -> None:
    conv, other = plan(LAYERS[2], HOST), parse_target("cpu:x86-64-v3")
    assert isinstance(conv, ConvKernel)
    keys = {record_key(conv, 1, HOST, "fast"), record_key(conv, 2, HOST, "fast"), record_key(conv, 1, HOST, "exact"), record_key(conv, 1, other, "fast"),
            record_key(plan(LAYERS[3], HOST), 1, HOST, "fast")}
    assert len(keys) == 5
    assert record_key(conv.ordered(list(conv.tiles(HOST))[-1][1]), 1, HOST, "fast") in keys, "the planned tile is not part of the key"


# -- programs ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that keeps its kernels from test to test."""
    return tmp_path_factory.mktemp("objects")


@pytest.fixture
def shared(objects: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder without records."""
    monkeypatch.setenv("NGC_CACHE_DIR", str(objects))
    tuning_records.clear()
    return objects


def lowered() -> Graph:
    """Returns a chain of a 3x3, a depthwise and a 1x1 convolution, the last two alike but for their weights."""
    rng, b = np.random.default_rng(3), GraphBuilder()

    def conv(x: Value, outputs: int, kernel: int, groups: int = 1) -> Value:
        inputs = int(x.type.shape[1]) // groups  # type: ignore[arg-type]
        weights = (rng.standard_normal((outputs, inputs, kernel, kernel)) / np.sqrt(inputs * kernel**2)).astype(np.float32)
        return b.op("conv2d", x, b.const("w", weights), pad=(kernel // 2,) * 2, groups=groups, epilogue=(Step("relu"),))

    x = conv(b.input("data", (2, 32, 14, 14)), 64, 3)
    graph = b.finish([conv(conv(conv(x, 64, 3, 64), 64, 1), 64, 1)])
    AssignLayout().run(graph, PassContext(target=HOST))
    return graph


def prefer(monkeypatch: pytest.MonkeyPatch, index: int) -> list[int]:
    """Replaces the clock: the candidate at `index` (from behind where negative) is the fastest of each layer; returns how many were timed in each."""
    timed: list[int] = []

    def fake(specs: Sequence[ConvSpec], addresses: Sequence[int], images: int, pool: object) -> list[float]:
        assert len(specs) == len(addresses) == len(set(addresses))
        assert images == 2
        timed.append(len(specs))
        times = [2e-3] * len(specs)
        times[min(index, len(specs) - 1)] = 1e-3
        return times

    monkeypatch.setattr(measure, "measure", fake)
    return timed


def chosen(graph: Graph) -> list[str]:
    return [event.reason for event in graph.events if event.pass_name == "codegen" and event.rule != "HaloKernel"]


def test_a_layer_is_measured_once(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed = prefer(monkeypatch, -1)
    heard: list[tuple[int, int]] = []
    graph = lowered()
    build_program(graph, HOST, tune=True, measuring=lambda done, total, layer: heard.append((done, total)))
    assert len(timed) == 3, "equal convolutions are one layer"
    assert heard == [(1, 3), (2, 3), (3, 3)]
    reasons = chosen(graph)
    assert len(reasons) == 4
    assert all("measured, us of an image: " in reason for reason in reasons), reasons
    build_program(lowered(), HOST, tune=True)
    assert len(timed) == 3, "the second compilation measures nothing"
    build_program(lowered(), HOST, tune=True, numerics="exact")
    assert len(timed) == 6, "numerics is part of the key"


def test_without_tune_records_are_not_read(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = lowered()
    build_program(plain, HOST)
    prefer(monkeypatch, -1)
    build_program(lowered(), HOST, tune=True)
    again = lowered()
    build_program(again, HOST)
    assert chosen(plain) == chosen(again)
    assert all("by the cost model" in reason for reason in chosen(again))


def test_without_the_cache_records_are_neither_read_nor_written(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed = prefer(monkeypatch, 0)
    build_program(lowered(), HOST, tune=True, cache=False)
    assert len(timed) == 3
    assert not tuning_records.path().exists()


def test_a_record_of_a_kernel_that_is_not_offered_is_measured_again(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed = prefer(monkeypatch, 0)
    build_program(lowered(), HOST, tune=True)
    tuning_records.store({key: Record("", "quantum 1x1", {}) for key in tuning_records.load()})
    build_program(lowered(), HOST, tune=True)
    assert len(timed) == 6


@pytest.mark.parametrize("index", [0, 1, 2, 3, -1])
def test_every_choice_gives_the_same_bits_on_any_number_of_threads(shared: Path, monkeypatch: pytest.MonkeyPatch, index: int) -> None:
    prefer(monkeypatch, index)
    feeds = {"data": np.random.default_rng(1).standard_normal((2, 32, 14, 14)).astype(np.float32)}
    wanted = evaluate(lowered(), feeds)[0]
    outputs = []
    for threads in (1, 2, 3):
        graph = lowered()
        outputs.append(Executable(build_program(graph, HOST, tune=True), graph, threads).run_poisoned(feeds)[0])
    assert all(np.array_equal(outputs[0], other) for other in outputs[1:])
    # Four layers of variance-keeping weights; F(4x4) rounds some 1e-6 of the largest value.
    np.testing.assert_allclose(outputs[0], wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("numerics", ["fast", "exact"])
def test_measuring_for_real(shared: Path, monkeypatch: pytest.MonkeyPatch, numerics: str) -> None:
    monkeypatch.setattr(measure, "LAYER_SECONDS", 0.02)
    monkeypatch.setattr(measure, "POOL_BYTES", 1 << 20)
    build_program(lowered(), HOST, tune=True, numerics=numerics)
    records = list(tuning_records.load().values())
    assert len(records) == 3
    assert all(record.choice in record.microseconds and min(record.microseconds.values()) > 0 for record in records)
    names = [name for record in records for name in record.microseconds]
    assert any(name.startswith("winograd") for name in names) == (numerics == "fast")


def test_kernels_of_another_machine_are_not_measured() -> None:
    with pytest.raises(InputError, match="tune=True measures kernels on this machine: target 'cpu:aarch64' is aarch64 code; this machine is x86_64"):
        Tuner(parse_target("cpu:aarch64"))
