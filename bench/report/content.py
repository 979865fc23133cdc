"""What a report shows of given measurements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import sample_block
from bench.accuracy.compare import Accuracy
from bench.compile_time import Timing
from bench.kernels import Result as KernelResult
from bench.models import NGC, Result
from bench.report.accuracy import accuracy_section
from bench.report.charts import Bar, Group, bar_chart
from bench.report.document import Cell, Mark, Section, Table, row
from bench.report.kernels import kernel_section
from bench.report.readings import Comparison, Setting, by_setting, engines, geometric_mean, versions

_NAMES = {"mxnet": "MXNet", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "torch": "PyTorch"}

METHOD = (
    "Every engine runs in a process of its own, and all of them are pinned to the same processors. They take turns: one runs the network for 0.3 seconds "
    "or more, and for three runs or more, then the next one does. The first third of each turn is not counted. So what else the machine does hits all engines "
    "alike. A time is the median over all counted runs, from the caller's input array to the output in the caller's hands.",
    "All engines compute the same networks, those of MXNet's Gluon zoo, with the same weights and the same input. Weights are drawn at random and scaled such "
    "that activations keep their size through the network. ngc and MXNet read the MXNet checkpoint, ONNX Runtime and OpenVINO the ONNX file that "
    "ngc's emitter makes of it before any fusion, PyTorch a module with the checkpoint's weights. Batch norms are left for the engines to fold.",
    "Each engine is set up as its users would for low latency: MXNet bound with its oneDNN fusion on, and, with several threads, the quickest of three ways "
    "for threads to wait; ONNX Runtime with all graph optimizations; OpenVINO with its latency hint, one stream, the precision asked for, and shared input and "
    "output; PyTorch by torch.compile with inductor, frozen weights in the channels-last layout, the C++ wrapper, in inference mode, for bf16 with bf16 "
    "weights, and threads as with MXNet. ngc runs with its defaults. An engine is left out of a precision that it has no fast kernels of.",
    "All engines take fp32 inputs and give fp32 outputs, whatever precision they compute in. For int8 all are calibrated with the same images: MXNet by its "
    "own quantizer with its oneDNN fusion, ONNX Runtime by static QDQ per channel, OpenVINO by NNCF.",
    "Every engine's answer is compared with that of MXNet without fusion: the error is the largest difference over the largest value.",
)
"""How networks are measured."""


@dataclass(frozen=True)
class Measurements:
    """All that a report is made of."""

    processor: str
    date: str
    comparisons: Sequence[Comparison]
    kernels: Sequence[KernelResult] = ()
    compile_times: Sequence[Timing] = ()
    blocks: Sequence[Comparison] = ()
    accuracies: Sequence[Accuracy] = ()


def sections(found: Measurements) -> list[Section]:
    """Returns the report's sections, those without measurements left out."""
    groups = by_setting(found.comparisons)
    parts = []
    if groups:
        parts += [_overview(groups), _losses([*found.comparisons, *found.blocks])]
        parts += [_networks(setting, group) for setting, group in groups.items()]
    if found.accuracies:
        parts.append(accuracy_section(found.accuracies, display))
    if found.blocks:
        parts.append(_blocks(found.blocks))
    kernels = {precision: [result for result in found.kernels if result.precision == precision] for precision in ("fp32", "bf16", "int8")}
    parts += [kernel_section(precision, results) for precision, results in kernels.items() if results]
    if found.compile_times or groups:
        parts.append(_compile_times(found.compile_times, groups))
    if groups:
        parts.append(_memory(groups))
    rounds = sorted({result.rounds for comparison in found.comparisons for result in comparison.results})
    said = (f"Turns of each engine: {', '.join(map(str, rounds))}.",) if rounds else ()
    software = Table("", ("engine", "version"), tuple(row(display(engine), version) for engine, version in versions(found.comparisons).items()))
    return [*parts, Section("How it was measured", (*METHOD, *said), (software,) if software.rows else ())]


def display(engine: str) -> str:
    """Returns an engine's name as its makers write it, with the mode that it ran in."""
    base, _, mode = engine.partition(" ")
    name = _NAMES.get(base, base)
    return f"{name}, fusion off" if mode == "unfused" else name


