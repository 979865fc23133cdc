"""A network like WaveNet (van den Oord and others, 2016) that engines take in parts, drawn before and after it is divided.

`python -m examples.wavenet FOLDER` writes wavenet-before.svg, wavenet-after.svg and wavenet.html; `--target neuron` divides it for Neuron.

Blocks of dilated causal convolutions with tanh * sigmoid gates, residual and skip sums make two stacks. Two operators stand in between that engines lack: after
the first stack values become Gaussian (erfinv, which ONNX and so TensorRT have not), after the second one sums are divided by gamma(1 + order), the constant
of a fractional derivative (gamma, which StableHLO has not either).
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import ngc.compat
from ngc.compat import neuron, tensorrt
from ngc.compat.contexts import WITHOUT_GPU
from ngc.compat.division import divide
from ngc.engines import EngineOptions, parse_engine_target
from ngc.importer.sources import resolve_model
from ngc.visualize import Diagram, html_page, svg_text, symbol_diagram

CHANNELS, SAMPLES, LEVELS = 16, 64, 32
SHAPE = (1, 1, SAMPLES)
DILATIONS = ((1, 2), (4, 8))
"""Of the blocks of each stack."""


class _Writer:
    """Appends nodes of a symbol and draws their parameters."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.params: dict[str, np.ndarray] = {}
        self.random = np.random.default_rng(0)

    def add(self, op: str, name: str, *inputs: int, **attrs: object) -> int:
        node = {"op": op, "name": name, "attrs": {key: str(value) for key, value in attrs.items()}, "inputs": [[index, 0, 0] for index in inputs]}
        self.nodes.append(node)
        return len(self.nodes) - 1

    def convolution(self, name: str, x: int, channels: int, out: int, width: int = 1, dilation: int = 1) -> int:
        """Appends a causal convolution: it is padded on both sides, and what looks ahead is cut off."""
        self.params[f"{name}_weight"] = self.random.normal(0, (channels * width) ** -0.5, (out, channels, width)).astype(np.float32)
        self.params[f"{name}_bias"] = self.random.normal(0, 0.1, out).astype(np.float32)
        variables = self.add("null", f"{name}_weight"), self.add("null", f"{name}_bias")
        y = self.add("Convolution", name, x, *variables, kernel=(width,), dilate=(dilation,), pad=((width - 1) * dilation,), num_filter=out)
        return y if width == 1 else self.add("slice_axis", f"{name}_cut", y, axis=2, begin=0, end=SAMPLES)

    def block(self, name: str, x: int, dilation: int) -> tuple[int, int]:
        """Appends a block and returns its residual sum and what it adds to the skip sum."""
        signal = self.add("Activation", f"{name}_tanh", self.convolution(f"{name}_filter", x, CHANNELS, CHANNELS, 2, dilation), act_type="tanh")
        gate = self.add("Activation", f"{name}_sigmoid", self.convolution(f"{name}_gate", x, CHANNELS, CHANNELS, 2, dilation), act_type="sigmoid")
        gated = self.add("elemwise_mul", f"{name}_gated", signal, gate)
        residual = self.add("elemwise_add", f"{name}_residual", self.convolution(f"{name}_out", gated, CHANNELS, CHANNELS), x)
        return residual, self.convolution(f"{name}_skip", gated, CHANNELS, CHANNELS)


def wavenet() -> tuple[str, dict[str, np.ndarray]]:
    """Returns the symbol's JSON text and seeded parameters; the input is `data` of shape `SHAPE`."""
    writer = _Writer()
    x = writer.convolution("causal", writer.add("null", "data"), 1, CHANNELS, 2)
    skip: int | None = None
    for stack, dilations in enumerate(DILATIONS):
        for number, dilation in enumerate(dilations):
            x, part = writer.block(f"stack{stack}_block{number}", x, dilation)
            skip = part if skip is None else writer.add("elemwise_add", f"stack{stack}_skip{number}", skip, part)
        if stack == 0:
            x = writer.add("erfinv", "gaussian", writer.add("_mul_scalar", "inside", writer.add("Activation", "squash", x, act_type="tanh"), scalar=0.99))
    assert skip is not None
    order = writer.add("Activation", "order", x, act_type="sigmoid")
    scale = writer.add("gamma", "gamma", writer.add("_plus_scalar", "one_more", order, scalar=1))
    joined = writer.add("elemwise_div", "derivative", writer.add("Activation", "skip_relu", skip, act_type="relu"), scale)
    hidden = writer.add("Activation", "head_relu", writer.convolution("head", joined, CHANNELS, CHANNELS), act_type="relu")
    heads = [[writer.add("softmax", "levels", writer.convolution("logits", hidden, CHANNELS, LEVELS), axis=1), 0, 0]]
    arguments = [index for index, node in enumerate(writer.nodes) if node["op"] == "null"]
    return json.dumps({"nodes": writer.nodes, "arg_nodes": arguments, "heads": heads, "attrs": {"mxnet_version": ["int", 10901]}}), writer.params


def diagrams(target: str) -> tuple[Diagram, Diagram, str]:
    """Returns the pictures before and after the network is divided for an engine, and the text of what stays and why."""
    symbol, params = wavenet()
    device = parse_engine_target(target)
    assert device is not None
    source = resolve_model((symbol, params, {}), None, None)
    form = neuron.FORM if device.engine == "neuron" else tensorrt.FORM
    division = divide(source, {"data": SHAPE}, {}, device.engine, EngineOptions(), form)
    report = str(ngc.coverage(symbol, target, params, shapes={"data": SHAPE}))
    return symbol_diagram(source.symbol, "Before"), symbol_diagram(division.source.symbol, f"After: divided for {device.title}"), report


def main() -> None:
    """Writes the pictures."""
    parser = argparse.ArgumentParser(prog="python -m examples.wavenet", description="Draws a WaveNet-like network before and after its division.")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--target", default=WITHOUT_GPU, help="an engine (default: %(default)s)")
    options = parser.parse_args()
    before, after, report = diagrams(options.target)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, diagram in (("before", before), ("after", after)):
        (options.folder / f"wavenet-{name}.svg").write_text(svg_text(diagram), encoding="utf-8")
    (options.folder / "wavenet.html").write_text(html_page("A WaveNet-like network", [before, after], report), encoding="utf-8")
    print(report)


if __name__ == "__main__":
    main()
