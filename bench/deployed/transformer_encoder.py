"""The encoder of a Transformer (Vaswani et al., "Attention Is All You Need", 2017) on embedded tokens: six layers, eight heads, sinusoidal positions.

Queries, keys and values have dense layers of their own, products are `batch_dot`s, and an explicit mask of zeros and ones says which tokens may be looked at.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from bench.deployed.model import Built, DeployedModel
from bench.deployed.seeding import drawn

NOT_SEEN = -1e18
"""The score of a token that is masked."""


@dataclass(frozen=True)
class Encoder:
    """The sizes of an encoder.

    Attributes:
        layers: how many.
        units: elements of a token.
        heads: of attention.
        hidden: elements between the two dense layers of a cell.
        words: in the vocabulary.
        length: tokens of a sequence.
    """

    layers: int = 6
    units: int = 512
    heads: int = 8
    hidden: int = 2048
    words: int = 32000
    length: int = 128


def sinusoids(length: int, units: int) -> np.ndarray:
    """Returns the table of positions: sines of wavelengths from 2 pi to 10000 * 2 pi, then their cosines."""
    rates = 10000.0 ** (-np.arange(units // 2) / (units // 2))
    angles = np.arange(length)[:, None] * rates
    table: np.ndarray = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    return table


def _dense(mx: ModuleType, x: Any, outputs: int, name: str) -> Any:
    return mx.sym.FullyConnected(x, num_hidden=outputs, flatten=False, name=name)


def _heads(mx: ModuleType, encoder: Encoder, x: Any, name: str) -> Any:
    """Returns a projection of data (batch, length, units) as (batch * heads, length, units / heads)."""
    x = mx.sym.reshape(_dense(mx, x, encoder.units, name), shape=(0, 0, encoder.heads, -1))
    return mx.sym.reshape(mx.sym.transpose(x, axes=(0, 2, 1, 3)), shape=(-3, -2))


def _attention(mx: ModuleType, encoder: Encoder, x: Any, mask: Any, name: str) -> Any:
    q, k, v = (_heads(mx, encoder, x, f"{name}_{part}") for part in ("query", "key", "value"))
    scores = mx.sym.batch_dot(mx.sym.contrib.div_sqrt_dim(q), k, transpose_b=True, name=f"{name}_scores")
    weights = mx.sym.softmax(mx.sym.where(mask, scores, NOT_SEEN * mx.sym.ones_like(scores)), axis=-1) * mask
    context = mx.sym.batch_dot(weights, v, name=f"{name}_context")
    context = mx.sym.transpose(mx.sym.reshape(context, shape=(-4, -1, encoder.heads, 0, 0)), axes=(0, 2, 1, 3))
    return _dense(mx, mx.sym.reshape(context, shape=(0, 0, -3)), encoder.units, f"{name}_proj")


def _cell(mx: ModuleType, encoder: Encoder, x: Any, mask: Any, name: str) -> Any:
    x = mx.sym.LayerNorm(x + _attention(mx, encoder, x, mask, f"{name}_attention"), name=f"{name}_attention_norm")
    hidden = mx.sym.Activation(_dense(mx, x, encoder.hidden, f"{name}_ffn1"), act_type="relu")
    return mx.sym.LayerNorm(x + _dense(mx, hidden, encoder.units, f"{name}_ffn2"), name=f"{name}_ffn_norm")


def build(mx: ModuleType, seed: int, encoder: Encoder | None = None) -> Built:
    """Returns the model; other sizes are for tests."""
    encoder = encoder or Encoder()
    x = mx.sym.Embedding(mx.sym.var("data"), input_dim=encoder.words, output_dim=encoder.units, name="embed") * encoder.units**0.5
    x = mx.sym.broadcast_add(x, mx.sym.expand_dims(mx.sym.var("positions", shape=(encoder.length, encoder.units)), axis=0))
    mask = mx.sym.broadcast_axis(mx.sym.reshape(mx.sym.var("mask"), shape=(0, 1, 1, -1)), axis=(1, 2), size=(encoder.heads, encoder.length))
    mask = mx.sym.reshape(mask, shape=(-3, -2))
    for layer in range(encoder.layers):
        x = _cell(mx, encoder, x, mask, f"layer{layer}")
    symbol, arguments, states = drawn(x, inputs(1, encoder), seed)
    return symbol, {**arguments, "positions": sinusoids(encoder.length, encoder.units)}, states


def inputs(batch: int, encoder: Encoder | None = None) -> dict[str, np.ndarray]:
    """Returns seeded tokens and a mask under which between half and all of them are seen."""
    encoder = encoder or Encoder()
    rng = np.random.default_rng(1)
    valid = rng.integers(encoder.length // 2, encoder.length, (batch, 1), endpoint=True)
    tokens = rng.integers(0, encoder.words, (batch, encoder.length))
    return {"data": tokens.astype(np.float32), "mask": (np.arange(encoder.length) < valid).astype(np.float32)}


MODEL = DeployedModel("transformer_encoder", build, inputs)
