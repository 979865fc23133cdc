"""Tests of the report: what it says of given results."""

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.accuracy.compare import Accuracy
from bench.compile_time import Timing
from bench.kernels import Result as KernelResult
from bench.models import Result
from bench.report import __main__ as command
from bench.report import charts, markdown, page
from bench.report.content import Measurements
from bench.report.readings import UnreadableFile, geometric_mean, read_comparisons, read_rows, versions

WIN = [Result("resnet18_v2", "ngc", "0.1", "fp32", 1, 1, 10.0, 9.5, 11.0, 20, 1e-6, 1.5, 300.0, 0.07, 150.0),
       Result("resnet18_v2", "mxnet", "1.9.1", "fp32", 1, 1, 40.0, 39.0, 41.0, 20, 2e-6, 0.4, 350.0),
       Result("resnet18_v2", "openvino", "2026.4", "fp32", 1, 1, 20.0, 19.0, 21.0, 20, 3e-6, 0.5, 200.0, 0.2, 180.0)]
LOSS = [replace(WIN[0], model="alexnet", median_ms=10.0), replace(WIN[1], model="alexnet", median_ms=16.0), replace(WIN[2], model="alexnet", median_ms=5.0)]
BLOCK = [replace(WIN[0], model="sample_block"), replace(WIN[0], model="sample_block", engine="ngc unfused", median_ms=15.0),
         replace(WIN[1], model="sample_block", engine="mxnet unfused")]
KERNELS = [KernelResult("resnet50", "3x3/1 64 -> 64, 56x56", "fp32", "winograd F(4x4)", 64, "1x14x2", 100.0, 20.0, 95.0, 90.0, 300.0, 280.0),
           KernelResult("resnet50", "1x1/1 64 -> 64, 56x56", "fp32", "direct", 64, "1x14x2", 100.0, 20.0, 89.0, 86.0),
           KernelResult("resnet50", "1x1/1 64 -> 64, 56x56", "bf16", "direct", 64, "1x14x2", 200.0, 20.0, 190.0, 180.0)]
ACCURACIES = [Accuracy("resnet_v2", "mxnet", "1.9.1", 600, 0.99, 0.97, 0.975, 25.0), Accuracy("resnet_v2", "ngc", "0.1", 600, 0.99, 0.99, 1.0, 41.3),
              Accuracy("resnet50_v2", "ngc", "0.1", 16, None, None, 1.0, 25.0), Accuracy("resnet50_v2", "mxnet", "1.9.1", 16, None, None, 1.0, 26.0)]
TIMING = Timing("resnet50_v2", 4.5, 0.5, 0.05, 100.0)


def write(path: Path, rows: list) -> Path:
    path.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")
    return path


@pytest.fixture
def found(tmp_path) -> Measurements:
    return Measurements("Some <CPU>", "2026-01-02", read_comparisons([write(tmp_path / "models.json", [*WIN, *LOSS])]), KERNELS, [TIMING],
                        read_comparisons([write(tmp_path / "block.json", BLOCK)]), ACCURACIES)


# -- readings ----------------------------------------------------------------------------------------------------------


def test_the_best_peer_is_the_quickest_other_engine(tmp_path):
    win, loss = read_comparisons([write(tmp_path / "a.json", [*WIN, *LOSS])])
    assert (win.best_peer.engine, win.ratio, win.peer_wins) == ("openvino", 2.0, False)
    assert (loss.ratio, loss.peer_wins) == (0.5, True)
    assert geometric_mean([win.ratio, loss.ratio, None]) == pytest.approx(1.0, rel=1e-12)  # a square root of 1, computed by logarithms


def test_ngc_in_another_mode_is_no_peer(tmp_path):
    [block] = read_comparisons([write(tmp_path / "a.json", BLOCK)])
    assert block.best_peer.engine == "mxnet unfused"


def test_without_ngc_or_without_peers_there_is_no_ratio(tmp_path):
    for rows in (WIN[:1], WIN[1:]):
        [comparison] = read_comparisons([write(tmp_path / "a.json", rows)])
        assert comparison.ratio is None
        assert not comparison.peer_wins


def test_a_later_file_replaces_a_case_as_a_whole(tmp_path):
    again = [replace(WIN[0], median_ms=8.0), replace(WIN[1], median_ms=12.0)]
    [comparison] = read_comparisons([write(tmp_path / "a.json", WIN), write(tmp_path / "b.json", again)])
    assert (comparison.best_peer.engine, comparison.ratio) == ("mxnet", 1.5)


def test_an_engine_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match=r"a\.json: ngc has resnet18_v2 twice, fp32, batch 1, 1 thread$"):
        read_comparisons([write(tmp_path / "a.json", [WIN[0], WIN[0]])])


@pytest.mark.parametrize(("text", "message"), [
    ("{}", "expected a list of results, not dict"), ('[{"model": "a"}]', "result 0 lacks cold_compile_s, warm_compile_s, load_s, artifact_mb"),
    ("[1]", "result 0 lacks model"), ("nonsense", "Expecting value"),
])
def test_a_file_of_something_else_is_refused(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=f"a.json: {message}"):
        read_rows(path, Timing)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableFile, match=r"none\.json.*No such file"):
        read_rows(tmp_path / "none.json", Timing)


