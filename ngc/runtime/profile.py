"""Times of a program's kernels: as a table, as JSON, as a Chrome trace, as a picture."""

import json
import os
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ngc.codegen.program import Program
from ngc.codegen.tensor_spec import TensorSpec
from ngc.ir.tensor_type import bind_shape


@dataclass(frozen=True)
class KernelTime:
    """One kernel call: median milliseconds from the first thread's start to the last one's end, and what it did.

    `results` is what it writes, as `f32[8,64,56,56]`, and `result_bytes` the bytes of the arena that these take up; both are empty for programs that were saved
    by an ngc that did not keep them.
    """

    index: int
    op: str
    node: str
    sources: tuple[str, ...]
    symbol: str
    ms: float
    share: float
    gflops: float
    bytes: int
    note: str
    flops: int = 0
    results: tuple[str, ...] = ()
    result_bytes: int = 0


@dataclass(frozen=True)
class Profile:
    """Medians over the runs of one profile; `total_ms` is the median time of a whole run as the caller sees it."""

    kernels: tuple[KernelTime, ...]
    total_ms: float
    runs: int
    threads: int
    batch: int
    spans: tuple[tuple[int, int, float, float], ...]
    """(thread, kernel, start, duration) in microseconds, of the median run."""

    def table(self, limit: int | None = None) -> str:
        """Returns the kernels by time, slowest first, as text."""
        rows = sorted(self.kernels, key=lambda kernel: -kernel.ms)[:limit]
        lines = [f"{self.total_ms:.3f} ms a run (median of {self.runs}), {self.threads} threads, batch {self.batch}",
                 f"{'ms':>8} {'share':>6} {'GFLOP/s':>8} {'MB':>7}  {'operator':<10} node"]
        lines += [f"{kernel.ms:8.3f} {kernel.share:6.1%} {kernel.gflops:8.1f} {kernel.bytes / 1e6:7.2f}  {kernel.op:<10} "
                  f"{kernel.node}{f'  [{kernel.note}]' if kernel.note else ''}" for kernel in rows]
        by_op: defaultdict[str, float] = defaultdict(float)
        for kernel in self.kernels:
            by_op[kernel.op] += kernel.ms
        lines.append("by operator: " + ", ".join(f"{op} {ms:.3f} ms" for op, ms in sorted(by_op.items(), key=lambda item: -item[1])))
        return "\n".join(lines)

    def to_json(self) -> str:
        """Returns everything as JSON."""
        return json.dumps({"total_ms": self.total_ms, "runs": self.runs, "threads": self.threads, "batch": self.batch,
                           "kernels": [asdict(kernel) for kernel in self.kernels]}, indent=1)

    def to_chrome_trace(self) -> str:
        """Returns the median run as a trace for chrome://tracing and Perfetto."""
        events = [{"name": f"{self.kernels[kernel].op} {self.kernels[kernel].node}", "cat": self.kernels[kernel].op, "ph": "X", "pid": 0,
                   "tid": thread, "ts": start, "dur": duration, "args": {"sources": self.kernels[kernel].sources}}
                  for thread, kernel, start, duration in self.spans]
        threads = [{"name": "thread_name", "ph": "M", "pid": 0, "tid": thread, "args": {"name": f"thread {thread}"}} for thread in range(self.threads)]
        return json.dumps({"traceEvents": [*threads, *events], "displayTimeUnit": "ms"})

    def to_svg(self) -> str:
        """Returns a picture of the median run, a row for each thread, and of the costliest kernels; it needs nothing but what shows SVG."""
        from ngc.visualize.timeline import Piece, Span, Timeline, timeline_svg  # only pictures need it

        pieces = [Piece(kernel.node, kernel.op, kernel.ms, f"{kernel.op} %{kernel.node}\n{kernel.ms:.3f} ms, {kernel.share:.1%}, {kernel.gflops:.1f} GFLOP/s\n"
                        f"{', '.join(kernel.sources)}\n{kernel.note}".rstrip()) for kernel in self.kernels]
        title = f"{self.total_ms:.3f} ms a run (median of {self.runs}), {self.threads} threads, batch {self.batch}"
        spans = (Span(thread, kernel, start, duration) for thread, kernel, start, duration in self.spans)
        return timeline_svg(Timeline(title, tuple(f"thread {thread}" for thread in range(self.threads)), tuple(pieces), tuple(spans)))

    def _repr_html_(self) -> str:
        """Returns the picture that a notebook displays."""
        return f'<div style="overflow: auto; background: #ffffff">{self.to_svg()}</div>'

    def show(self, path: str | os.PathLike[str] | None = None, *, browser: bool = False) -> Path | None:
        """Shows the picture where it can be seen, as `Graph.show` does: in a notebook, on a page, on request in a browser."""
        from ngc.visualize.page import picture_page  # only pictures need these
        from ngc.visualize.show import show

        return show(self, picture_page("profile", [self.to_svg()]), "profile", path, browser=browser)


def make_profile(program: Program, stamps: np.ndarray, walls: np.ndarray, ms_per_cycle: float, batch: int) -> Profile:
    """Returns the profile of stamped runs.

    Args:
        stamps: cycle counts (runs, threads, calls, 2); begin and end of a call in a loop are as far apart as all its runs take together.
        walls: milliseconds of each run.
        ms_per_cycle: the length of a cycle.
        batch: N.
    """
    runs, threads, calls, _ = stamps.shape
    begun = stamps[..., 0] > 0  # what lies in a region that was not run has no stamps
    spans = (stamps[..., 1].max(axis=1) - stamps[..., 0].min(axis=1)) * ms_per_cycle
    medians = np.median(spans, axis=0) if calls else np.zeros(0)
    total = float(medians.sum()) or 1.0
    kernels = []
    for index, (info, ms) in enumerate(zip(program.calls, medians, strict=True)):
        size = batch if info.per_image else 1
        flops = info.flops * size
        kernels.append(KernelTime(index, info.op, info.node, info.sources, info.symbol, float(ms), float(ms) / total,
                                  flops / float(ms) / 1e6 if ms else 0.0, info.bytes * size, info.note, flops,
                                  tuple(_type_text(result, batch) for result in info.results), info.result_bytes * size))
    median = int(np.argsort(walls)[runs // 2])
    origin = stamps[median, ..., 0].min(where=begun[median], initial=stamps.max()) if calls else 0
    trace = [(thread, call, float(stamps[median, thread, call, 0] - origin) * ms_per_cycle * 1e3,
              float(stamps[median, thread, call, 1] - stamps[median, thread, call, 0]) * ms_per_cycle * 1e3)
             for thread in range(threads) for call in range(calls) if begun[median, thread, call]]
    return Profile(tuple(kernels), float(np.median(walls)), runs, threads, batch, tuple(trace))


def _type_text(spec: TensorSpec, batch: int) -> str:
    return f"{spec.dtype}[{','.join(map(str, bind_shape(spec.shape, batch)))}]"
