"""What may be resumed."""

import logging
from dataclasses import replace

import pytest

from ngc.errors import EvaluationError, StoreError
from ngc.evaluate.records import FINISHED, Evaluation
from ngc.evaluate.run.identity import NEWEST, choose, differences, fingerprint
from tests.evaluate.run.doubles import evaluation

SETTINGS = {"batch_size": 4, "precision": "fp32", "calibration": None}


class Recorded:
    """A store with one evaluation."""

    def __init__(self, found: Evaluation) -> None:
        self.found = found

    def resumable(self, fingerprint: str) -> Evaluation | None:
        return self.found if fingerprint == self.found.fingerprint and self.found.state != FINISHED else None

    def evaluation(self, id: str) -> Evaluation:
        if id != self.found.id:
            raise StoreError(f"there is no evaluation {id!r}")
        return self.found


def described(id: str, **settings: object) -> Evaluation:
    everything = {**SETTINGS, **settings}
    return evaluation(id=id, settings=everything, fingerprint=fingerprint(everything))


def test_a_fingerprint_follows_from_the_settings_in_any_order() -> None:
    assert fingerprint(SETTINGS) == fingerprint(dict(reversed(SETTINGS.items())))
    assert fingerprint(SETTINGS) != fingerprint({**SETTINGS, "batch_size": 5})


def test_differences_name_both_values() -> None:
    asked, recorded = {"batch_size": 4, "precision": "int8", "new": True}, {"batch_size": 4, "precision": "fp32", "old": [1]}
    assert differences(asked, recorded) == ["new is true, was not set", "old is not set, was [1]", 'precision is "int8", was "fp32"']


def test_the_newest_of_the_same_settings_goes_on() -> None:
    recorded = described("old")
    assert choose(Recorded(recorded), described("fresh"), NEWEST) is recorded
    assert choose(Recorded(recorded), described("fresh"), "old") is recorded


def test_another_machine_is_said(caplog: pytest.LogCaptureFixture) -> None:
    recorded = described("old")
    recorded = replace(recorded, machine=replace(recorded.machine, hostname="there"))
    with caplog.at_level(logging.WARNING):
        assert choose(Recorded(recorded), described("fresh"), NEWEST) is recorded
    assert caplog.messages == ["evaluation old began on there, which it is recorded of, and goes on on here: its durations will be those of both"]


def test_a_new_one_begins_where_there_is_none_to_resume(caplog: pytest.LogCaptureFixture) -> None:
    fresh = described("fresh", batch_size=5)
    with caplog.at_level(logging.WARNING):
        assert choose(Recorded(described("old")), fresh, NEWEST) is fresh
    assert caplog.messages == ["no unfinished evaluation of the same model, data and options is recorded; a new one begins"]


@pytest.mark.parametrize(("recorded", "fresh", "message"), [
    (described("old"), described("fresh", batch_size=5, precision="int8"),
     'evaluation old cannot go on with other settings: batch_size is 5, was 4; precision is "int8", was "fp32"'),
    (replace(described("old"), state=FINISHED), described("fresh"), "evaluation old is finished; there is nothing to resume"),
])  # fmt: skip
def test_what_cannot_be_resumed(recorded: Evaluation, fresh: Evaluation, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        choose(Recorded(recorded), fresh, "old")
    assert str(caught.value) == message


def test_an_unknown_id_is_the_stores_error() -> None:
    with pytest.raises(StoreError):
        choose(Recorded(described("old")), described("fresh"), "another")
