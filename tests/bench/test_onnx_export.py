"""Tests that the ONNX files which the peers get say what the checkpoints say."""

from collections import Counter

import numpy as np
import pytest

from bench.measures import relative_error
from bench.onnx_export import export_onnx
from tests import checkpoints
from tests.onnx_models import session


def test_peers_get_the_canonical_graph_in_one_file_that_is_written_once(tmp_path):
    onnx = pytest.importorskip("onnx")
    prefix = checkpoints.write_checkpoint(tmp_path)
    path = export_onnx(prefix, {"data": checkpoints.SHAPE})
    graph = onnx.load(path).graph
    assert [value.name for value in graph.input] == ["data"]
    assert Counter(node.op_type for node in graph.node)["BatchNormalization"] == 1
    x = checkpoints.make_input()
    # Sums of up to 99 products in fp32, in another order: a few units in the last place.
    assert relative_error(session(path).run(None, {"data": x})[0], np.asarray(checkpoints.reference(x))) < 1e-5
    before = (tmp_path / path).stat().st_mtime_ns
    assert export_onnx(prefix, {"data": checkpoints.SHAPE}) == path
    assert (tmp_path / path).stat().st_mtime_ns == before
