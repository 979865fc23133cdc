"""Seeded weights for a symbol alone: where MXNet is missing there is no zoo to export from, but speed can be shown.

`python -m examples.random_weights PREFIX FILE` keeps a checkpoint's symbol with the shapes of all its parameters in it.
"""

import ast
import json
import sys
from pathlib import Path

import numpy as np

from ngc.importer import load_params


def draw_parameters(symbol: Path) -> dict[str, np.ndarray]:
    """Returns weights for every variable of a symbol but `data`; it must state their shapes.

    Batch norms get no statistics of any images: activations stay finite, and answers mean nothing.
    """
    rng = np.random.default_rng(0)
    nodes = json.loads(symbol.read_text(encoding="utf-8"))["nodes"]
    variables = [node for node in nodes if node["op"] == "null" and node["name"] != "data"]
    return {node["name"]: _draw(rng, node["name"], ast.literal_eval(node["attrs"]["__shape__"])) for node in variables}


def keep_symbol(prefix: str, path: Path) -> None:
    """Writes the symbol of a checkpoint to a file, each parameter with its shape."""
    parameters = {name.partition(":")[2]: array for name, array in load_params(f"{prefix}-0000.params").items()}
    graph = json.loads(Path(f"{prefix}-symbol.json").read_text(encoding="utf-8"))
    for node in graph["nodes"]:
        if node["name"] in parameters:
            node["attrs"] = {"__shape__": str(parameters[node["name"]].shape)}
    path.write_text(json.dumps(graph, separators=(",", ":")) + "\n", encoding="utf-8")


def _draw(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if len(shape) > 1:
        deviation = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        return rng.standard_normal(shape, dtype=np.float32) * deviation
    return np.full(shape, 1 if name.endswith(("gamma", "running_var")) else 0, np.float32)


if __name__ == "__main__":
    keep_symbol(sys.argv[1], Path(sys.argv[2]))
