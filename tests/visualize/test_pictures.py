"""Pictures of symbols and graphs: what is in them, that they are well formed, and that a browser shows them."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import ngc
import ngc.compat
from examples import wavenet
from ngc.errors import InputError
from ngc.ir import evaluate
from ngc.passes import PassManager
from ngc.visualize import Box, Cluster, Diagram, graph_diagram, html_page, svg_text, symbol_diagram
from tests.checkpoints import SHAPE, make_params, symbol_json

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SVG = "{http://www.w3.org/2000/svg}"
DIVIDED = """
graph @g(%x: f32[2,3]) stage("canonical") {
  %e = exp(%x) : f32[2,3]
  %y = engine.call(%e) {engine="neuron"} : f32[2,3] {
    graph @part(%e: f32[2,3]) stage("canonical") {
      %a = tanh(%e) : f32[2,3]
      %y = relu(%a) : f32[2,3]
      return %y
    }
  }
  return %y
}
"""


def groups(svg: str, kind: str) -> list[str]:
    """Returns the texts of the boxes of a kind."""
    return ["\n".join(text.text or "" for text in group.findall(f"{SVG}text")) for group in ElementTree.fromstring(svg).iter(f"{SVG}g")
            if group.get("class") == kind]


def test_a_symbol_is_drawn_without_its_parameters() -> None:
    svg = ngc.compat.plot_network(symbol_json(), title="small").svg
    assert groups(svg, "box operator") == ["Convolution\n20, 3x3", "BatchNorm", "Activation\nrelu", "Pooling\navg", "Flatten", "FullyConnected\n7",
                                           "SoftmaxOutput"]
    assert (groups(svg, "box input"), groups(svg, "box output")) == (["data"], ["output"])
    assert "conv_weight" in ngc.compat.plot_network(symbol_json(), hide_weights=False).svg
    assert svg.count('class="arrow"') == 8


def test_a_loop_is_a_box_that_tells_what_it_holds() -> None:
    graph = ngc.parse("""
