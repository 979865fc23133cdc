"""Records as rows of the tables, and back."""

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row

from ngc.evaluate.accuracy import Tally
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import Part
from ngc.evaluate.records import Evaluation, Machine, PartResult, Prediction, Span
from ngc.evaluate.store import tables
from ngc.evaluate.store.columns import dump_json, load_json


def machine_row(machine: Machine) -> dict[str, Any]:
    """Returns the row of a machine; equal machines have the same digest."""
    row = {**asdict(machine), "features": list(machine.features)}
    return {"digest": hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest(), **row}


def evaluation_row(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the row of an evaluation, without its key."""
    row = {item.name: getattr(evaluation, item.name) for item in fields(Evaluation)}
    machine = row.pop("machine")
    return {**row, "trace_level": int(evaluation.trace_level), "settings": dict(evaluation.settings), "results": dict(evaluation.results),
            "machine_digest": machine_row(machine)["digest"]}  # fmt: skip


def evaluation(row: Row) -> Evaluation:
    """Returns the evaluation of a row of `evaluations` joined with its machine."""
    values = row._mapping
    machine = {item.name: values[tables.machines.c[item.name]] for item in fields(Machine)}
    own = {item.name: values[tables.evaluations.c[item.name]] for item in fields(Evaluation) if item.name != "machine"}
    own["trace_level"] = TraceLevel(own["trace_level"])
    return Evaluation(**own, machine=Machine(**{**machine, "features": tuple(machine["features"])}))


def part_row(key: int, result: PartResult) -> dict[str, Any]:
    """Returns the row of a part of the evaluation with a key."""
    part = result.part
    return {"evaluation_key": key, "part_index": part.index, "begin_index": part.begin, "end_index": part.end, "durations_us": list(result.durations_us),
            "tally": result.tally.to_json()}  # fmt: skip


def part_result(row: Row) -> PartResult:
    """Returns what a row of `parts` says, without predictions and spans."""
    return PartResult(Part(row.part_index, row.begin_index, row.end_index), tuple(row.durations_us), Tally.from_json(row.tally))


def prediction_row(key: int, prediction: Prediction) -> dict[str, Any]:
    """Returns the row of a prediction of the evaluation with a key."""
    answered, probability = prediction.features[0] if prediction.features else (None, None)
    return {
        "evaluation_key": key,
        "input_index": prediction.index,
        "input_id": prediction.input_id,
        "outcome": _outcome(prediction, answered),
        "expected": prediction.expected,
        "answered": answered,
        "probability": probability,
        "features": prediction.features,
        "error": prediction.error,
    }


def prediction(row: Row) -> Prediction:
    """Returns the prediction of a row, whose columns are in the order of its fields."""
    return Prediction(*row)


def _outcome(prediction: Prediction, answered: int | None) -> str:
    if prediction.error:
        return tables.FAILED
    if prediction.expected is None:
        return tables.UNLABELLED
    return tables.RIGHT if answered == prediction.expected else tables.WRONG


def pack_spans(spans: Iterable[Span]) -> bytes:
    """Returns spans as lines of JSON, compressed."""
    return zlib.compress("\n".join(dump_json(span.to_json()) for span in spans).encode())


def unpack_spans(packed: bytes) -> list[Span]:
    """Returns the spans that `pack_spans` packed."""
    return [Span.from_json(load_json(line)) for line in zlib.decompress(packed).decode().splitlines()]