def _number(value: float) -> str:
    """Returns a time or rate with about three significant digits."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(value: float | None) -> Cell:
    if value is None:
        return Cell("")
    return Cell(f"{value:.2f}", Mark.LOST if value < 1 else Mark.NONE)


def _overview(groups: dict[Setting, list[Comparison]]) -> Section:
    rows = []
    for setting, group in groups.items():
        rated = [(comparison.ratio, comparison.case.model) for comparison in group if comparison.ratio is not None]
        if rated:
            least, model = min(rated)
            wins = sum(comparison.peer_wins for comparison in group)
            rows.append((Cell(str(setting)), Cell(str(len(rated))), _ratio(geometric_mean([ratio for ratio, _ in rated])),
                         _ratio(least), Cell(model), Cell(str(wins), Mark.LOST if wins else Mark.NONE)))  # fmt: skip
    text = ("Best peer / ngc: how many times ngc's time the quickest of the other engines takes on a network. Above 1, ngc is the quickest.",)
    header = ("measured", "networks", "best peer / ngc, geometric mean", "least", "on", "networks on which a peer is quicker")
    return Section("Overview", text, (Table("", header, tuple(rows)),) if rows else ())


def _losses(comparisons: Sequence[Comparison]) -> Section:
    rows = []
    for comparison in comparisons:
        own, peer = comparison.of(NGC), comparison.best_peer
        if own is not None and peer is not None and comparison.peer_wins:
            rows.append((*row(comparison.case.model, str(comparison.setting), _number(own.median_ms), display(peer.engine), _number(peer.median_ms)),
                         _ratio(comparison.ratio)))  # fmt: skip
    if not rows:
        return Section("Where a peer is quicker", ("On none of these networks.",))
    return Section("Where a peer is quicker", (), (Table("", ("network", "measured", "ngc ms", "peer", "peer ms", "peer / ngc"), tuple(rows)),))


def _networks(setting: Setting, group: Sequence[Comparison]) -> Section:
    names = engines(group)

    def rate(result: Result) -> float:
        return 1000 * setting.batch / result.median_ms

    header = ("network", *map(display, names), "best peer / ngc")
    peers = [_ratio(geometric_mean([_against(comparison, name) for comparison in group])) if name != NGC else Cell("") for name in names]
    total = (Cell("geometric mean of time / ngc's time"), *peers, _ratio(geometric_mean([comparison.ratio for comparison in group])))
    times = [(*_by_engine(comparison, names, lambda result: result.median_ms), _ratio(comparison.ratio)) for comparison in group]
    latency = Table("Milliseconds, median", header, (*times, total), totals=1)
    throughput = Table("Images a second", ("network", *map(display, names)), tuple(_by_engine(comparison, names, rate) for comparison in group))
    details = Table("All numbers", ("network", "engine", "median ms", "min ms", "p90 ms", "largest error", "turns"), tuple(
        row(result.model, display(result.engine), f"{result.median_ms:.2f}", f"{result.min_ms:.2f}", f"{result.p90_ms:.2f}", f"{result.max_rel_err:.1e}",
             str(result.rounds)) for comparison in group for result in comparison.sorted_by(names)))  # fmt: skip
    rated = [(comparison.case.model, comparison.ratio) for comparison in group if comparison.ratio is not None]
    bars = [Group(model, (Bar("", ratio, f"{ratio:.2f}", "lost" if ratio < 1 else "s0"),)) for model, ratio in rated]
    charts = [bar_chart("Best peer / ngc", bars, common=True, rule=1.0)] if bars else []
    panels = [
        Group(comparison.case.model, tuple(
            Bar(display(result.engine), result.median_ms, f"{_number(result.median_ms)} ms, {_number(rate(result))}/s", f"s{names.index(result.engine)}")
            for result in comparison.sorted_by(names)))
        for comparison in group
    ]  # fmt: skip
    charts.append(bar_chart("Latency and images a second, each network on a scale of its own", panels, common=False))
    return Section(f"Networks: {setting}", (), (latency, throughput), tuple(charts), (details,))


def _against(comparison: Comparison, engine: str) -> float | None:
    own, other = comparison.of(NGC), comparison.of(engine)
    return None if own is None or other is None else other.median_ms / own.median_ms


def _by_engine(comparison: Comparison, names: Sequence[str], value: Callable[[Result], float]) -> tuple[Cell, ...]:
    """Returns a row: the network, then a value by engine; the quickest engine's is marked."""
    quickest = min(comparison.results, key=lambda result: result.median_ms)
    cells = [Cell(comparison.case.model)]
    for name in names:
        result = comparison.of(name)
        cells.append(Cell("") if result is None else Cell(_number(value(result)), Mark.FASTEST if result is quickest else Mark.NONE))
    return tuple(cells)


