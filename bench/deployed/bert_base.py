"""BERT-base without a head (Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2018), as GluonNLP exports it.

Tokens, token types and the number of valid tokens go in; what the encoder says of each token, zero behind the valid ones, and the pooled first one come out.
Projections of queries, keys and values are three parameters each, which the symbol itself puts side by side, head by head, for the interleaved products.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from bench.deployed.model import Built, DeployedModel
from bench.deployed.seeding import drawn


@dataclass(frozen=True)
class Bert:
    """The sizes of an encoder.

    Attributes:
        layers: how many.
        units: elements of a token.
        heads: of attention.
        hidden: elements between the two dense layers of a cell.
        words: in the vocabulary.
        length: tokens of a sequence.
        positions: rows of the table of positions.
    """

    layers: int = 12
    units: int = 768
    heads: int = 12
    hidden: int = 3072
    words: int = 30522
    length: int = 128
    positions: int = 512


def _dense(mx: ModuleType, x: Any, outputs: int, name: str) -> Any:
    return mx.sym.FullyConnected(x, num_hidden=outputs, flatten=False, name=name)


def _norm(mx: ModuleType, x: Any, name: str) -> Any:
    return mx.sym.LayerNorm(x, axis=-1, eps=1e-12, name=name)


def _interleaved(mx: ModuleType, bert: Bert, name: str) -> tuple[Any, Any]:
    """Returns the weights and biases of queries, keys and values, those of each head side by side."""
    sizes = {"weight": (bert.units, bert.units), "bias": (bert.units,)}
    weight, bias = ([mx.sym.var(f"{name}_{part}_{kind}", shape=shape) for part in ("query", "key", "value")] for kind, shape in sizes.items())
    weights = mx.sym.concat(*(mx.sym.reshape(part, shape=(bert.heads, -1, 0), reverse=True) for part in weight), dim=-2)
    biases = mx.sym.concat(*(mx.sym.reshape(part, shape=(bert.heads, -1), reverse=True) for part in bias), dim=-1)
    return mx.sym.reshape(weights, shape=(-1, 0), reverse=True), mx.sym.reshape(biases, shape=(-1,))


def _attention(mx: ModuleType, bert: Bert, x: Any, lengths: Any, name: str) -> Any:
    """Returns self-attention of data (length, batch, units)."""
    weight, bias = _interleaved(mx, bert, name)
    qkv = mx.sym.FullyConnected(x, weight, bias, num_hidden=3 * bert.units, flatten=False, name=f"{name}_qkv")
    scores = mx.sym.contrib.interleaved_matmul_selfatt_qk(qkv, heads=bert.heads, name=f"{name}_scores")
    weights = mx.sym.Dropout(mx.sym.softmax(scores, length=lengths, use_length=True, axis=-1, name=f"{name}_weights"), p=0.1)
    return _dense(mx, mx.sym.contrib.interleaved_matmul_selfatt_valatt(qkv, weights, heads=bert.heads, name=f"{name}_context"), bert.units, f"{name}_proj")


def _cell(mx: ModuleType, bert: Bert, x: Any, lengths: Any, name: str) -> Any:
    x = _norm(mx, x + mx.sym.Dropout(_attention(mx, bert, x, lengths, f"{name}_attention"), p=0.1), f"{name}_attention_norm")
    hidden = mx.sym.LeakyReLU(_dense(mx, x, bert.hidden, f"{name}_ffn1"), act_type="gelu", name=f"{name}_gelu")
    return _norm(mx, x + mx.sym.Dropout(_dense(mx, hidden, bert.units, f"{name}_ffn2"), p=0.1), f"{name}_ffn_norm")


def _score_lengths(mx: ModuleType, bert: Bert, valid: Any) -> Any:
    """Returns the number of valid keys of each query of each head, (batch * heads, length)."""
    lengths = mx.sym.broadcast_axis(mx.sym.reshape(mx.sym.cast(valid, dtype="int32"), shape=(-1, 1, 1)), axis=(1, 2), size=(bert.heads, bert.length))
    return mx.sym.reshape(lengths, shape=(-3, -2))


def _encoder(mx: ModuleType, bert: Bert, x: Any, valid: Any) -> Any:
    """Returns what the cells make of data (batch, length, units), zero behind the valid tokens."""
    positions = mx.sym.slice_axis(mx.sym.var("position_weight", shape=(bert.positions, bert.units)), axis=0, begin=0, end=bert.length)
    x = _norm(mx, mx.sym.broadcast_add(x, mx.sym.expand_dims(positions, axis=0)), "encoder_norm")
    x = mx.sym.transpose(x, axes=(1, 0, 2))
    lengths = _score_lengths(mx, bert, valid)
    for layer in range(bert.layers):
        x = _cell(mx, bert, x, lengths, f"layer{layer}")
    x = mx.sym.transpose(x, axes=(1, 0, 2))
    steps = mx.sym.reshape(mx.sym.contrib.arange_like(x, axis=1), shape=(1, -1))
    mask = mx.sym.broadcast_lesser(steps, mx.sym.reshape(valid, shape=(-1, 1)))
    return mx.sym.broadcast_mul(x, mx.sym.expand_dims(mask, axis=2), name="sequence")


def build(mx: ModuleType, seed: int, bert: Bert | None = None) -> Built:
    """Returns the model; other sizes are for tests."""
    bert = bert or Bert()
    words = mx.sym.Embedding(mx.sym.var("data0"), input_dim=bert.words, output_dim=bert.units, name="word_embed")
    types = mx.sym.Embedding(mx.sym.var("data1"), input_dim=2, output_dim=bert.units, name="token_type_embed")
    sequence = _encoder(mx, bert, words + types, mx.sym.var("data2"))
    first = mx.sym.reshape(mx.sym.slice_axis(sequence, axis=1, begin=0, end=1), shape=(0, -1))
    pooled = mx.sym.Activation(mx.sym.FullyConnected(first, num_hidden=bert.units, name="pooler"), act_type="tanh", name="pooled")
    return drawn(mx.sym.Group([sequence, pooled]), inputs(1, bert), seed)


def inputs(batch: int, bert: Bert | None = None) -> dict[str, np.ndarray]:
    """Returns seeded tokens, the types of two sentences, and between half and all tokens valid; floats, as GluonNLP feeds them."""
    bert = bert or Bert()
    rng = np.random.default_rng(1)
    valid = rng.integers(bert.length // 2, bert.length, batch, endpoint=True)
    tokens = rng.integers(0, bert.words, (batch, bert.length))
    types = np.broadcast_to(np.arange(bert.length) >= bert.length // 3, (batch, bert.length))
    return {name: array.astype(np.float32) for name, array in (("data0", tokens), ("data1", types), ("data2", valid))}


MODEL = DeployedModel("bert_base", build, inputs)
