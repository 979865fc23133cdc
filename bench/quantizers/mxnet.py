"""MXNet's quantizer with its oneDNN backend: layers are fused, then quantized; ranges from minimum and maximum, u8 where nothing is negative, else s8."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.engines import Job

FILES = ("-symbol.json", "-0000.params")


def prepare() -> str:
    """Imports the tool; returns its name and version."""
    from ngc.importer.mxnet_live import import_mxnet

    return f"mxnet-{import_mxnet().__version__}"


def quantize(job: Job, batches: Sequence[NDArray[np.float32]], stem: str) -> None:
    """Writes the quantized checkpoint."""
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    from mxnet.contrib.quantization import quantize_model_mkldnn

    symbol, arguments, auxiliaries = mx.model.load_checkpoint(job.prefix, 0)
    images = np.concatenate(batches)
    done = quantize_model_mkldnn(
        symbol, arguments, auxiliaries, data_names=["data"], label_names=None, ctx=mx.cpu(), calib_mode="naive",
        calib_data=mx.io.NDArrayIter(images, batch_size=job.shape[0]), num_calib_examples=len(images), quantized_dtype="auto",
        quantize_mode="smart", quantize_granularity="channel-wise", logger=logging.getLogger(__name__),
    )  # fmt: skip
    mx.model.save_checkpoint(stem, 0, *done)
