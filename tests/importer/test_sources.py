"""The forms of a model that `import_model` takes from disk: prefixes, paths, tuples."""

import json
import logging
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.importer.sources import find_params

SYMBOL: dict[str, Any] = {
    "nodes": [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "scale", "inputs": []},
        {"op": "elemwise_mul", "name": "out", "inputs": [[0, 0, 0], [1, 0, 0]]},
    ],
    "arg_nodes": [0, 1],
    "heads": [[2, 0, 0]],
}
SHAPES = {"data": (2,)}


def params_file(value: float) -> bytes:
    array = struct.pack("<Iiiqiii", 0xF993FAC9, 0, 1, 2, 1, 0, 0) + np.full(2, value, "<f4").tobytes()
    name = b"arg:scale"
    return struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<QQ", 1, len(name)) + name


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Returns the prefix of a checkpoint whose parameters of epoch 0000 are all ones."""
    (tmp_path / "net-symbol.json").write_text(json.dumps(SYMBOL))
    (tmp_path / "net-0000.params").write_bytes(params_file(1.0))
    return tmp_path / "net"


def scale_of(model: Any, params: Any = None) -> float:
    graph = import_model(model, params, shapes=SHAPES)
    return float(graph.find("scale").array[0])


def test_prefix_and_path(prefix: Path) -> None:
    for model in (str(prefix), prefix, f"{prefix}-symbol.json", Path(f"{prefix}-symbol.json")):
        assert scale_of(model) == 1.0
    graph = import_model(prefix, shapes=SHAPES)
    assert graph.name == "net"
    assert graph.nodes[-1].locs[0].file == f"{prefix}-symbol.json"


def test_params_given_beside_the_path(prefix: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.params"
    other.write_bytes(params_file(3.0))
    assert scale_of(prefix, other) == 3.0
    assert scale_of(prefix, str(other)) == 3.0
    assert scale_of(prefix, params_file(4.0)) == 4.0
    assert scale_of(prefix, {"scale": np.full(2, 5, np.float32)}) == 5.0
    assert scale_of((f"{prefix}-symbol.json", {"scale": np.full(2, 6, np.float32)}, {})) == 6.0
    assert scale_of((str(prefix), {"arg:scale": np.full(2, 7, np.float32)}, None)) == 7.0
    assert scale_of(json.dumps(SYMBOL), {"scale": np.full(2, 8, np.float32)}) == 8.0


def test_epoch_0000_goes_before_later_ones(prefix: Path) -> None:
    Path(f"{prefix}-0010.params").write_bytes(params_file(2.0))
    assert scale_of(prefix) == 1.0


def test_latest_epoch_where_there_is_no_0000(prefix: Path, caplog: pytest.LogCaptureFixture) -> None:
    Path(f"{prefix}-0000.params").unlink()
    Path(f"{prefix}-0002.params").write_bytes(params_file(2.0))
    Path(f"{prefix}-0010.params").write_bytes(params_file(10.0))
    Path(f"{prefix}_ssd-0099.params").write_bytes(params_file(99.0))
    with caplog.at_level(logging.INFO):
        assert scale_of(prefix) == 10.0
    assert "net-0010.params, the latest of 2 parameter files" in caplog.text


def test_no_parameters_beside(prefix: Path) -> None:
    Path(f"{prefix}-0000.params").unlink()
    assert find_params(str(prefix)) is None
    assert find_params("/nowhere/net") is None


def test_missing_files(prefix: Path) -> None:
    with pytest.raises(ImportFailure, match=r"ne-symbol\.json: no such file; .*holds net-0000\.params, net-symbol\.json"):
        import_model(str(prefix)[:-1], shapes=SHAPES)
    with pytest.raises(ImportFailure, match=r"the folder .* does not exist either"):
        import_model("/nowhere/net", shapes=SHAPES)
    with pytest.raises(ImportFailure, match="these are the parameters; pass the prefix or the symbol file"):
        import_model(f"{prefix}-0000.params", shapes=SHAPES)
    with pytest.raises(ImportFailure, match=r"net-9999\.params: no such file"):
        import_model(prefix, f"{prefix}-9999.params", shapes=SHAPES)


def test_damaged_files_name_the_file(prefix: Path) -> None:
    Path(f"{prefix}-0000.params").write_bytes(params_file(1.0)[:-20])
    with pytest.raises(ImportFailure, match=r"net-0000\.params: .*truncated"):
        import_model(prefix, shapes=SHAPES)
    Path(f"{prefix}-symbol.json").write_text("<html>")
    with pytest.raises(ImportFailure, match=r"net-symbol\.json: not JSON .*HTML"):
        import_model(prefix, shapes=SHAPES)


def test_names_of_save_parameters(prefix: Path) -> None:
    with pytest.raises(ImportFailure, match=r"names such as 'features\.0\.weight' come from Block\.save_parameters"):
        import_model(prefix, {"features.0.weight": np.ones(2, np.float32)}, shapes=SHAPES)
