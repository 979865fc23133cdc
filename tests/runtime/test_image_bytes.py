"""Engine images as arrays of bytes."""

import numpy as np
import pytest

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensor_spec import TensorSpec
from ngc.errors import ArtifactError
from ngc.ir import SymDim
from ngc.runtime.image_bytes import image_array, read_image

IMAGE = EngineImage("region", "neuron", (TensorSpec("x", (SymDim(), 3), "f32"),), (TensorSpec("y", (2,), "bf16"),),
                    {"stablehlo": b"module {}", "hlo": bytes(range(256)), "log": b""}, ("w", "b"), {"family": "trn1", "seconds": 0.5})


def test_an_image_is_read_back_the_same() -> None:
    array = image_array(IMAGE)
    assert (array.dtype, array.ndim) == (np.uint8, 1)
    assert read_image(array, "p") == IMAGE


@pytest.mark.parametrize(("array", "message"), [
    (np.zeros(100, np.uint8), "^parameter 'p' holds no engine that ngc compiled; one of MXNet-Neuron's runs on its own runtime only$"),
    (np.zeros(100, np.float32), "holds no engine that ngc compiled"),
    (image_array(IMAGE)[:20], "holds no engine that ngc compiled"),
    (image_array(IMAGE)[:60], "the header of the engine is damaged"),
    (image_array(IMAGE)[:-1], r"the engine has \d+ bytes instead of \d+: truncated or damaged$")])
def test_other_bytes_are_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        read_image(array, "p")
