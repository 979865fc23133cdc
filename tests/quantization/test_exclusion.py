"""Layers that stay in f32: those that the user names, and all where integers are no faster."""

from typing import Any

import numpy as np
import pytest

import ngc
from ngc.errors import InputError
from ngc.target import parse_target
from tests.checkpoints import SHAPE, make_input, write_checkpoint
from tests.codegen.llvm.kernels.bytewise import runs
from tests.quantization.networks import NETWORKS, images
from tests.quantization.programs import compiled

LAYERS = ("stem", "a1", "a2", "project", "b1", "b2", "fc")
"""Of the first network."""

SLOW = [name for name in ("cpu:haswell", "cpu:x86-64") if runs(parse_target(name))]
"""Processors without dot products of bytes."""


def excluding(*patterns: str, **options: Any) -> dict[str, str]:
    """Returns the reasons of the layers that stayed in f32."""
    executable = compiled("residual_v1", quantization=ngc.QuantizationOptions(force=True, exclude=patterns), **options)
    assert {layer.node for layer in executable.quantization} == set(LAYERS)
    return {layer.node: layer.reason for layer in executable.quantization if layer.precision == "fp32"}


@pytest.mark.parametrize(("pattern", "layers"), [
    ("stem", ("stem",)), ("a?", ("a1", "a2")), ("re:[ab]1", ("a1", "b1")), ("op:FullyConnected", ("fc",)), ("op:conv*", LAYERS[:-1]),
    ("op:Convolution", LAYERS[:-1]),
])
def test_patterns(pattern: str, layers: tuple[str, ...]) -> None:
    assert excluding(pattern) == dict.fromkeys(layers, f"excluded by {pattern!r}")


def test_several_patterns() -> None:
    assert excluding("stem", "op:dense") == {"stem": "excluded by 'stem'", "fc": "excluded by 'op:dense'"}
    assert excluding() == {}


def test_names_are_those_of_the_original_model(tmp_path: Any) -> None:
    executable = ngc.compile(write_checkpoint(tmp_path), shapes={"data": SHAPE}, precision="int8", calibration=[make_input()],
                             quantization=ngc.QuantizationOptions(force=True, exclude=("relu",)))
    assert [layer.precision for layer in executable.quantization] == ["fp32", "int8"], "the convolution that the activation was fused into"


def test_patterns_that_match_nothing_are_an_error() -> None:
    with pytest.raises(InputError) as raised:
        excluding("stemm", "op:Pool", "re:(", "b*")
    assert str(raised.value) == ("cannot exclude: 'stemm' matches nothing; did you mean 'stem'?; 'op:Pool' matches nothing; did you mean 'op:pool' or "
                                 "'op:Pooling'?; 're:(' is no regular expression: missing ), unterminated subpattern at position 0")


@pytest.mark.parametrize("target", SLOW)
@pytest.mark.parametrize("name", ["residual_v2", "mobilenet_v2", "perceptron"])
def test_processors_that_multiply_integers_no_faster_multiply_floats(name: str, target: str) -> None:
    executable = compiled(name, target, quantization=None)
    reason = f"{target} has no dot product of bytes, without which int8 is no faster than f32"
    assert {(layer.precision, layer.reason) for layer in executable.quantization} == {("fp32", reason)}
    events = [event for event in executable.graph.events if event.rule == "precision"]
    assert [event.node for event in events] == [layer.node for layer in executable.quantization]
    assert {(event.status, event.reason) for event in events} == {("refused", reason)}
    assert {value.type.dtype for value in executable.graph.values()} == {"f32"}
    x = images(executable.graph, 3)
    [exact] = ngc.compile(NETWORKS[name](), target=target, numerics="exact").run({"data": x})
    # Sums in the same order; fusion in another one moves some products of a few constants.
    np.testing.assert_allclose(executable.run({"data": x})[0], exact, rtol=0, atol=2e-5 * np.abs(exact).max())
