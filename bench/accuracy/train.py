"""Checkpoints of networks that MXNet trained on digits. `python -m bench.accuracy.train NAME PREFIX` trains one."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.accuracy.digits import split_digits
from bench.accuracy.networks import NETWORKS
from examples.digits_network import export, fit

EPOCHS = {"resnet_v1": 16, "resnet_v2": 16, "mobilenet_v2": 16, "vgg": 24}
"""How often each network sees the training digits: enough for 97 % of the held-out ones and more."""


def trained(name: str, folder: Path) -> str:
    """Returns the checkpoint prefix of a network, trained in a process of its own unless it is there already.

    Raises:
        subprocess.CalledProcessError: the training failed; its output is on stderr.
    """
    prefix = folder / name
    if not Path(f"{prefix}-0000.params").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "bench.accuracy.train", name, str(prefix)], check=True)
    return str(prefix)


def _train(name: str, prefix: str) -> None:
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    net = NETWORKS[name](mx)
    fit(mx, net, split_digits().train, EPOCHS[name])
    with tempfile.TemporaryDirectory(dir=Path(prefix).parent) as folder:
        export(net, f"{folder}/model")
        for suffix in ("-symbol.json", "-0000.params"):  # the parameters last: they tell that the checkpoint is whole
            os.replace(f"{folder}/model{suffix}", f"{prefix}{suffix}")


if __name__ == "__main__":
    _train(sys.argv[1], sys.argv[2])
