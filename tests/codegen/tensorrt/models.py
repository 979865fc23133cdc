"""ONNX models written by hand, for tests of what comes after the emitter."""

import numpy as np

from ngc.codegen.tensor_spec import TensorSpec
from ngc.ir import SymDim

SPEC = TensorSpec("x", (SymDim(), 16, 8, 8), "f32")
RESULT = TensorSpec("y", (SymDim(), 8, 8, 8), "f32")


def conv_model(*operators: str, inputs: int = 16) -> bytes:
    """Returns a convolution of `SPEC`, named "node0", and one other operator after another, Relu unless given, named "node1" and so on."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).standard_normal((8, inputs, 3, 3)).astype(np.float32)
    kinds = operators or ("Relu",)
    nodes = [helper.make_node("Conv", ["x", "w"], ["t0"], pads=[1, 1, 1, 1], name="node0")]
    nodes += [helper.make_node(kind, [f"t{number}"], [f"t{number + 1}" if number + 1 < len(kinds) else "y"], name=f"node{number + 1}")
              for number, kind in enumerate(kinds)]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8, 8, 8])], [numpy_helper.from_array(weights, "w")])
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())
