"""Runs a graph over batches and counts what its activations are."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ngc.calibration.batches import iterate_feeds
from ngc.calibration.observer import Observer
from ngc.calibration.progress import examples_bar
from ngc.calibration.quantizable import fingerprint
from ngc.calibration.table import CalibrationTable
from ngc.calibration.thresholds import DEFAULT_MODE, check_mode
from ngc.errors import InputError
from ngc.ir import Graph
from ngc.target import CpuTarget

CHECKPOINT_EVERY = 8
"""Batches between two checkpoints."""


def collect(graph: Graph, batches: Any, *, target: CpuTarget, table: CalibrationTable | None = None, threads: int | None = None, progress: bool = True,
            limit: int | None = None, checkpoint: str | os.PathLike[str] | None = None, mode: str = DEFAULT_MODE,
            parameters: Mapping[str, Any] | None = None, cache: bool = True, fallback: bool = False) -> CalibrationTable:
    """Returns the histograms of all activations of a graph over batches of data.

    Histograms do not depend on the number of threads, nor on how a batch is cut to fit into memory.

    Args:
        graph: in stage "fused", as `quantizable` leaves it.
        batches: what `iterate_feeds` takes. Batches may be of any size where the graph's first dimension is N, else of any multiple of it.
        target: a processor whose code this machine runs.
        table: what was counted before, with other batches; it is not changed.
        threads: how many threads share a run; `default_threads()` unless given.
        progress: draw a progress bar, on a terminal only.
        limit: no further batch is taken when so many examples of `batches` were counted.
        checkpoint: a file that gets the table every few batches, and at the end. Where it exists already, it must come from an earlier call with the same
            graph and the same batches in the same order, perhaps interrupted: as many batches as it counted are taken and dropped, and counting goes on
            after them.
        mode: how the table chooses ranges unless told otherwise.
        parameters: of the mode.
        cache: take kernels from the cache folder and keep new ones there.
        fallback: run operators without a kernel in numpy.

    Raises:
        InputError: batches or options that do not fit, no batch at all, values that are not finite, a table or checkpoint of another graph.
        ArtifactError: the checkpoint cannot be read or written.
    """
    check_mode(mode, dict(parameters or {}))
    identity = fingerprint(graph)
    before = table.copy() if table is not None else CalibrationTable(identity)
    _check_graph(before, identity, "the calibration table")
    found, resumed = before, 0
    if checkpoint is not None and Path(checkpoint).exists():
        found = CalibrationTable.load(checkpoint)
        _check_graph(found, identity, f"the checkpoint {checkpoint}")
        resumed = found.batches - before.batches
        if resumed < 0:
            raise InputError(f"the checkpoint {checkpoint} counted {found.batches} batches, the table to go on from {before.batches}: "
                             "it comes from a call without this table")
    found.mode, found.parameters = mode, dict(parameters or {})
    first_example = before.examples
    observer = Observer(graph, target, threads=threads, cache=cache, fallback=fallback)
    taken = 0
    with examples_bar(progress, batches) as advance:
        for feeds in iterate_feeds(batches, graph.input_names):
            taken += 1
            if taken <= resumed:
                advance(0)
                continue
            if limit is not None and found.examples - first_example >= limit:
                break
            try:
                examples = observer.observe(feeds, found.histograms)
            except InputError as error:
                raise InputError(f"calibration batch {taken}: {error}") from error
            found.examples += examples
            found.batches += 1
            advance(examples)
            if checkpoint is not None and taken % CHECKPOINT_EVERY == 0:
                found.save(checkpoint)
    if taken < resumed:
        raise InputError(f"the checkpoint {checkpoint} counted {resumed} batches, but only {taken} came: it belongs to other data")
    if not taken:
        raise InputError("there is no batch to calibrate with; an iterator that was used up before gives none")
    if checkpoint is not None:
        found.save(checkpoint)
    return found


def _check_graph(table: CalibrationTable, identity: str, what: str) -> None:
    if table.fingerprint != identity:
        raise InputError(f"{what} is of another graph, or of the same with other parameters: its fingerprint is {table.fingerprint!r}, "
                         f"the graph's {identity!r}")
