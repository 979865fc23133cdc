"""The page as text: its table, its plots, what it says where there is nothing to plot, and that names are no markup."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ngc.evaluate.accuracy import Tally, total
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import FAILED, FINISHED
from ngc.evaluate.report.page import Content, collect, page
from ngc.evaluate.report.page.charts import sections
from ngc.evaluate.report.page.content import Entry
from ngc.evaluate.report.timing import timing
from ngc.evaluate.store import Store
from tests.evaluate.report.recorded import BEGUN, HOSTILE, MACHINE, evaluation, part_results, record, small


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Content]:
    with Store.open(str(small(tmp_path_factory.mktemp("store") / "small.db"))) as store:
        yield collect(store, store.evaluations(), "My networks")


@pytest.fixture(scope="module")
def text(content: Content) -> str:
    return page(content)


class Reader(HTMLParser):
    """Collects the elements of a page, its text, and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "th") and data.strip():
            self.rows[-1][-1] += data


def test_the_table_has_each_evaluation_newest_first(text: str) -> None:
    rows = Reader(text).rows
    assert rows[0] == ["begun (UTC)", "model", "precision", "target", "batch", "threads", "data", "inputs", "failed", "top-1", "top-5", "calibration error",
                       "latency (ms/input)", "throughput (inputs/s)", "machine", "id"]  # fmt: skip
    assert rows[2] == ["2026-03-04 09:30", "ResNet50_v1 1.0", "int8", "cpu", "4", "2", "flowers", "17", "1", "58.82%", "100.00%", "29.57%", "0.5543", "1804",
                       "node-1", "b1"]  # fmt: skip
    assert [row[-1] for row in rows[1:5]] == ["c1", "b1", "a2", "a1"]
    assert rows[6] == ["node-1", "x86_64", "Intel Xeon Platinum 8481C", "2", "16", "Linux 6.1", "3.11.2"]


def test_each_plot_is_there_and_says_what_it_shows(content: Content) -> None:
    assert [(section.name, section.note, bool(section.svg)) for section in sections(content)] == [
        ("accuracy-latency", "The newest evaluation of each kind; up and left is better.", True),
        ("distribution", "How many of the full batches took how long, in the newest evaluation of each kind.", True),
        ("layers", "The 6 slowest of 6 layers of MobileNet_v2 fp32, traced on 2026-03-05; all take 0.902 ms for a batch of 1.", True),
        ("history", "Every evaluation by the time when it began, a line for each kind.", True),
        ("confusion", "MobileNet_v2 fp32 of 2026-03-05: 5 of 17 answers are wrong; the 3 most frequent of 3 pairs.", True),
        ("reliability", "On the diagonal, answers are right as often as their confidence says. The larger a point, the more answers; in parentheses their mean "
         "distance from the diagonal.", True)]  # fmt: skip


def test_nothing_to_plot() -> None:
    made = evaluation("w", mode="workload", batch_size=1, results={"qps": 105.25, "latency_ms": 7.5, "percentile": 95.0, "queries": 512})
    made = replace(made, state=FAILED, error="the disk is full")
    empty = Content("load", (Entry(made, timing([], 1), Tally(), "net"),))
    assert [(section.note, section.svg) for section in sections(empty)] == [
        ("It takes evaluations of a data set with labels.", ""), ("It takes evaluations of at least two full batches.", ""),
        ("It takes an evaluation with --trace_level FRAMEWORK_TRACE.", ""), ("It takes evaluations with finished parts.", ""),
        ("It takes an evaluation of a data set with labels.", ""), ("It takes evaluations of a data set with labels.", "")]  # fmt: skip
    rows = Reader(page(empty)).rows
    assert rows[1][rows[0].index("state")] == "failed: the disk is full"
    assert rows[1][rows[0].index("load")] == "105.2 queries/s, p95 7.5 ms"


def test_no_answer_is_wrong(content: Content) -> None:
    right = replace(content.entries[0], tally=Tally(labelled=3, top1=3, top5=3, confusion={(1, 1): 3}, bins=((3, 3, 2.9), *Tally().bins[1:])))
    [note] = [section.note for section in sections(replace(content, entries=(right,))) if section.name == "confusion"]
    assert note == "MobileNet_v2 fp32 of 2026-03-05: 0 of 3 answers are wrong."


