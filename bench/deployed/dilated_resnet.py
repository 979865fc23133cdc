"""ResNet-50 V1b with dilated last stages: the backbone of fully convolutional networks, whose map is an eighth of the image.

Bottlenecks have their stride in the 3x3 convolution. Where a stage would halve the map, its 3x3 convolutions are dilated instead, by 2 in the third and by 4
in the fourth; the first block of a stage has the dilation of the stage before.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bench.deployed.model import Built
from bench.deployed.seeding import seeded
from bench.zoo_models import sample_images

DEPTHS = (3, 4, 6, 3)
"""Bottlenecks of each stage of ResNet-50."""

CLASSES = 21
"""Those of Pascal VOC with the background."""


def conv_norm(mx: ModuleType, x: Any, filters: int, kernel: int, name: str, *, stride: int = 1, dilation: int = 1, relu: bool = True) -> Any:
    """Returns a convolution that keeps the size of a map (at stride 1), batch-normalized, then cut at zero."""
    pad = kernel // 2 * dilation
    x = mx.sym.Convolution(x, num_filter=filters, kernel=(kernel, kernel), stride=(stride, stride), dilate=(dilation, dilation), pad=(pad, pad),
                           no_bias=True, name=f"{name}_conv")
    x = mx.sym.BatchNorm(x, fix_gamma=False, eps=1e-5, name=f"{name}_bn")
    return mx.sym.Activation(x, act_type="relu", name=f"{name}_relu") if relu else x


def _bottleneck(mx: ModuleType, x: Any, width: int, name: str, stride: int, dilation: int, project: bool) -> Any:
    y = conv_norm(mx, x, width, 1, f"{name}_reduce")
    y = conv_norm(mx, y, width, 3, f"{name}_middle", stride=stride, dilation=dilation)
    y = conv_norm(mx, y, 4 * width, 1, f"{name}_expand", relu=False)
    shortcut = conv_norm(mx, x, 4 * width, 1, f"{name}_shortcut", stride=stride, relu=False) if project else x
    return mx.sym.Activation(y + shortcut, act_type="relu", name=f"{name}_relu")


def backbone(mx: ModuleType, data: Any, depths: tuple[int, ...] = DEPTHS) -> tuple[Any, Any]:
    """Returns the maps of the third stage, of 1024 channels, and of the fourth, of 2048."""
    x = conv_norm(mx, data, 64, 7, "stem", stride=2)
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max", name="stem_pool")
    maps = []
    stages = zip(depths, (64, 128, 256, 512), (1, 2, 1, 1), (1, 1, 1, 2), (1, 1, 2, 4), strict=True)
    for stage, (depth, width, stride, first, dilation) in enumerate(stages, 1):
        for block in range(depth):
            x = _bottleneck(mx, x, width, f"stage{stage}_block{block}", stride if block == 0 else 1, first if block == 0 else dilation, block == 0)
        maps.append(x)
    return maps[2], maps[3]


def fcn_head(mx: ModuleType, x: Any, channels: int, size: int, name: str) -> Any:
    """Returns the classes of each pixel of the image: a 3x3 convolution to a quarter of the channels, a classifier, and resizing."""
    x = mx.sym.Dropout(conv_norm(mx, x, channels // 4, 3, name), p=0.1, name=f"{name}_dropout")
    return resized(mx, mx.sym.Convolution(x, num_filter=CLASSES, kernel=(1, 1), name=f"{name}_classes"), size, name)


def resized(mx: ModuleType, x: Any, size: int, name: str) -> Any:
    """Returns a map at the size of the image."""
    return mx.sym.contrib.BilinearResize2D(x, height=size, width=size, name=f"{name}_resize")


def images(batch: int, size: int) -> dict[str, np.ndarray]:
    """Returns seeded images."""
    return {"data": sample_images(np.random.default_rng(1), (batch, 3, size, size))}


def built(mx: ModuleType, symbol: Any, size: int, seed: int) -> Built:
    """Returns a segmentation network with seeded weights; of four images, since an average over an image is one number to a batch norm."""
    return seeded(mx, symbol, images(4, size), seed)
