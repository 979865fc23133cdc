"""DeepLabV3 with a ResNet-50 at an eighth of the image (Chen et al., "Rethinking Atrous Convolution", 2017), as GluonCV exports it."""

from functools import partial
from types import ModuleType
from typing import Any

from bench.deployed.dilated_resnet import CLASSES, DEPTHS, backbone, built, conv_norm, fcn_head, images, resized
from bench.deployed.model import Built, DeployedModel

SIZE = 480
RATES = (12, 24, 36)
"""Dilations of the pyramid at an eighth of the image."""


def _pyramid(mx: ModuleType, x: Any, size: int) -> Any:
    """Returns what 1x1, dilated 3x3 convolutions and the average of the map say of each place, side by side, and joined by a 1x1 convolution."""
    branches = [conv_norm(mx, x, 256, 1, "pyramid_point")]
    branches += [conv_norm(mx, x, 256, 3, f"pyramid_rate{rate}", dilation=rate) for rate in RATES]
    average = mx.sym.contrib.AdaptiveAvgPooling2D(x, output_size=1, name="pyramid_average")
    branches.append(resized(mx, conv_norm(mx, average, 256, 1, "pyramid_image"), size, "pyramid_image"))
    joined = conv_norm(mx, mx.sym.concat(*branches, dim=1, name="pyramid"), 256, 1, "pyramid_join")
    return mx.sym.Dropout(joined, p=0.5, name="pyramid_dropout")


def build(mx: ModuleType, seed: int, size: int = SIZE, depths: tuple[int, ...] = DEPTHS) -> Built:
    """Returns the network for square images; other sizes and fewer blocks are for tests."""
    third, fourth = backbone(mx, mx.sym.var("data"), depths)
    x = conv_norm(mx, _pyramid(mx, fourth, -(-size // 8)), 256, 3, "head")
    x = mx.sym.Convolution(mx.sym.Dropout(x, p=0.1, name="head_dropout"), num_filter=CLASSES, kernel=(1, 1), name="head_classes")
    return built(mx, mx.sym.Group([resized(mx, x, size, "head"), fcn_head(mx, third, 1024, size, "auxiliary")]), size, seed)


MODEL = DeployedModel("deeplab_resnet50", build, partial(images, size=SIZE))
