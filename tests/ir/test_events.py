"""The stream of decisions."""

from ngc.ir import Event, EventStream, Loc


def test_events_are_numbered_and_heard() -> None:
    stream, heard = EventStream(), []
    stream.listeners.append(heard.append)
    first = stream.record("fuse-conv", "LayerThenStep", "applied", "conv0", "equation", (Loc("conv0"), Loc("relu0", "f.json", 3)))
    stream.record("fuse-conv", "LayerThenStep", "refused", "conv1")
    assert heard == list(stream)
    assert [event.number for event in stream] == [1, 2]
    assert len(stream) == 2
    assert str(first) == "#1 fuse-conv/LayerThenStep applied %conv0 [conv0, relu0]: equation"
    assert str(heard[1]) == "#2 fuse-conv/LayerThenStep refused %conv1"
    assert isinstance(first, Event)
