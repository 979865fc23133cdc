"""Checkpoints of the Gluon vision zoo with seeded weights, and MXNet's answers on them.

`python -m bench.zoo_models NAME FOLDER [SEED]` exports one network; `export_zoo` does that in its own process, once.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.mxnet_executor import bind

DEFAULT_FOLDER = Path("out/zoo")

NETWORKS: tuple[str, ...] = (
    *(f"resnet{depth}_v{version}" for version in (1, 2) for depth in (18, 34, 50, 101, 152)),
    *(f"vgg{depth}{suffix}" for suffix in ("", "_bn") for depth in (11, 13, 16, 19)),
    "alexnet",
    *(f"densenet{depth}" for depth in (121, 161, 169, 201)),
    "squeezenet1.0", "squeezenet1.1", "inceptionv3",
    *(f"mobilenet{width}" for width in ("1.0", "0.75", "0.5", "0.25")),
    *(f"mobilenetv2_{width}" for width in ("1.0", "0.75", "0.5", "0.25")),
)  # fmt: skip


def input_shape(name: str, batch: int = 1) -> tuple[int, int, int, int]:
    """Returns the shape of a network's input, called `data` in all of them."""
    size = 299 if name == "inceptionv3" else 224
    return (batch, 3, size, size)


def sample_input(name: str, batch: int = 1) -> NDArray[np.float32]:
    """Returns the seeded input on which engines are compared; a smaller batch is the beginning of a larger one."""
    return sample_images(np.random.default_rng(1), input_shape(name, batch))


def sample_images(rng: np.random.Generator, shape: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Returns images with as much contrast at every scale, as photographs have, of about unit variance.

    White noise averages out on its way through a network: deep batch norms would then divide by next to nothing, and
    every engine's rounding errors with it.
    """
    batch, channels, height, width = shape
    images = np.empty(shape, np.float32)
    for index in range(batch):
        total = np.zeros((channels, height, width), np.float32)
        for cell in (1, 4, 16, 64):
            coarse = rng.standard_normal((channels, -(-height // cell), -(-width // cell)), dtype=np.float32)
            total += np.kron(coarse, np.ones((1, cell, cell), np.float32))[:, :height, :width]
        images[index] = total / 2
    return images


def export_zoo(name: str, folder: str | Path = DEFAULT_FOLDER, seed: int = 0) -> str:
    """Returns the checkpoint prefix of a network, exported by MXNet in a process of its own unless it is there already.

    Weights are drawn He-normal from the seed and batch-norm statistics come from a forward pass, so activations keep
    their scale through any depth.

    Raises:
        KeyError: the zoo has no such network.
        subprocess.CalledProcessError: the export failed; its output is on stderr.
    """
    if name not in NETWORKS:
        raise KeyError(f"the zoo has no network {name!r}; it has {', '.join(NETWORKS)}")
    folder = Path(folder)
    prefix = folder / (name if seed == 0 else f"{name}-seed{seed}")
    if not Path(f"{prefix}-0000.params").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "bench.zoo_models", name, str(prefix), str(seed)], check=True)
    return str(prefix)


def reference(name: str, prefix: str, batch: int = 1) -> NDArray[np.float32]:
    """Returns MXNet's answer on `sample_input`, without its oneDNN graph rewriting; kept beside the checkpoint."""
    path = Path(f"{prefix}-reference-b{batch}.npy")
    if not path.exists():
        command = [sys.executable, "-m", "bench.zoo_models", "--reference", name, prefix, str(batch), str(path)]
        done = subprocess.run(command, env={**os.environ, "MXNET_SUBGRAPH_BACKEND": "NONE"}, stderr=subprocess.PIPE, text=True)
        if done.returncode:  # else it holds MXNet's remark that the backend is off
            sys.stderr.write(done.stderr)
            raise subprocess.CalledProcessError(done.returncode, command)
    answer: NDArray[np.float32] = np.load(path)
    return answer


def keep_array(path: Path, make: Callable[[], NDArray]) -> str:
    """Returns the .npy file of the array that `make` returns, written unless it is there already."""
    if not path.exists():
        write_array(path, make())
    return str(path)


def write_array(path: Path, array: NDArray) -> None:
    """Writes a .npy file that is whole whenever it is there."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npy", delete=False) as file:
        np.save(file, array)
    os.replace(file.name, path)


def randomize(mx: Any, net: Any, batch: NDArray[np.float32], seed: int) -> None:
    """Gives a Gluon network seeded weights and batch-norm statistics that fit them, from one pass layer by layer."""
    rng = np.random.default_rng(seed)
    net.initialize()
    net(mx.nd.array(batch[:1]))  # shapes of deferred parameters
    for parameter in net.collect_params().values():
        parameter.set_data(mx.nd.array(draw_parameter(rng, parameter.name, parameter.shape)))
    hooks: list[Any] = []

    def watch(block: Any) -> None:
        if isinstance(block, mx.gluon.nn.BatchNorm):
            hooks.append(block.register_forward_pre_hook(_measure))

    net.apply(watch)
    net(mx.nd.array(batch)).wait_to_read()
    for hook in hooks:
        hook.detach()


def _measure(norm: Any, inputs: Any) -> None:
    """Sets a batch norm's statistics to those of what it is about to see."""
    x = inputs[0].asnumpy()
    norm.running_mean.set_data(x.mean((0, 2, 3)))
    norm.running_var.set_data(x.var((0, 2, 3)))


def draw_parameter(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Returns one parameter: He-normal weights, and batch-norm parameters that keep rounding errors from growing through a deep network."""
    if len(shape) > 1:
        scale = np.sqrt(2 / np.prod(shape[1:]))
        return np.asarray(rng.standard_normal(shape, dtype=np.float32) * scale, np.float32)
    if name.endswith(("gamma", "running_var")):
        return rng.uniform(0.5, 1, shape).astype(np.float32)
    if name.endswith("beta"):
        # Batch norms around zero make a deep random network chaotic: it multiplies rounding errors a thousandfold, and no
        # comparison of engines means much. Shifted ones behave as trained networks do.
        return rng.normal(0.5, 0.2, shape).astype(np.float32)
    return rng.normal(0, 0.1, shape).astype(np.float32)


def _export(name: str, prefix: Path, seed: int) -> None:
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    net = mx.gluon.model_zoo.vision.get_model(name)
    images = sample_images(np.random.default_rng(seed + 2), input_shape(name, 4))
    randomize(mx, net, images, seed)
    net.hybridize()
    net(mx.nd.array(images[:1])).wait_to_read()
    with tempfile.TemporaryDirectory(dir=prefix.parent) as folder:
        net.export(f"{folder}/model")
        for suffix in ("-symbol.json", "-0000.params"):  # the parameters last: they tell that the export is whole
            os.replace(f"{folder}/model{suffix}", f"{prefix}{suffix}")


def _write_reference(name: str, prefix: str, batch: int, path: str) -> None:
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    executor = bind(mx, prefix, {"data": input_shape(name, batch)})
    answer = executor.forward(is_train=False, data=mx.nd.array(sample_input(name, batch)))[0].asnumpy()
    write_array(Path(path), answer)


if __name__ == "__main__":
    if sys.argv[1] == "--reference":
        _write_reference(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    else:
        _export(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