graph @g(%x: f32[3,2]) {
  %y = loop(%x) {scanned=1, steps=3} : f32[3,2] {
    graph @body(%row: f32[2]) {
      %a = relu(%row) : f32[2]
      %b = exp(%a) : f32[2]
      return %b
    }
  }
  return %y
}""")
    svg = svg_text(graph_diagram(graph))
    assert groups(svg, "box operator") == ["loop\nf32[3,2]"]
    assert "body: relu (1), exp (1)" in svg


def test_regions_are_framed_or_boxes() -> None:
    params = {name[4:]: array for name, array in make_params().items()}
    sym, _, _ = ngc.compat.neuron.compile(symbol_json(), params, {}, {"data": np.zeros(SHAPE, np.float32)}, excl_node_names=["relu"], target="neuron:cpu")
    svg = ngc.compat.plot_network(sym).svg
    assert groups(svg, "cluster") == ["Neuron: _neuron_subgraph_op0", "Neuron: _neuron_subgraph_op1"]
    assert groups(svg, "box outside") == ["Activation\nrelu"]
    assert len(groups(svg, "box inside")) == 6
    small = ngc.compat.plot_network(sym, expand=False).svg
    assert groups(small, "box engine") == ["_neuron_subgraph_op", "_neuron_subgraph_op"]
    assert "neuronbin" not in ngc.compat.plot_network(sym).svg


def test_a_graph_is_drawn_with_its_regions() -> None:
    graph = ngc.parse(DIVIDED)
    svg = svg_text(graph_diagram(graph))
    assert groups(svg, "box input") == ["x\nf32[2,3]"]
    assert groups(svg, "box outside") == ["exp\nf32[2,3]"]
    assert groups(svg, "box inside") == ["tanh\nf32[2,3]", "relu\nf32[2,3]"]
    assert groups(svg, "cluster") == ["neuron: part"]
    assert groups(svg_text(graph_diagram(graph, expand=False)), "box engine") == ["engine.call\nf32[2,3]"]
    assert ngc.compat.plot_network(graph, "title").svg.count("<title>title</title>") == 1


def test_names_are_written_as_text() -> None:
    diagram = Diagram("a < b & c", {"x": Box('<script>"</script>', tip="<&>", cluster="k")}, (), {"k": Cluster("<k>")})
    svg = svg_text(diagram)
    assert ElementTree.fromstring(svg).find(f"{SVG}title").text == "a < b & c"  # type: ignore[union-attr]
    assert groups(svg, "box inside") == ['<script>"</script>']
    assert "<script" not in html_page("<script>", [diagram], "<script>")


HOSTILE = """
graph @g(%data: f32[2,3], %r.data: f32[2,3]) stage("canonical") {
  %in.data = tanh(%data) : f32[2,3]
  %r.a = tanh(%in.data) : f32[2,3]
  %out.y = exp(%r.a) : f32[2,3]
  %b = engine.call(%out.y, %r.data) {engine="neuron"} : f32[2,3] {
    graph @r(%x: f32[2,3], %z: f32[2,3]) stage("canonical") {
      %a = add(%x, %z) : f32[2,3]
      %data = relu(%a) : f32[2,3]
      return %data
    }
  }
  return %b as "y"
}
"""


def test_names_that_look_like_other_things_are_names() -> None:
    svg = svg_text(graph_diagram(ngc.parse(HOSTILE)))
    assert groups(svg, "box input") == ["data\nf32[2,3]", "r.data\nf32[2,3]"]
    assert groups(svg, "box outside") == ["tanh\nf32[2,3]", "tanh\nf32[2,3]", "exp\nf32[2,3]"]
    assert groups(svg, "box inside") == ["add\nf32[2,3]", "relu\nf32[2,3]"]
    assert groups(svg, "box output") == ["y"]
    nodes = [{"op": "null", "name": "0", "inputs": []}, {"op": "relu", "name": "head0", "inputs": [[0, 0, 0]]}]
    inner = {"nodes": [*nodes, {"op": "tanh", "name": "cluster 0", "inputs": [[1, 0, 0]]}], "arg_nodes": [0], "heads": [[2, 0, 0]]}
    nodes += [{"op": "_TensorRT", "name": "1", "inputs": [[1, 0, 0]], "subgraphs": [inner]}]
    nodes += [{"op": "_TensorRT", "name": "1", "inputs": [[2, 0, 0]], "subgraphs": [inner]}]
    svg = ngc.compat.plot_network(json.dumps({"nodes": nodes, "arg_nodes": [0], "heads": [[3, 0, 0]]})).svg
    assert groups(svg, "cluster") == ["TensorRT: 1", "TensorRT: 1"]
    assert (groups(svg, "box outside"), groups(svg, "box inside")) == (["relu"], ["relu", "tanh", "relu", "tanh"])
    assert svg.count('class="arrow"') == 10  # one to the first operator, two into and one inside of each frame, one out of each


def test_a_long_network_is_drawn_from_top_to_bottom() -> None:
    builder = ngc.ir.GraphBuilder("chain")
    value = builder.input("x", (1, 4))
    for _ in range(5000):
        value = builder.op("tanh", value)
    svg = ElementTree.fromstring(svg_text(graph_diagram(builder.finish([value]))))
    boxes = [rect for group in svg.iter(f"{SVG}g") if (group.get("class") or "").startswith("box") for rect in group.findall(f"{SVG}rect")]
    tops = [float(rect.get("y", "")) for rect in boxes]
    assert len(tops) == 5002
    assert all(a < b for a, b in pairwise(tops))


def test_clusters_that_would_make_a_cycle_are_refused() -> None:
    boxes = {"a": Box("a", cluster="k"), "b": Box("b"), "c": Box("c", cluster="k")}
    with pytest.raises(ValueError, match=r"^the clusters make a cycle: (k -> b -> k|b -> k -> b)$"):
        svg_text(Diagram("d", boxes, (("a", "b"), ("b", "c")), {"k": Cluster("k")}))


def test_pictures_are_saved_by_their_title(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plot = ngc.compat.plot_network(symbol_json(), "net")
    assert plot.render() == "net.svg"
    assert ngc.compat.plot_network(symbol_json(), "net", save_format="html").render("page.html") == "page.html"
    assert Path("net.svg").read_text(encoding="utf-8") == plot.svg == plot._repr_svg_()
    assert Path("page.html").read_text(encoding="utf-8") == plot.html
    with pytest.raises(InputError, match=r"^save_format='pdf': accepted is one of svg, html$"):
        ngc.compat.plot_network(symbol_json(), save_format="pdf")


def test_pictures_are_rendered_as_graphviz_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    plot = ngc.compat.plot_network(symbol_json(), "a/b")
    assert plot.render() == "a_b.svg"
    assert plot.render("net.v1", directory="new/folder", cleanup=True, format="html") == "new/folder/net.v1.html"
    assert Path("new/folder/net.v1.html").read_text(encoding="utf-8") == plot.html
    assert plot.render("sub/net", view=True) == "sub/net.svg"
    assert plot.view(directory="new") == "new/a_b.svg"
    assert opened == [(tmp_path / "sub/net.svg").as_uri(), (tmp_path / "new/a_b.svg").as_uri()]
    with pytest.raises(InputError, match=r"^format='png': accepted is one of svg, html$"):
        plot.render(format="png")
    with pytest.raises(InputError, match=r"^cannot write a_b.svg/net.svg: .*; render\(filename, directory=\.\.\.\) says where to$"):
        plot.render("net", directory="a_b.svg")


def test_shapes_and_dtypes_stand_on_the_arrows(mx: ModuleType) -> None:
    svg = ngc.compat.plot_network(symbol_json(), shape={"data": SHAPE}, dtype={"data": np.float16}).svg
    assert groups(svg, "label") == [f"{text}(float16)" for text in ("3x9x11", "20x9x11", "20x9x11", "20x9x11", "20x1x1", "20", "7", "7")]
    assert groups(ngc.compat.plot_network(symbol_json(), dtype={"data": "float32"}).svg, "label") == ["(float32)"] * 8
    assert svg.count("marker-end") == 8
    halves = mx.sym.SliceChannel(mx.sym.exp(mx.sym.var("data"), name="exp"), num_outputs=2, name="halves")
    sym = mx.sym.tanh(mx.sym.gamma(halves[1], name="gamma") + halves[0], name="tanh")
    compiled, _, _ = ngc.compat.neuron.compile(sym, {}, {}, {"data": np.zeros((2, 6), np.float32)}, target="neuron:cpu")
    svg = ngc.compat.plot_network(compiled, shape={"data": (2, 6)}).svg
    # Both halves leave their frame under one label, since it says the same.
    assert sorted(groups(svg, "label")) == ["3", "3", "3", "3", "6", "6"]
    assert len(groups(svg, "cluster")) == 2


@pytest.mark.parametrize(("options", "message"), [
    ({"shape": {"dta": SHAPE}}, "^shape: the symbol has no input 'dta'$"),
    ({"shape": SHAPE}, r"^shape takes a dictionary by the names of inputs, not \(2, 3, 9"),
    ({"shape": {"data": (2, 3)}}, r"^shape=\{'data': \(2, 3\)\}: MXNetError: Error in operator conv: "),
    ({"shape": {}}, r"^shape=\{\} does not say enough for MXNet to infer the others$"), ({"dtype": {"data": "float99"}}, r"^dtype=\{'data': 'float99'\}: ")])
def test_shapes_that_do_not_fit_are_refused(options: dict[str, Any], message: str, mx: ModuleType) -> None:
    with pytest.raises(InputError, match=message):
        ngc.compat.plot_network(symbol_json(), **options)


def test_a_graph_has_its_types_already() -> None:
    with pytest.raises(InputError, match=r"^shape and dtype are for symbols; the boxes of a graph state their types$"):
        ngc.compat.plot_network(ngc.parse(DIVIDED), shape={"x": (2, 3)})


# -- the network of the documentation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "left", "regions"), [("neuron", ["gamma\n"], 2), ("tensorrt-rtx:sm86", ["erfinv\n", "gamma\n"], 3)])
def test_the_wavenet_splits_where_an_engine_lacks_an_operator(target: str, left: list[str], regions: int) -> None:
    before, after, report = wavenet.diagrams(target)
    assert [box.label + "\n" for box in after.boxes.values() if box.kind == "outside"] == left
    assert len(after.clusters) == regions
    assert not before.clusters
    assert len(before.boxes) == len(after.boxes)
    assert f"{57 - len(left)} of 57 operators in {regions} subgraphs, {len(left)} left" in report


def test_the_wavenet_computes_the_same_divided() -> None:
    text, params = wavenet.wavenet()
    x = np.random.default_rng(1).normal(0, 1, wavenet.SHAPE).astype(np.float32)
    exe = ngc.compile(text, params, shapes={"data": wavenet.SHAPE}, target="neuron:cpu")
    assert len(exe.engines) == 2
    graph = ngc.import_model(text, params, shapes={"data": wavenet.SHAPE})
    PassManager("canonicalize").run(graph)
    # float32 through eight layers of up to 32 products and a softmax.
    np.testing.assert_allclose(exe.run({"data": x})[0], evaluate(graph, {"data": x})[0], rtol=1e-4, atol=1e-6)


def test_the_pictures_of_the_documentation_are_up_to_date() -> None:
    before, after, _ = wavenet.diagrams("tensorrt-rtx:sm86,sm89")
    folder = Path(__file__).parents[2] / "docs" / "images"
    for name, diagram in (("before", before), ("after", after)):
        assert (folder / f"wavenet-{name}.svg").read_text(encoding="utf-8") == svg_text(diagram), "python -m examples.wavenet docs/images draws it anew"


@pytest.mark.full
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    before, after, report = wavenet.diagrams("neuron")
    page = tmp_path / "page.html"
    page.write_text(html_page("A network", [before, after, symbol_diagram(ngc.importer.load_symbol(symbol_json()))], report), encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("<svg") == 3
    assert "A network</h1>" in done.stdout
