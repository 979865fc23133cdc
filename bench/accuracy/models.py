"""The networks whose int8 forms are compared, with what they are calibrated on and what they are judged by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.accuracy.digits import SIZE, split_digits
from bench.accuracy.train import trained
from bench.calibration import zoo_calibration
from bench.zoo_models import export_zoo, input_shape, keep_array, sample_input

ZOO_NETWORKS = ("resnet18_v1", "resnet18_v2", "resnet50_v1", "resnet50_v2", "mobilenet1.0", "mobilenetv2_1.0", "vgg16", "inceptionv3", "squeezenet1.1")
"""Networks of the Gluon zoo that are compared unless others are asked for."""

ZOO_IMAGES = 16


@dataclass(frozen=True)
class Model:
    """A network that is compared.

    Attributes:
        name: of the network.
        prefix: its MXNet checkpoint.
        shape: of its input, one image.
        calibration: .npy file of the images that all engines calibrate on.
        images: .npy file of the images on which answers are compared.
        labels: of these; None where a network has not learnt anything.
    """

    name: str
    prefix: str
    shape: tuple[int, ...]
    calibration: str
    images: str
    labels: NDArray[np.int64] | None = None


def trained_model(name: str, folder: Path) -> Model:
    """Returns a network that is trained on digits, and the held-out ones."""
    prefix = trained(name, folder)
    digits = split_digits()
    calibration = keep_array(folder / f"calibration-{len(digits.calibration)}x1x{SIZE}x{SIZE}.npy", lambda: digits.calibration.images)
    images = keep_array(folder / f"held-out-{len(digits.held_out)}x1x{SIZE}x{SIZE}.npy", lambda: digits.held_out.images)
    return Model(name, prefix, (1, 1, SIZE, SIZE), calibration, images, digits.held_out.labels)


def zoo_model(name: str, folder: Path) -> Model:
    """Returns a network of the Gluon zoo with seeded weights, and seeded images."""
    prefix = export_zoo(name, folder)
    shape = input_shape(name)
    images = keep_array(folder / f"sample-{'x'.join(map(str, input_shape(name, ZOO_IMAGES)))}.npy", lambda: sample_input(name, ZOO_IMAGES))
    return Model(name, prefix, shape, zoo_calibration(name, folder), images)
