"""Tests that the ONNX files which the peers get say what the checkpoints say."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from bench.measures import relative_error
from bench.onnx_export import export_onnx
from ngc.importer import import_model
from ngc.ir import evaluate
from tests import checkpoints


def test_fix_gamma_is_heeded_and_weights_are_no_inputs(tmp_path):
    if not all(find_spec(name) for name in ("mxnet", "onnx", "onnxruntime")):
        pytest.skip("the export needs MXNet and ONNX")
    import onnxruntime

    prefix = checkpoints.write_checkpoint(tmp_path)
    symbol = json.loads(checkpoints.symbol_json().replace('"fix_gamma": "False"', '"fix_gamma": "True"'))
    del symbol["nodes"][-2:]  # the exporter reads no labels
    symbol["heads"] = [[len(symbol["nodes"]) - 1, 0, 0]]
    symbol["arg_nodes"] = [index for index, node in enumerate(symbol["nodes"]) if node["op"] == "null"]
    (tmp_path / "small-symbol.json").write_text(json.dumps(symbol))
    session = onnxruntime.InferenceSession(export_onnx(prefix, checkpoints.SHAPE), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["data"]
    x = checkpoints.make_input()
    params = checkpoints.make_params()
    params["arg:bn_gamma"] = np.ones_like(params["arg:bn_gamma"])
    [expected] = evaluate(import_model(json.dumps(symbol), params, shapes={"data": x.shape}), {"data": x})
    # Sums of up to 99 products in fp32, in another order: a few units in the last place.
    assert relative_error(session.run(None, {"data": x})[0], expected) < 1e-5