def test_ids_of_plots_differ(text: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= set(ids)


def test_every_color_is_the_style_sheets(text: str) -> None:
    assert not re.findall(r"#[0-9a-f]{6}\b", text[text.index("<main>") :])
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= set(re.findall(r"(--[\w-]+):", text))


def test_the_same_content_gives_the_same_page(content: Content, text: str) -> None:
    assert page(content) == text


def test_labels_say_what_differs(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "kinds.db")) as store:
        changes: list[dict[str, object]] = [{}, {"batch_size": 8}, {"model_name": "other"}, {"machine": replace(MACHINE, hostname="node-2")},
                                            {"trace_level": TraceLevel.NO_TRACE}]  # fmt: skip
        for number, change in enumerate(changes):
            made = evaluation(str(number), created_at=BEGUN - timedelta(days=number), **change)
            record(store, made, part_results(made, 8, us=100.0))
        found = collect(store, store.evaluations(), "kinds")
    assert [entry.label for entry in found.entries] == [
        "ResNet50_v1 fp32, batch 4, node-1, FRAMEWORK_TRACE", "ResNet50_v1 fp32, batch 8, node-1, FRAMEWORK_TRACE", "other fp32",
        "ResNet50_v1 fp32, batch 4, node-2, FRAMEWORK_TRACE", "ResNet50_v1 fp32, batch 4, node-1, NO_TRACE"]  # fmt: skip


def test_a_look_at_some_parts_does_not_stand_for_all(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "kinds.db")) as store:
        for number, (images, parts, ahead) in enumerate([(24, 3, False), (24, 3, True), (8, 1, False)]):
            made = evaluation(str(number), created_at=BEGUN + timedelta(days=number), parts=parts, settings={"read_ahead": ahead})
            record(store, made, part_results(made, images, us=100.0))
        found = collect(store, store.evaluations(), "kinds")
    assert [entry.label for entry in found.newest] == [
        "ResNet50_v1 fp32, parts: 1, read between", "ResNet50_v1 fp32, parts: 3, read ahead", "ResNet50_v1 fp32, parts: 3, read between"]  # fmt: skip


@pytest.fixture(scope="module")
def plain() -> Reader:
    return Reader(page(_content_named("plain")))


@pytest.mark.parametrize("name", [
    HOSTILE, "]]></style></title><svg onload=alert(1)><!--", "\"' onmouseover='alert(1)' x=\"", "{{style}}&amp;\\n", "\N{CJK UNIFIED IDEOGRAPH-82B1}",
])  # fmt: skip
def test_no_name_is_markup(plain: Reader, name: str) -> None:
    """Whatever the names are, the page has the same elements as with others, of which none can run or fetch something."""
    named = Reader(page(_content_named(name)))
    assert named.tags == plain.tags
    assert not {"script", "img", "iframe", "link", "object"} & set(named.tags)
    assert not [attribute for attribute, _ in named.attributes if attribute.startswith("on") or attribute == "src"]
    assert [cell.removesuffix(" 1.0") for cell in named.rows[1]].count(name) == 6, "model, precision, target, data, machine and id"


def _content_named(name: str) -> Content:
    made = evaluation(name, state=FINISHED, model_name=name, dataset_name=name, target=name, precision=name, machine=replace(MACHINE, hostname=name, cpu=name))
    results = part_results(made, 16, us=100.0)
    return Content(name, (Entry(made, timing(results, 4), total(result.tally for result in results), name),))


def test_legends_name_what_begins_with_an_underscore(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "a.db")) as store:
        for id, name in (("a", "_net"), ("b", "__init__")):
            made = evaluation(id, model_name=name)
            record(store, made, part_results(made, 24, us=1000))
        plots = {section.name: section.svg for section in sections(collect(store, store.evaluations(), ""))}
    for plot in ("distribution", "history", "reliability"):
        assert "_net fp32" in plots[plot]
        assert "__init__ fp32" in plots[plot]
