"""The page in a real browser: passes, both graphs, a node's decisions and history, search, links to code, keys, hostile names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngc
from ngc.errors import PassError
from ngc.ir import GraphBuilder
from ngc.passes import PassManager
from ngc.passes.instruments import DumpIR
from tests.browser import Visit, hides, open_browser, shows
from tests.passes.instruments.page.dumped import HOSTILE, make_net
from tests.test_engine_targets import make_partly_supported


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dump")
    ngc.compile(make_net(), dump_dir=folder)
    return folder / "index.html"


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """A tab in which nothing may go wrong and nothing be fetched but files."""
    tab = Visit(browser)
    yield tab
    tab.page.close()
    assert not tab.complaints
    assert all(address.startswith("file://") for address in tab.requests)


def decisions(page: Any) -> list[list[str]]:
    """Returns pass, status and the rest of each decision about the chosen node."""
    rows = page.query_selector_all("#node .decisions tr")
    return [[cell.inner_text() for cell in row.query_selector_all("td")] for row in rows]


def test_it_opens_at_the_first_change_without_fetching_anything(visit: Visit, dump: Path) -> None:
    page = visit.open(dump)
    shows(page, "#pass h2", "1. canonicalize")
    assert visit.requests == [dump.as_uri()]
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
    assert page.title() == f"{HOSTILE}: passes"


def test_choosing_a_pass(visit: Visit, dump: Path) -> None:
    page = visit.open(dump)
    page.click("#passes >> text=fold-batch-norm")
    shows(page, "#pass h2", "6. fold-batch-norm")
    shows(page, "#passes tr.chosen td:nth-child(2)", "fold-batch-norm")
    assert page.inner_text("#pass .titles") == "before: after fuse-attention (5)\nafter fold-batch-norm (6)"
    assert page.inner_text(".row.removed .line").startswith("%bn0 = batch_norm(%conv0, %gamma")
    changed = page.locator(".row.changed .line", has_text="conv2d(%data")
    assert changed.count() == 2
    assert changed.nth(1).locator("mark").first.inner_text() == ", %conv0_bias"
    [fired] = page.query_selector_all(".events .applied tbody tr")
    assert [cell.inner_text() for cell in fired.query_selector_all("td")] == [
        "2", "ConvThenAffine", "%bn0", HOSTILE, "affine(conv(x, W) + b) = conv(x, W*s) + (b*s + t)"]


def test_a_firing_leads_to_its_node(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=6")
    page.click(".events .applied tbody a.value")
    shows(page, "#node h2 span", "%bn0")
    assert page.inner_text("#node dd:nth-of-type(1)") == "fuse-attention (5)", "the graph before, since the pass takes the node away"
    assert page.inner_text(".graphs .line.chosen").startswith("%bn0 = batch_norm")


def test_a_node_says_what_was_decided_about_it(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=9")
    page.click(".graphs .row .line:last-child a.value >> text=%conv1 >> nth=0")
    shows(page, "#node h2 span", "%conv1")
    found = decisions(page)
    assert ["fuse-conv", "refused", "LayerThenStep\n%conv1 has another user\nat %conv1"] in found
    assert ["fuse-preactivation", "refused", "LayerThenChainAndOthers\nthe chain from %relu1 meets %conv1 again in %sum\nat %conv1"] in found
    assert ["assign-layout", "chosen"] in [row[:2] for row in found]
    assert ["codegen", "chosen"] in [row[:2] for row in found]
    facts = page.inner_text("#node dl")
    assert "%conv0 conv2d" in facts
    assert "%relu1 relu" in facts
    assert "%sum add" in facts


def test_a_node_is_followed_through_the_passes(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=0&node=%25bn0")
    entries = [item.inner_text() for item in page.query_selector_all("#node .history li")]
    assert entries[0].startswith("0 input\n%bn0 = batch_norm")
    assert entries[1].startswith("1–5 canonicalize … fuse-attention\n%bn0 = batch_norm")
    assert entries[2].startswith("6–8 fold-batch-norm … fold-constants\n%conv0 = conv2d(%data, %w0, %conv0_bias)")
    page.click("#node .history li:nth-child(3) > a")
    shows(page, "#pass h2", "6. fold-batch-norm")
    shows(page, "#node h2 span", "%conv0")
    history = page.inner_text("#node .history li:nth-child(1)")
    assert "%conv0 = conv2d" in history
    assert "%bn0 = batch_norm" in history
    page.go_back()
    shows(page, "#node h2 span", "%bn0")


def test_links_lead_to_the_code_of_a_node(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=0&node=%25conv0")
    page.click("#node .code li:has-text('conv2d of %conv0') a:has-text('LLVM IR')")
    page.wait_for_url("**/*.ll")
    assert "define void @convkernel_" in page.inner_text("body")
    page.go_back()
    page.click("#node .code li:has-text('conv2d of %conv0') a:has-text('assembly')")
    page.wait_for_url("**/*.s")
    assert ".globl\tconvkernel_" in page.inner_text("body")


def test_code_generation_lists_all_calls(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=17")
    calls = page.locator("#pass .code li").all_inner_texts()
    assert sum(" conv2d of %conv" in call for call in calls) == 2
    assert all(call.startswith("LLVM IR assembly ") for call in calls)
    page.click("#pass .code li a.value >> text=%conv1")
    shows(page, "#node h2 span", "%conv1")


@pytest.mark.parametrize(("query", "section", "shown"), [
    ("relu0", "MXNet nodes: 1", "%relu0 0–8 input … fold-constants\n%conv0 9–17 fuse-conv … codegen"),
    ("%sum", "values: 2", "%sum 0–17 input … codegen\n%sum.plain 16–17 assign-layout … codegen"),
    ("batch_n", "operators: 1", "batch_norm 1 node"),
    (HOSTILE[:12], "MXNet nodes: 1", HOSTILE),
    ("nowhere", "Nothing in any pass", "")])
def test_search(visit: Visit, dump: Path, query: str, section: str, shown: str) -> None:
    page = visit.open(dump)
    page.keyboard.press("/")
    page.keyboard.type(query)
    found = page.inner_text("#results")
    assert section in found
    assert shown in found


def test_a_search_leads_to_a_node_in_a_pass(visit: Visit, dump: Path) -> None:
    page = visit.open(dump)
    page.fill("#query", "bn0")
    page.click("#results a.passes >> nth=0")
    shows(page, "#node h2 span", "%bn0")
    page.keyboard.press("Escape")
    hides(page, "#results")
    page.keyboard.press("Escape")
    hides(page, "#node")


def test_keys(visit: Visit, dump: Path) -> None:
    page = visit.open(dump)
    for key, title in (("j", "2. fold-constants"), ("ArrowRight", "3. eliminate-common-subexpressions"), ("k", "2. fold-constants"),
                       ("ArrowLeft", "1. canonicalize"), ("k", "0. input"), ("k", "0. input")):
        page.keyboard.press(key)
        shows(page, "#pass h2", title)
    page.keyboard.press("/")
    page.keyboard.type("jk")
    assert page.input_value("#query") == "jk"


def test_what_is_folded_opens(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=6")
    page.click("button:has-text('constants')")
    assert sorted(text.split(" ")[0] for text in page.locator(".row.removed .constant").all_inner_texts()) == ["%beta", "%gamma", "%mean", "%var"]
    page.click("button:has-text('unchanged lines')")
    assert page.locator(".fold").count() == 0
    page.click("button:has-text('types')")
    assert page.locator(".graphs .types:visible").count() == 0
    page.click("button:has-text('unchanged lines')")
    page.click(".fold >> nth=0")
    page.click(".graphs button.locs >> nth=0")
    assert page.locator(".graphs .locs.open a.source").count() >= 1


def test_a_node_that_is_folded_away_is_shown(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=8&node=%25w1")
    assert page.inner_text(".graphs .line.chosen").startswith("%w1 = const")


def test_the_node_of_a_long_graph_is_scrolled_to(visit: Visit, tmp_path: Path) -> None:
    builder = GraphBuilder("long")
    value = builder.input("data", (1, 4))
    for number in range(400):
        value = builder.op("relu" if number % 2 else "abs", value, name=f"v{number}")
    PassManager("eliminate-dead-code", instruments=[DumpIR(tmp_path)]).run(builder.finish([value], ["out"]))
    page = visit.open(tmp_path / "index.html", "#pass=1&node=%25v350")
    page.wait_for_function("isVisible(document.querySelector('.graphs .line.chosen'))")
    assert page.inner_text(".graphs .line.chosen").startswith("%v350 = abs(%v349)")


def test_clicking_a_line_chooses_its_node(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=6")
    page.click(".row.changed .line b >> nth=0")
    shows(page, "#node h2 span", "%conv0")
    page.click("#node h2 button")
    hides(page, "#node")


def test_ranges_are_shown_with_their_node(visit: Visit, tmp_path: Path) -> None:
    graph = make_net()
    graph.ranges["relu0"] = (0.0, 2.5)
    PassManager("eliminate-dead-code", instruments=[DumpIR(tmp_path)]).run(graph)
    page = visit.open(tmp_path / "index.html", "#pass=1&node=%25relu0")
    assert "range\n%relu0 [0.0,2.5]" in page.inner_text("#node dl")


def test_a_place_that_is_not(visit: Visit, dump: Path) -> None:
    page = visit.open(dump, "#pass=999&node=%25nowhere")
    shows(page, "#pass h2", "17. codegen")
    assert page.inner_text("#node") == "%nowhere is in neither graph of this pass."


def test_dark_and_light(browser: Any, dump: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        tab = Visit(browser, color_scheme=scheme)
        grounds.append(tab.open(dump).evaluate("getComputedStyle(document.body).backgroundColor"))
        tab.page.close()
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 28)"]


def test_without_scripts(browser: Any, dump: Path) -> None:
    tab = Visit(browser, java_script_enabled=False)
    page = tab.open(dump)
    assert "fold-batch-norm" in page.inner_text("#passes")
    assert "this is the list of passes" in page.inner_text("noscript")
    page.click("#passes >> text=text >> nth=5")
    assert page.inner_text("body").startswith("graph @")
    tab.page.close()


def test_a_failure_is_what_one_sees_first(visit: Visit, tmp_path: Path) -> None:
    with pytest.raises(PassError):
        PassManager("canonicalize,quantize,fuse-conv", instruments=[DumpIR(tmp_path)]).run(make_net())
    page = visit.open(tmp_path / "index.html")
    shows(page, "#pass h2", "2. quantize")
    assert "quantize needs calibrated ranges" in page.inner_text("#pass .error")


def test_regions_of_engines(visit: Visit, tmp_path: Path) -> None:
    ngc.compile(make_partly_supported(), target="neuron:cpu", dump_dir=tmp_path)
    page = visit.open(tmp_path / "index.html", "#pass=6&node=Neuron1/%25both")
    assert page.inner_text(".graphs .line.chosen") == "%both = add(%tanh0, %relu0) : f32[2,16,8,8]"
    facts = page.inner_text("#node dl")
    assert "region of\n%mean" in facts
    assert "Neuron1/%tanh0 tanh" in facts
    assert "Neuron1.stablehlo" in page.inner_text("#node .code")
    assert page.inner_text("#node .history li:nth-child(1)").startswith("0–4 input")
    page.evaluate("location.hash = '#pass=5'")
    page.wait_for_selector("#pass h2:has-text('partition')")
    assert page.locator(".row.moved", has_text="%both = add").inner_text() == "\n".join(["%both = add(%tanh0, %relu0) : f32[2,16,8,8]"] * 2)
    page.go_back()
    page.wait_for_selector("#node .code a >> text=Neuron1.stablehlo")
    page.click("#node dl a >> text=%mean")
    shows(page, "#node h2 span", "%mean")
    page.click("#node .code a >> text=Neuron1.stablehlo")
    page.wait_for_url("**/engines/Neuron1.stablehlo")


LINES = st.lists(st.integers(0, 15), max_size=8, unique_by=lambda number: number // 2).map(
    lambda numbers: [("abcdefgh"[number // 2], ("relu", "tanh")[number % 2]) for number in numbers])
"""Names and operators of nodes, each name once."""


@pytest.fixture(scope="module")
def aligned(browser: Any, dump: Path) -> Iterator[Any]:
    tab = Visit(browser)
    yield tab.open(dump)
    tab.page.close()


@settings(deadline=None)
@given(LINES, LINES)
def test_alignment_keeps_both_graphs_and_pairs_equal_names_only(aligned: Any, before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    rows = aligned.evaluate("""([before, after]) => {
        const known = new Map();
        const line = ([name, op]) => known.get(name + op) || known.set(name + op, {kind: "node", op, scope: "", results: ["%" + name]}).get(name + op);
        const text = (item) => item && [item.results[0].slice(1), item.op];
        return alignLines(before.map(line), after.map(line)).map((row) => [text(row.left), text(row.right), row.state]);
    }""", [before, after])
    assert [tuple(left) for left, _, _ in rows if left] == before
    assert [tuple(right) for _, right, _ in rows if right] == after
    for left, right, state in rows:
        names = [{name for name, _ in lines} for lines in (before, after)]
        if left and right:
            assert left[0] == right[0]
            assert state == ("same" if left == right else "changed")
        else:
            name, other = (left[0], names[1]) if left else (right[0], names[0])
            assert state == ("moved" if name in other else "removed" if left else "added")


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=10), st.lists(st.sampled_from("abc"), max_size=10))
def test_what_differs_is_what_a_longest_common_subsequence_leaves(aligned: Any, text: list[str], other: list[str]) -> None:
    one, two = aligned.evaluate("([text, other]) => [differences(text, other), differences(other, text)]", [text, other])
    kept = [[word for word, differs in zip(words, marks, strict=True) if not differs] for words, marks in ((text, one), (other, two))]
    longest = [[0] * (len(other) + 1) for _ in range(len(text) + 1)]
    for row, word in enumerate(text):
        for column, wanted in enumerate(other):
            longest[row + 1][column + 1] = longest[row][column] + 1 if word == wanted else max(longest[row][column + 1], longest[row + 1][column])
    assert [len(words) for words in kept] == [longest[-1][-1]] * 2
