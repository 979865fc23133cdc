"""The page as it is written: what stands in it without scripts, that nothing is fetched, and that names stay text."""

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

import ngc
from ngc.errors import PassError
from ngc.passes import PassManager
from ngc.passes.instruments import DumpIR
from ngc.passes.instruments.page import EngineFiles, History, Kernel, PassRecord, page, snapshot
from ngc.passes.instruments.page.assemble import SCRIPTS
from tests.passes.instruments.page.dumped import HOSTILE, TEXT, make_net


class Parts(HTMLParser):
    """Collects tags with their attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def dumped(folder: Path, pipeline: str) -> str:
    PassManager(pipeline, instruments=[DumpIR(folder)]).run(make_net())
    return (folder / "index.html").read_text()


def cells(text: str) -> list[list[str]]:
    """Returns the text of the table of passes."""
    body = text.partition('<tbody id="passes">')[2].partition("</tbody>")[0]
    return [[unescape(re.sub("<[^>]*>", "", cell)).strip() for cell in re.findall("<td>(.*?)</td>", row, re.DOTALL)] for row in body.split("<tr")[1:]]


def test_the_table_reads_without_scripts(tmp_path: Path) -> None:
    text = dumped(tmp_path, "canonicalize,fold-batch-norm,fuse-conv,fuse-conv")
    rows = cells(text)
    assert [row[:2] + row[3:] for row in rows] == [
        ["0", "input", "", "", "6", "text"], ["1", "canonicalize", "1", "", "6", "text"], ["2", "fold-batch-norm", "1", "", "6 → 5", "text"],
        ["3", "fuse-conv", "1", "1", "5 → 4", "text"], ["4", "fuse-conv unchanged", "", "1", "4", "text"]]
    links = [attrs["href"] or "" for tag, attrs in Parts(text).tags if tag == "a"]
    assert {link for link in links if not link.startswith("#")} == {path.name for path in tmp_path.iterdir()} - {"index.html"}
    assert [link for link in links if link.startswith("#")] == [f"#pass={position}" for position in range(5)]
    assert "#3 fuse-conv/LayerThenStep applied %conv0 " in (tmp_path / "events.txt").read_text()


def test_nothing_is_fetched(tmp_path: Path) -> None:
    parts = Parts(dumped(tmp_path, "canonicalize"))
    assert not [attrs for tag, attrs in parts.tags if "src" in attrs or tag in ("link", "img", "iframe")]
    [policy] = [attrs["content"] or "" for tag, attrs in parts.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(parts.scripts[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert "http" not in parts.scripts[1].replace("http-equiv", "")


def test_every_script_is_in_the_page() -> None:
    folder = Path(ngc.__file__).parent / "passes" / "instruments" / "page" / "js"
    assert sorted(f"{name}.js" for name in SCRIPTS) == sorted(path.name for path in folder.iterdir())


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    text = dumped(tmp_path, "@cpu-fp32")
    parts = Parts(text)
    assert len(parts.scripts) == 2
    data = json.loads(parts.scripts[0])
    assert data["title"] == HOSTILE
    assert [HOSTILE, "<i>'\"&", 7] in data["locs"]
    assert not [tag for tag, _ in parts.tags if tag in ("img", "i")]


def test_braces_in_names_are_no_placeholders() -> None:
    text = page(History("{{data}} {{nothing}}"))
    assert "<h1>{{data}} {{nothing}}</h1>" in text


def test_half_characters(tmp_path: Path) -> None:
    graph = ngc.parse(TEXT.replace(HOSTILE, "\\ud800"))
    PassManager("eliminate-dead-code", instruments=[DumpIR(tmp_path)]).run(graph)
    assert "\\ud800" in (tmp_path / "index.html").read_text()


def test_a_failure_is_shown(tmp_path: Path) -> None:
    with pytest.raises(PassError):
        PassManager("canonicalize,quantize", instruments=[DumpIR(tmp_path)]).run(make_net())
    row = cells((tmp_path / "index.html").read_text())[-1]
    assert row[:2] == ["2", "quantizequantize needs calibrated ranges: of the context, or of the graph itself"]
    assert row[-1] == "text"
    assert (tmp_path / "002_quantize.failed.ngir").is_file()


def test_code_generation_has_a_row_and_no_bar() -> None:
    graph = make_net()
    history = History("net", kernels=[Kernel("conv0", "k", "conv2d")], engines=[EngineFiles("a", "neuron", ("a.hlo",))])
    history.add(PassRecord(0, "input", "", "000_input.ngir", 0.0, True, graph.count(), snapshot(graph)), [])
    history.add(PassRecord(1, "canonicalize", "", "001_canonicalize.ngir", 0.5, True, graph.count(), snapshot(graph)), [])
    history.add(PassRecord(2, "codegen", "", "", 5.0, False, graph.count(), snapshot(graph)), [])
    text = page(history)
    assert cells(text)[2] == ["2", "codegen", "5000.0", "", "", "6", ""]
    assert re.findall(r"width:[0-9.]+rem", text.partition("<tbody")[2]) == ["width:4.00rem"], "that of canonicalize"
