"""ONNX Runtime's static quantization: QDQ nodes, u8 activations with a zero point, s8 weights by channel, on a model that its pre-processing optimized."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.cores import has_vnni
from bench.engines import Job

FILES = (".onnx",)


def prepare() -> str:
    """Imports the tool; returns its name and version."""
    import onnxruntime

    return f"onnxruntime-{onnxruntime.__version__}"


def quantize(job: Job, batches: Sequence[NDArray[np.float32]], stem: str) -> None:
    """Writes the quantized model."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands out the batches."""

        def __init__(self) -> None:
            self._feeds: Iterator[Mapping[str, NDArray[np.float32]]] = iter([{"data": batch} for batch in batches])

        def get_next(self) -> Mapping[str, NDArray[np.float32]] | None:
            return next(self._feeds, None)

    with tempfile.TemporaryDirectory() as folder:
        optimized = f"{folder}/optimized.onnx"
        quant_pre_process(job.onnx, optimized, skip_symbolic_shape=True)  # it finds shapes that are not known: here all are
        quantize_static(optimized, f"{stem}.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=not has_vnni(),
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)  # fmt: skip
