"""A word language model: an embedding, two LSTM layers in both directions whose states come in and go out, and a decoder to the vocabulary.

The architecture of MXNet's own word language model (example/gluon/word_language_model), in both directions, at its medium size: 650 wide, a vocabulary of
10000, 35 words at a time. States are inputs and outputs, as in truncated backpropagation and in generation word by word.
"""

from types import ModuleType

import numpy as np

from bench.deployed.model import Built, DeployedModel

WORDS, STEPS, WIDTH, LAYERS = 10000, 35, 650, 2


def build(mx: ModuleType, seed: int) -> Built:
    """Returns the symbol and its parameters. Weights keep sums at order one, so that gates are neither open nor shut."""
    data, state, cell = (mx.sym.var(name) for name in ("data", "state", "cell"))
    embedded = mx.sym.Embedding(data, input_dim=WORDS, output_dim=WIDTH, name="encoder")
    hidden = mx.sym.RNN(embedded, mx.sym.var("lstm_parameters"), state, cell, mode="lstm", state_size=WIDTH, num_layers=LAYERS, bidirectional=True,
                        state_outputs=True, p=0.5, name="lstm")
    decoded = mx.sym.FullyConnected(hidden[0], num_hidden=WORDS, flatten=False, name="decoder")
    rng = np.random.default_rng(seed)
    weights = {
        "encoder_weight": rng.standard_normal((WORDS, WIDTH), dtype=np.float32),
        "lstm_parameters": _lstm_parameters(rng),
        "decoder_weight": rng.standard_normal((WORDS, 2 * WIDTH), dtype=np.float32) * np.float32(4 / np.sqrt(2 * WIDTH)),
        "decoder_bias": rng.normal(0, 0.1, WORDS).astype(np.float32),
    }
    return mx.sym.Group([decoded, hidden[1], hidden[2]]), weights, {}


def _lstm_parameters(rng: np.random.Generator) -> np.ndarray:
    """Returns the vector of all layers: the weights layer by layer and direction by direction, then the biases in the same order."""
    rows = 4 * WIDTH
    parts = []
    for width in (WIDTH, *[2 * WIDTH] * (LAYERS - 1)):
        parts += [rng.standard_normal(rows * size, dtype=np.float32) * np.float32(1 / np.sqrt(size)) for _ in range(2) for size in (width, WIDTH)]
    return np.concatenate([*parts, rng.normal(0, 0.1, 4 * LAYERS * rows).astype(np.float32)])


def inputs(batch: int) -> dict[str, np.ndarray]:
    """Returns words (steps, batch) as floats, as MXNet's users feed them, and states of order one."""
    rng = np.random.default_rng(1)
    states = {name: rng.uniform(-0.5, 0.5, (2 * LAYERS, batch, WIDTH)).astype(np.float32) for name in ("state", "cell")}
    return {"data": rng.integers(0, WORDS, (STEPS, batch)).astype(np.float32), **states}


MODEL = DeployedModel("lstm_lm", build, inputs)