def test_fields_of_later_versions_are_left_out(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([asdict(TIMING) | {"unheard_of": 1}]))
    assert read_rows(path, Timing) == [TIMING]


def test_differing_versions_are_all_told(tmp_path):
    comparisons = read_comparisons([write(tmp_path / "a.json", [*WIN[1:], replace(LOSS[0], engine_version="0.2"), replace(BLOCK[1], engine_version="0.1")])])
    assert versions(comparisons) == {"ngc": "0.2, 0.1", "mxnet": "1.9.1", "openvino": "2026.4"}
    assert next(iter(versions(comparisons))) == "ngc"


# -- charts ------------------------------------------------------------------------------------------------------------


def rectangles(chart: charts.Chart) -> list[float]:
    return [float(item.get("width")) for item in ElementTree.fromstring(chart.svg).iter("rect")]


def test_bars_are_as_long_as_their_values():
    groups = [charts.Group("a", (charts.Bar("x", 2.0, "2", "s0"), charts.Bar("y", 1.0, "1", "s1"))), charts.Group("b", (charts.Bar("x", 4.0, "4", "s0"),))]
    full = max(rectangles(charts.bar_chart("t", groups, common=True)))
    assert rectangles(charts.bar_chart("t", groups, common=True)) == [full / 2, full / 4, full]
    assert rectangles(charts.bar_chart("t", groups, common=False)) == [full, full / 2, full]


def test_the_rule_stands_at_its_value():
    svg = ElementTree.fromstring(charts.bar_chart("t", [charts.Group("a", (charts.Bar("", 2.0, "", "s0"),))], common=True, rule=1.0).svg)
    [bar], [rule] = list(svg.iter("rect")), list(svg.iter("line"))
    assert float(rule.get("x1")) == float(bar.get("x")) + float(bar.get("width")) / 2


def test_a_roofline_holds_its_points_below_the_peak():
    svg = ElementTree.fromstring(charts.roofline("t", [charts.Point(1.0, 10.0, "a <b>", "s0"), charts.Point(50.0, 99.0, "c", "s1")], 100.0, 20.0).svg)
    low, high = ((float(item.get("cx")), float(item.get("cy"))) for item in svg.iter("circle"))
    assert low[0] < high[0]
    peak, slope = (item for item in svg.iter("line") if item.get("class") == "rule")
    assert low[1] > high[1] > float(peak.get("y1"))  # y grows downwards
    assert peak.get("y1") == peak.get("y2") == slope.get("y2")
    assert low[0] < float(slope.get("x2")) < high[0]  # the roofs meet at 5 FLOP per byte
    assert float(slope.get("y1")) < low[1]  # at 1 FLOP per byte memory allows 20 GFLOP/s


# -- documents ---------------------------------------------------------------------------------------------------------


def test_the_markdown(found, golden):
    golden("bench/report.md", markdown.render(found).rstrip("\n"))


def test_the_page_is_whole_and_marks_what_a_peer_wins(found):
    text = page.render(found)
    body = ElementTree.fromstring(text[text.index("<body>") : text.index("</html>")].replace("class=total", 'class="total"'))
    marked = [cell.text for cell in body.iter("td") if cell.get("class") == "lost"]
    assert "0.50 ◀" in marked
    assert "2.00 ◀" not in marked
    assert "Some &lt;CPU&gt;" in text
    assert len(list(body.iter("svg"))) == 7  # two of the networks, the block, two of the kernels of each precision
    assert not re.search(r"""(src|href)=|url\(|@import""", text)  # needs no other file


def test_a_report_of_one_benchmark_alone():
    found = Measurements("CPU", "2026-01-02", [], compile_times=[TIMING])
    titles = re.findall(r"^## (.*)$", markdown.render(found), re.MULTILINE)
    assert titles == ["Compile time", "How it was measured"]
    assert "<h2>Compile time</h2>" in page.render(found)


def test_no_loss_is_said(tmp_path):
    found = Measurements("CPU", "2026-01-02", read_comparisons([write(tmp_path / "a.json", WIN)]))
    assert "On none of these networks." in markdown.render(found)
    assert "◀\n" not in markdown.render(found).partition("## Overview")[2]


def test_the_command_writes_both(tmp_path, monkeypatch, capsys):
    models = write(tmp_path / "m.json", WIN)
    os.utime(models, (0, 86400 * 365))
    out, text = tmp_path / "new" / "report.html", tmp_path / "performance.md"
    monkeypatch.setattr("sys.argv", ["bench.report", "--models-json", str(models), "-o", str(out), "--markdown", str(text), "--processor", "CPU 7"])
    command.main()
    assert "Measured on 1971-01-01, CPU 7." in text.read_text(encoding="utf-8")
    assert "1971-01-01, CPU 7" in out.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"wrote {out}\nwrote {text}\n"


@pytest.mark.parametrize(("arguments", "message"), [
    (["-o", "x"], "nothing to report: give one of --models-json"), (["--models-json", "x"], "nowhere to write: give -o, --markdown or both"),
    (["--models-json", "none.json", "-o", "x"], "none.json"),
])
def test_misuse_is_explained(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["bench.report", *arguments])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    assert message in capsys.readouterr().err
