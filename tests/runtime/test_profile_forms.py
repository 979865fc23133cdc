"""The forms of a profile: Chrome's trace events, the picture, JSON; and what notebooks show of executables."""

import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

import ngc
from ngc.runtime import Executable
from ngc.runtime.profile import Profile
from tests.checkpoints import SHAPE, make_input, write_checkpoint


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Executable:
    return ngc.compile(write_checkpoint(tmp_path_factory.mktemp("checkpoint")), shapes={"data": ("N", *SHAPE[1:])}, threads=2)


@pytest.fixture(scope="module")
def profile(executable: Executable) -> Profile:
    return executable.profile({"data": make_input()}, 3)


def test_the_trace_is_in_the_trace_event_format(profile: Profile) -> None:
    """Of the JSON object format: `traceEvents`, and `displayTimeUnit` of ms or ns; of complete events: name, cat, ph, ts, dur, pid, tid, args."""
    trace = json.loads(profile.to_chrome_trace())
    assert set(trace) == {"traceEvents", "displayTimeUnit"}
    assert trace["displayTimeUnit"] == "ms"
    names = [event for event in trace["traceEvents"] if event["ph"] == "M"]
    assert [(event["name"], event["pid"], event["tid"], event["args"]) for event in names] == [
        ("thread_name", 0, thread, {"name": f"thread {thread}"}) for thread in range(2)]
    work = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(names) + len(work) == len(trace["traceEvents"])
    assert len(work) == 2 * len(profile.kernels)
    for event in work:
        assert set(event) == {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"}
        assert isinstance(event["name"], str)
        assert isinstance(event["cat"], str)
        assert isinstance(event["ts"], float)
        assert isinstance(event["dur"], float)
        assert event["dur"] >= 0
        assert (event["pid"], event["tid"] in (0, 1)) == (0, True)
    for thread in (0, 1):  # pieces of one thread follow one another
        own = [event for event in work if event["tid"] == thread]
        assert all(a["ts"] + a["dur"] <= b["ts"] + 1e-6 for a, b in pairwise(own))


def test_the_picture_shows_every_kernel_of_every_thread(profile: Profile) -> None:
    svg = profile.to_svg()
    root = ElementTree.fromstring(svg)
    groups = [group for group in root.iter("{http://www.w3.org/2000/svg}g") if group.get("class") == "bar"]
    assert len(groups) == len(profile.spans) + len(profile.kernels)
    assert f"{profile.kernels[0].op} %{profile.kernels[0].node}" in svg
    assert svg in profile._repr_html_()


def test_the_page_needs_no_network(profile: Profile, tmp_path: Path) -> None:
    path = profile.show(tmp_path / "p.html")
    assert path == tmp_path / "p.html"
    text = path.read_text()
    assert profile.to_svg() in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_json(profile: Profile) -> None:
    content = json.loads(profile.to_json())
    assert [kernel["node"] for kernel in content["kernels"]] == [kernel.node for kernel in profile.kernels]


def test_what_a_notebook_shows_of_an_executable(executable: Executable) -> None:
    rows = {row[0].text: row[1].text for row in ElementTree.fromstring(executable._repr_html_()).iter("tr")}
    assert rows["inputs"] == f"data: float32{['N', *SHAPE[1:]]}"
    assert (rows["target"], rows["threads"], rows["kernel calls"]) == ("cpu, fp32", "2", str(len(executable.program.calls)))
