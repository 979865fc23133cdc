"""FCN with a ResNet-50 at an eighth of the image (Long et al., "Fully Convolutional Networks", 2015), as GluonCV exports it: with its auxiliary output."""

from functools import partial
from types import ModuleType

from bench.deployed.dilated_resnet import DEPTHS, backbone, built, fcn_head, images
from bench.deployed.model import Built, DeployedModel

SIZE = 480


def build(mx: ModuleType, seed: int, size: int = SIZE, depths: tuple[int, ...] = DEPTHS) -> Built:
    """Returns the network for square images; other sizes and fewer blocks are for tests."""
    third, fourth = backbone(mx, mx.sym.var("data"), depths)
    outputs = [fcn_head(mx, fourth, 2048, size, "head"), fcn_head(mx, third, 1024, size, "auxiliary")]
    return built(mx, mx.sym.Group(outputs), size, seed)


MODEL = DeployedModel("fcn_resnet50", build, partial(images, size=SIZE))
