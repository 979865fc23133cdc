"""A small pre-activation residual network for 8x8 digits, trained with MXNet Gluon.

`python -m examples.digits_network` trains it anew and keeps the checkpoint that the demo uses where MXNet is missing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from examples.digits_data import FOLDER, Digits, held_out_digits, keep_held_out, training_digits

EPOCHS = 12
BATCH = 64
KEPT = FOLDER / "digits"
"""Prefix of the checkpoint that is kept with the examples."""


def build_network(mx: Any) -> Any:
    """Returns the network: a 3x3 convolution with its batch norm, three stages of pre-activation blocks as in ResNet v2, and a classifier."""
    nn = mx.gluon.nn

    class Block(mx.gluon.HybridBlock):  # type: ignore[misc]  # mxnet has no types
        def __init__(self, channels: int, stride: int, widens: bool) -> None:
            super().__init__()
            with self.name_scope():
                self.norm1, self.norm2 = nn.BatchNorm(), nn.BatchNorm()
                self.conv1 = nn.Conv2D(channels, 3, stride, 1, use_bias=False)
                self.conv2 = nn.Conv2D(channels, 3, 1, 1, use_bias=False)
                self.shortcut = nn.Conv2D(channels, 1, stride, use_bias=False) if widens else None

        def hybrid_forward(self, F: Any, x: Any) -> Any:  # Gluon's name
            y = F.relu(self.norm1(x))
            shortcut = self.shortcut(y) if self.shortcut else x
            return self.conv2(F.relu(self.norm2(self.conv1(y)))) + shortcut

    net = nn.HybridSequential(prefix="digits_")
    with net.name_scope():
        net.add(nn.Conv2D(16, 3, 1, 1, use_bias=False), nn.BatchNorm(), nn.Activation("relu"))
        net.add(Block(16, 1, False), Block(32, 2, True), Block(64, 2, True))
        net.add(nn.BatchNorm(), nn.Activation("relu"), nn.GlobalAvgPool2D(), nn.Flatten(), nn.Dense(10))
    return net


def train(mx: Any, digits: Digits, advance: Callable[[], None]) -> Any:
    """Returns the trained network; calls `advance` after each of the `EPOCHS`."""
    net = build_network(mx)
    fit(mx, net, digits, EPOCHS, advance)
    return net


def fit(mx: Any, net: Any, digits: Digits, epochs: int, advance: Callable[[], None] = lambda: None) -> None:
    """Trains a Gluon network from seeded weights on digits that move about; calls `advance` after each epoch."""
    mx.random.seed(0)
    np.random.seed(0)  # MXNet's initializers draw from numpy's global generator
    net.initialize(mx.init.MSRAPrelu())
    net.hybridize()
    loss_of = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    steps = epochs * (len(digits) // BATCH)
    schedule = mx.lr_scheduler.CosineScheduler(steps, base_lr=4e-3, final_lr=1e-5)
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 4e-3, "wd": 1e-4, "lr_scheduler": schedule})
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(digits))
        for begin in range(0, len(digits) - BATCH + 1, BATCH):
            chosen = order[begin : begin + BATCH]
            images = mx.nd.array(_shifted(rng, digits.images[chosen]))
            images.attach_grad()  # running statistics move in the backward pass, which would stop before a batch norm of the input
            labels = mx.nd.array(digits.labels[chosen])
            with mx.autograd.record():
                loss = loss_of(net(images), labels)
            loss.backward()
            trainer.step(BATCH)
        loss.wait_to_read()
        advance()


def mxnet_answer(prefix: str, images: np.ndarray) -> np.ndarray:
    """Returns MXNet's logits (images, classes) from a checkpoint."""
    from bench.mxnet_executor import bind
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    answer: np.ndarray = bind(mx, prefix, {"data": images.shape}).forward(is_train=False, data=mx.nd.array(images))[0].asnumpy()
    return answer


def export(net: Any, prefix: str) -> None:
    """Writes `prefix-symbol.json` and `prefix-0000.params`, as MXNet saves models for deployment."""
    net.export(prefix, 0)


def _shifted(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """Returns square images moved by up to an eighth of their size in each direction."""
    size = images.shape[-1]
    reach = size // 8
    padded = np.pad(images, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    row, column = rng.integers(0, 2 * reach + 1, 2)
    return padded[:, :, row : row + size, column : column + size]


def main() -> None:
    """Trains the network and keeps its checkpoint and the held-out digits with the examples."""
    from rich.progress import Progress

    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    FOLDER.mkdir(exist_ok=True)
    keep_held_out()
    with Progress() as progress:
        task = progress.add_task("training", total=EPOCHS)
        net = train(mx, training_digits(), lambda: progress.advance(task))
    export(net, str(KEPT))
    held_out = held_out_digits()
    right = net(mx.nd.array(held_out.images)).asnumpy().argmax(1) == held_out.labels
    print(f"{right.mean():.2%} of {len(held_out)} held-out digits right")


if __name__ == "__main__":
    main()
