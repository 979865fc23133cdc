"""Checkpoints of deployed models with seeded weights, and MXNet's answers on them.

`python -m bench.deployed.export NAME PREFIX SEED` writes one; `export_model` does that in a process of its own, once.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.deployed import load_model
from bench.mxnet_executor import bind


def export_model(name: str, folder: Path, seed: int = 0) -> str:
    """Returns the checkpoint prefix of a model, written by MXNet in a process of its own unless it is there already.

    Raises:
        KeyError: there is no such model.
        subprocess.CalledProcessError: the export failed; its output is on stderr.
    """
    load_model(name)
    prefix = folder / (name if seed == 0 else f"{name}-seed{seed}")
    if not Path(f"{prefix}-0000.params").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "bench.deployed.export", name, str(prefix), str(seed)], check=True)
    return str(prefix)


def reference_outputs(name: str, prefix: str, batch: int = 1) -> list[NDArray]:
    """Returns MXNet's outputs on a model's inputs, without its oneDNN graph rewriting; kept beside the checkpoint."""
    path = Path(f"{prefix}-reference-b{batch}.npz")
    if not path.exists():
        command = [sys.executable, "-m", "bench.deployed.export", "--reference", name, prefix, str(batch), str(path)]
        subprocess.run(command, env={**os.environ, "MXNET_SUBGRAPH_BACKEND": "NONE"}, check=True)
    with np.load(path) as file:
        return [file[key] for key in file.files]


def _export(name: str, prefix: Path, seed: int) -> None:
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    symbol, arguments, auxiliaries = load_model(name).build(mx, seed)
    as_arrays = [{key: value if isinstance(value, mx.nd.NDArray) else mx.nd.array(value, dtype=value.dtype) for key, value in part.items()}
                 for part in (arguments, auxiliaries)]
    with tempfile.TemporaryDirectory(dir=prefix.parent) as folder:
        mx.model.save_checkpoint(f"{folder}/model", 0, symbol, *as_arrays)
        for suffix in ("-symbol.json", "-0000.params"):  # the parameters last: they tell that the export is whole
            os.replace(f"{folder}/model{suffix}", f"{prefix}{suffix}")


def _write_reference(name: str, prefix: str, batch: int, path: Path) -> None:
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    feeds = load_model(name).inputs(batch)
    executor = bind(mx, prefix, {key: array.shape for key, array in feeds.items()}, {key: str(array.dtype) for key, array in feeds.items()})
    outputs = executor.forward(is_train=False, **{key: mx.nd.array(array, dtype=array.dtype) for key, array in feeds.items()})
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        np.savez(file, *(output.asnumpy() for output in outputs))
    os.replace(file.name, path)


if __name__ == "__main__":
    if sys.argv[1] == "--reference":
        _write_reference(sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]))
    else:
        _export(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
