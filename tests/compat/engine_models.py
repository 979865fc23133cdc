"""Models for the tests of engines' interfaces: ResNet-50 v2 with seeded weights, and a small network in several parts."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from examples.random_weights import draw_parameters

RESNET50 = Path(__file__).parents[2] / "examples" / "resnet50_v2-symbol.json"


def resnet50() -> tuple[str, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns the symbol's JSON text, with the softmax of a training script, and the parameters, scaled so that scores are neither equal nor saturated."""
    content = json.loads(RESNET50.read_text(encoding="utf-8"))
    nodes: list[dict[str, Any]] = content["nodes"]
    content["arg_nodes"].append(len(nodes))
    [[head, output, _]] = content["heads"]
    nodes += [{"op": "null", "name": "softmax_label", "inputs": []},
              {"op": "SoftmaxOutput", "name": "softmax", "inputs": [[head, output, 0], [len(nodes), 0, 0]]}]
    content["heads"] = [[len(nodes) - 1, 0, 0]]
    params = draw_parameters(RESNET50)
    dense = next(node for node in nodes if node["op"] == "FullyConnected")
    params[nodes[dense["inputs"][1][0]]["name"]] *= np.float32(1e-2)
    states = {name for name in params if name.endswith(("running_mean", "running_var"))}
    return json.dumps(content), {name: params[name] for name in params if name not in states}, {name: params[name] for name in states}
