"""NNCF's post-training quantization for OpenVINO: weights by channel, activations with a zero point unless a ReLU precedes them, biases corrected."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.engines import Job

FILES = (".bin", ".xml")


def prepare() -> str:
    """Imports the tool; returns its name and version."""
    import nncf

    return f"nncf-{nncf.__version__}"


def quantize(job: Job, batches: Sequence[NDArray[np.float32]], stem: str) -> None:
    """Writes the quantized model."""
    import nncf
    import openvino

    model = openvino.Core().read_model(job.onnx)
    data = nncf.Dataset(batches, lambda batch: {"data": batch})
    done = nncf.quantize(model, data, preset=nncf.QuantizationPreset.MIXED, subset_size=len(batches))
    openvino.save_model(done, Path(f"{stem}.xml"), compress_to_fp16=False)
