"""The files that a run leaves in its folder, laid out as the MLModelScope agents do."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ngc.errors import EvaluationError
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import Evaluation
from ngc.runtime.artifact_file import write_whole

SYSTEM, RESULTS = "system_info.json", "results.json"


def results_folder(base: Path, evaluation: Evaluation) -> Path:
    """Returns the folder of an evaluation, which is made: framework, its version, model, its version, batch size, device, host, as the agents name it.

    The device is target and precision. A later run of the same kind overwrites the files.

    Raises:
        EvaluationError: it cannot be made.
    """
    device = f"{evaluation.target}_{evaluation.precision}"
    names = (evaluation.framework_name, evaluation.framework_version, evaluation.model_name, evaluation.model_version, str(evaluation.batch_size), device,
             evaluation.machine.hostname)
    folder = base.joinpath(*(_safe(name) for name in names if name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"--base_dir: cannot make the folder {folder}: {error.strerror or error}") from error
    return folder


def trace_file(folder: Path, level: TraceLevel, *, goes_on: bool = False) -> Path | None:
    """Returns where the trace of a run goes; None for NO_TRACE. An older trace is removed, unless the evaluation goes on.

    Raises:
        EvaluationError: it cannot be removed.
    """
    if level == TraceLevel.NO_TRACE:
        return None
    path = folder / f"trace_{level.name.lower()}.jsonl"
    try:
        if not goes_on:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise EvaluationError(f"cannot replace {path}: {error.strerror or error}") from error
    return path


def write_results(folder: Path, evaluation: Evaluation, results: Mapping[str, Any]) -> None:
    """Writes what was found, and where it was found. Each file is there whole or not at all; an older one stays until then.

    Raises:
        ArtifactError: a file cannot be written.
    """
    for name, content in ((SYSTEM, asdict(evaluation.machine)), (RESULTS, results)):
        write_whole(folder / name, [(json.dumps(content, indent=1, allow_nan=False) + "\n").encode()])


def _safe(name: str) -> str:
    """Returns a name without what means something in paths or to shells: `1.1.0` of the constraint `>=1.1.0`."""
    return "".join(character if character.isalnum() or character in "._-+" else "_" for character in name).strip("._") or "_"
