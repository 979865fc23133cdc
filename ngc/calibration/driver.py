"""From a model and batches to a table: import, fusion, counting."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ngc.calibration.collect import collect
from ngc.calibration.quantizable import quantizable
from ngc.calibration.table import CalibrationTable
from ngc.calibration.thresholds import DEFAULT_MODE
from ngc.importer import import_model
from ngc.ir import Graph, clone
from ngc.passes import PassContext
from ngc.target import parse_target


def calibrate(
    model: Any,
    batches: Any,
    params: Any = None,
    *,
    shapes: Mapping[str, Sequence[int | str]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    outputs: Sequence[str] | None = None,
    mode: str = DEFAULT_MODE,
    parameters: Mapping[str, Any] | None = None,
    target: str = "cpu",
    threads: int | None = None,
    limit: int | None = None,
    table: CalibrationTable | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = True,
    cache: bool = True,
) -> CalibrationTable:
    """Returns what a model's activations are over batches of data, for `ngc.compile(precision="int8", calibration=table)`.

    The model is run in float32, and for each activation a histogram, the extrema and the mean of each channel are kept. The table serves all batch sizes.

    Args:
        model: what `ngc.compile` takes.
        batches: an iterable of {input: array}, of arrays or of (data, label) pairs; an MXNet DataIter, or a Gluon DataLoader.
        params: a .params path or a dictionary of arrays; found beside the symbol when a path or prefix is given.
        shapes: input shapes by name; with "N" as the first dimension batches of any size are taken.
        dtypes: input dtypes by name, float32 unless given.
        outputs: names of inner values to compute instead of the symbol's heads.
        mode: how ranges are chosen from histograms unless `CalibrationTable.ranges` is told otherwise: "mse", "naive", "percentile" or "entropy".
        parameters: of the mode, such as {"percent": 99.9}.
        target: the processor to run on; it must be one that this machine can stand for.
        threads: how many threads share a run; the physical cores that affinity and the container's quota leave unless given.
        limit: no further batch is taken when so many examples were counted.
        table: what was counted before, with other batches; it is not changed.
        checkpoint: a file that gets the table every few batches; where it exists, calibration goes on after the batches that it counted, which must come again
            in the same order.
        progress: draw a progress bar, on a terminal only.
        cache: reuse compiled kernels from the cache folder.

    Raises:
        ImportFailure: the model's files are missing, damaged or inconsistent.
        UnsupportedOperator: operators that ngc does not know, all of them listed.
        InputError: an argument or a batch that does not fit, or activations that are not finite.
        CodegenError: operators without kernels, all of them listed.
        ArtifactError: the checkpoint cannot be read or written.
    """
    described = parse_target(target)
    graph = clone(model) if isinstance(model, Graph) else import_model(model, params, shapes=shapes, dtypes=dtypes, outputs=outputs)
    quantizable(graph, PassContext(target=described))
    return collect(graph, batches, target=described, table=table, threads=threads, progress=progress, limit=limit, checkpoint=checkpoint, mode=mode,
                   parameters=parameters, cache=cache)
