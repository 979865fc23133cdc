"""A manifest for tests, and files beside it."""

import copy
from pathlib import Path
from typing import Any

import yaml

SAMPLE: dict[str, Any] = {
    "name": "Sample",
    "version": "1.2",
    "framework": {"name": "MXNet", "version": ">=1.1.0"},
    "container": {"amd64": {"cpu": "raiproject/carml-mxnet:amd64-cpu"}},
    "description": "a network",
    "inputs": [
        {
            "type": "image",
            "parameters": {
                "element_type": "float32", "input_layer": "data", "layout": "CHW", "color_mode": "RGB", "dimensions": [3, 32, 48],
                "mean": [123.675, 116.28, 103.53], "scale": [58.395, 57.12, 57.375],
            },
        }
    ],
    "output": {"type": "classification", "parameters": {"probabilities_layer": 0, "probabilities_transform": "softmax"}},
    "model": {"base_url": "files", "graph_path": "model-symbol.json", "weights_path": "model-0000.params", "graph_checksum": None},
    "attributes": {"kind": "CNN", "Top1": 77.36},
}  # fmt: skip


def changed(path: str, *value: Any) -> dict[str, Any]:
    """Returns the sample with another value for a field, such as inputs.0.type, or, without a value, without the field."""
    sample = copy.deepcopy(SAMPLE)
    *folders, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner: Any = sample
    for part in folders:
        inner = inner[part]
    if value:
        inner[last] = value[0]
    else:
        del inner[last]
    return sample


def write(path: Path, data: Any) -> Path:
    """Writes data as YAML."""
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path
