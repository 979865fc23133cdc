"""What an evaluation's results depend on: its settings, their digest, and which recorded evaluation may go on with them."""

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from ngc.errors import EvaluationError
from ngc.evaluate.records import FINISHED, Evaluation

_log = logging.getLogger("ngc")

NEWEST = "newest"
"""Instead of an id: the newest unfinished evaluation of the same settings."""


class Resumable(Protocol):
    """Finds evaluations; `ngc.evaluate.store.Store` does."""

    def resumable(self, fingerprint: str) -> Evaluation | None:
        """Returns the newest evaluation of a fingerprint that is not finished."""
        ...

    def evaluation(self, id: str) -> Evaluation:
        """Returns an evaluation; StoreError where there is none of that id."""
        ...


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Returns the digest of settings: SHA-256 of their JSON with sorted keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def differences(asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    """Returns the settings that differ, each as `batch_size is 4, was 1`."""
    return [f"{name} is {_spell(asked, name)}, was {_spell(recorded, name)}" for name in sorted({*asked, *recorded}) if asked.get(name) != recorded.get(name)]


def choose(store: Resumable, fresh: Evaluation, resume: str) -> Evaluation:
    """Returns the recorded evaluation that goes on, or `fresh` where there is none.

    Args:
        store: where evaluations are recorded.
        fresh: what was asked for, as a new evaluation.
        resume: the id of an evaluation, or NEWEST.

    Raises:
        EvaluationError: the evaluation of that id is finished, or was run with other settings; the message lists the differences.
        StoreError: there is none of that id.
    """
    if resume == NEWEST:
        found = store.resumable(fresh.fingerprint)
        if found is None:
            _log.warning("no unfinished evaluation of the same model, data and options is recorded; a new one begins")
            return fresh
        return _taken_up(found, fresh)
    found = store.evaluation(resume)
    if found.state == FINISHED:
        raise EvaluationError(f"evaluation {resume} is finished; there is nothing to resume")
    if found.fingerprint != fresh.fingerprint:
        listed = "; ".join(differences(fresh.settings, found.settings)) or "what it was recorded with is not known"
        raise EvaluationError(f"evaluation {resume} cannot go on with other settings: {listed}")
    return _taken_up(found, fresh)


def _taken_up(found: Evaluation, fresh: Evaluation) -> Evaluation:
    if (began := found.machine.hostname) != (here := fresh.machine.hostname):
        _log.warning("evaluation %s began on %s, which it is recorded of, and goes on on %s: its durations will be those of both", found.id, began, here)
    return found


def _spell(settings: Mapping[str, Any], name: str) -> str:
    return json.dumps(settings[name]) if name in settings else "not set"