def _blocks(blocks: Sequence[Comparison]) -> Section:
    _, channels, height, width = sample_block.SHAPE
    text = (f"The residual block on which MXNet's oneDNN tutorial shows fusion: two 3x3 convolutions of {channels} channels, each with a batch norm, a relu "
            f"between them, the input added, and a relu; on {height}x{width}.",
            "With fusion off, batch norms, activations and the sum are not part of the convolutions: ngc leaves out the passes that make them so, MXNet its "
            "oneDNN subgraphs.")  # fmt: skip
    names = engines(blocks)
    header = ("measured", *map(display, names), "best peer / ngc")
    times = tuple((Cell(str(block.setting)), *_by_engine(block, names, lambda result: result.median_ms)[1:], _ratio(block.ratio)) for block in blocks)
    others = [name for name in names if name != NGC]
    relative = tuple((Cell(str(block.setting)), *(_ratio(_against(block, name)) for name in others)) for block in blocks)
    bars = [Group(str(block.setting), tuple(Bar(display(result.engine), result.median_ms, f"{_number(result.median_ms)} ms", f"s{names.index(result.engine)}")
                                            for result in block.sorted_by(names))) for block in blocks]  # fmt: skip
    return Section("A residual block, fused and not", text, (Table("Milliseconds, median", header, times),
                   Table("Time / ngc's time", ("measured", *map(display, others)), relative)), (bar_chart("Latency", bars, common=True),))  # fmt: skip


def _compile_times(timings: Sequence[Timing], groups: dict[Setting, list[Comparison]]) -> Section:
    tables = []
    if timings:
        header = ("network", "compile, empty cache s", "compile, warm cache s", "load s", "artifact MB")
        tables.append(Table("ngc; imports are not counted", header, tuple(
            row(t.model, f"{t.cold_compile_s:.2f}", f"{t.warm_compile_s:.2f}", f"{t.load_s:.3f}", f"{t.artifact_mb:.1f}") for t in timings)))  # fmt: skip
    tables += _per_engine(groups, "Seconds from the model's files to the first answer, imports not counted; ngc and PyTorch with their caches as they were",
                          lambda result: f"{result.compile_s:.2f}")  # fmt: skip
    tables += _per_engine(groups, "Seconds from a saved model to the first answer, imports not counted",
                          lambda result: None if result.load_s is None else f"{result.load_s:.2f}")  # fmt: skip
    return Section("Compile time", (), tuple(tables))


def _memory(groups: dict[Setting, list[Comparison]]) -> Section:
    text = ("The most that an engine's process held in memory, with Python and the engine's own libraries: one that compiled the network from its files and "
            "ran it, and one that loaded what the engine had saved of it and ran that: ngc's artifact, OpenVINO's exported model, both mapped, ONNX Runtime's "
            "optimized model. MXNet saves no compiled form; PyTorch's packages are not measured. What helper processes hold, which ngc and PyTorch compile "
            "in, does not count.",)  # fmt: skip
    tables = _per_engine(groups, "MB, compiled in the process", lambda result: f"{result.peak_rss_mb:.0f}")
    tables += _per_engine(groups, "MB, loaded", lambda result: None if result.loaded_rss_mb is None else f"{result.loaded_rss_mb:.0f}")
    return Section("Memory", text, tuple(tables))


def _per_engine(groups: dict[Setting, list[Comparison]], title: str, text: Callable[[Result], str | None]) -> list[Table]:
    """Returns a table of networks by those engines that have such a text, of the first setting; no table where none has."""
    tables = []
    for setting, group in list(groups.items())[:1]:
        texts = {(result.model, result.engine): found for comparison in group for result in comparison.results if (found := text(result)) is not None}
        names = [name for name in engines(group) if any(name == engine for _, engine in texts)]
        rows = [row(comparison.case.model, *(texts.get((comparison.case.model, name), "") for name in names)) for comparison in group]
        if names:
            tables.append(Table(f"{title} ({setting})", ("network", *map(display, names)), tuple(rows)))
    return tables
