"""Tests of `ngc-eval model`."""

import csv
import io
import json

import pytest
import yaml

from ngc.evaluate.cli import main
from ngc.evaluate.manifest import BUILTIN

MINE = """name: Mine
version: 2.0
framework: {name: MXNet, version: ">=1.1.0"}
container: {amd64: {cpu: image}}
inputs:
  - {type: image, parameters: {dimensions: [3, 8, 8]}}
  - {type: text}
output: {type: classification}
model: {graph_path: a, weights_path: b}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Returns the user's folder of manifests, which has one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = tmp_path / "ngc" / "models"
    path.mkdir(parents=True)
    (path / "mine.yml").write_text(MINE)
    return path


def test_the_table(capsys):
    assert main(["model", "list"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].split() == ["name", "version", "framework", "inputs", "source", "Top1"]
    assert len(lines) == 1 + 36
    found = {line.split()[0]: line for line in lines}
    assert found["ResNet50_v1"].split()[1:] == ["1.0", "MXNet", ">=1.1.0", "image", "3x224x224", "comes", "with", "ngc", "76.47"]
    assert "image 3x8x8, text" in found["Mine"]


def test_json_and_csv(capsys, folder):
    assert main(["model", "list", "--format=json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) == 36
    assert rows["Mine"] == {"name": "Mine", "version": "2.0", "framework": "MXNet >=1.1.0", "inputs": "image 3x8x8, text", "source": str(folder / "mine.yml"),
                            "Top1": None}
    assert rows["digits"]["source"] == str(BUILTIN / "digits.yml")
    assert main(["model", "list", "-f", "csv"]) == 0
    table = {row["name"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert table["Mine"] == rows["Mine"] | {"Top1": ""}


def test_a_folder_of_more(capsys, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.yml").write_text(MINE.replace("Mine", "More"))
    assert main(["model", "list", f"--manifest_folder={tmp_path / 'more'}", "--format=csv"]) == 0
    assert "More,2.0," in capsys.readouterr().out
    assert main(["model", "show", "more", f"--manifest-folder={tmp_path / 'more'}"]) == 0
    assert "name: More" in capsys.readouterr().out


def test_show(capsys, folder):
    assert main(["model", "show", "mine", "--model_version=2"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == f"# {folder / 'mine.yml'}"
    shown = yaml.safe_load(out)
    assert shown["version"] == "2.0"
    assert shown["container"] == {"amd64": {"cpu": "image"}}
    assert shown["inputs"][0]["parameters"] == {"dimensions": [3, 8, 8]}


def test_what_cannot_be_shown(capsys):
    assert main(["model", "show", "Mime"]) == 1
    said = capsys.readouterr().err
    assert said == "ngc-eval: error: no model 'Mime'; close to it are Mine; `ngc-eval model list` shows all, and the path of a manifest is taken too\n"
    assert main(["model", "show", "Mine", "--model_version", "3.0"]) == 1
    assert capsys.readouterr().err == "ngc-eval: error: no version 3.0 of the model Mine; there is 2.0\n"


def test_validate(capsys, folder, tmp_path):
    good, bad, worse = folder / "mine.yml", tmp_path / "bad.yml", tmp_path / "worse.yml"
    assert main(["model", "validate", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: Mine 2.0, as it should be\n"
    bad.write_text(MINE.replace("8, 8", "8, x").replace("MXNet", "Caffe"))
    worse.write_text("name: [\n")
    assert main(["model", "validate", str(bad), str(good), str(worse)]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"{good}: Mine 2.0, as it should be\n"
    assert printed.err.splitlines() == [
        f"{bad}:3:19: framework.name: 'Caffe'; expected: MXNet or ngc",
        f"{bad}:6:51: inputs[0].parameters.dimensions[2]: 'x'; expected: three whole numbers from 1: channels (1 or 3), height and width, in this order "
        "for every layout",
        f"{worse}:2:1: not YAML: while parsing a flow node: expected the node content, but found '<stream end>'",
        "ngc-eval: error: 2 of 3 manifests cannot be used",
    ]


def test_all_that_comes_with_ngc_is_valid(capsys):
    assert main(["model", "validate", *map(str, sorted(BUILTIN.glob("*.yml")))]) == 0
    assert capsys.readouterr().out.count("as it should be") == 35
