"""The lists: they are complete, and say of every operator what the tables of the targets say."""

import json

import pytest

from ngc.codegen.llvm.lower import handlers
from ngc.engines.onnx_forms import ONNX_FORMS
from ngc.engines.stablehlo_forms import STABLEHLO_FORMS
from ngc.engines.tensorrt_support import tensorrt_form
from ngc.importer.operators import OPERATORS
from ngc.ir import STEPS, opdefs
from ngc.ir.opdef import REQUIRED
from ngc.opt import catalog
from ngc.opt.main import SUCCESS, OptMain
from ngc.passes import PASSES, PIPELINES, parse_pipeline

REFERENCE_ONLY = ("bipartite_matching", "box_encode", "deformable_ps_roi_pool", "dequantize", "proposal", "quantize")
"""Operators that only the reference evaluator runs."""


def listed(*flags: str, capsys: pytest.CaptureFixture[str]) -> dict[str, list[catalog.Record]]:
    assert OptMain([*flags, "--json"]).run() == SUCCESS
    content: dict[str, list[catalog.Record]] = json.loads(capsys.readouterr().out)
    return content


def test_every_pass_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    records = listed("--list-passes", capsys=capsys)["passes"]
    assert [record["name"] for record in records] == list(PASSES)
    for record in records:
        assert record["doc"], record["name"]
        assert record["details"], record["name"]
        for option in record["options"]:
            assert option["doc"], f"{record['name']} says nothing of its option {option['name']}"
    [partition] = [record for record in records if record["name"] == "partition"]
    assert partition["options"][1] == {"name": "min-subgraph-size", "type": "int", "default": 2, "doc": "regions of fewer operators stay outside."}
    assert partition["options"][2]["type"] == "names by commas"


def test_every_operator_with_its_state(capsys: pytest.CaptureFixture[str]) -> None:
    content = listed("--list-ops", capsys=capsys)
    assert [record["name"] for record in content["ops"]] == sorted(opdefs())
    assert [record["name"] for record in content["steps"]] == list(STEPS)
    for record in content["ops"]:
        name, definition, targets = record["name"], opdefs()[record["name"]], record["targets"]
        assert record["operands"] == list(definition.operands)
        assert [attr["name"] for attr in record["attributes"]] == list(definition.attrs)
        assert [attr["required"] for attr in record["attributes"]] == [attr.default is REQUIRED for attr in definition.attrs.values()]
        if name in handlers():
            assert targets["cpu"] == {"state": "yes"}
        for target, form in (("onnx", ONNX_FORMS[name]), ("stablehlo", STABLEHLO_FORMS[name]), ("tensorrt", tensorrt_form(name))):
            assert targets[target]["state"] == ("no" if not form.ops else "some" if form.refuse else "yes")
            assert targets[target].get("why", "") == form.reason
    assert {record["name"]: record["targets"]["cpu"]["state"] for record in content["ops"] if "why" in record["targets"]["cpu"]} == {
        "const": "yes", "dropout": "yes", "engine.call": "yes", **dict.fromkeys(REFERENCE_ONLY, "no")}


def test_tensorrt_refuses_what_it_says() -> None:
    assert tensorrt_form("upsample").refuse is not None
    assert tensorrt_form("relu").refuse is None
    assert tensorrt_form("gamma").reason == "ONNX has no gamma function"


def test_every_mxnet_operator_becomes_something() -> None:
    sources = catalog.mxnet_sources()
    assert {name for names in sources.values() for name in names} == set(OPERATORS)
    assert set(sources) <= set(opdefs())
    assert sources["lrn"] == ["LRN"]
    assert "softmin" in sources["negative"]


def test_pipelines_are_the_passes_that_they_name(capsys: pytest.CaptureFixture[str]) -> None:
    content = listed("--list-pipelines", "--list-passes", capsys=capsys)
    assert list(content) == ["passes", "pipelines"]
    assert {record["name"][1:]: record["text"] for record in content["pipelines"]} == PIPELINES
    for record in content["pipelines"]:
        assert parse_pipeline(",".join(record["passes"])) == parse_pipeline(record["name"])
