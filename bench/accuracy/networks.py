"""Small networks of the Gluon zoo's families, for one-channel images of 32x32 and ten classes."""

from collections.abc import Callable
from typing import Any


def resnet_v1(mx: Any) -> Any:
    """Returns a residual network: the sum of a block passes its ReLU before the next block."""
    resnet = mx.gluon.model_zoo.vision.resnet
    return resnet.ResNetV1(resnet.BasicBlockV1, [2, 2, 2], [32, 32, 64, 128], classes=10)


def resnet_v2(mx: Any) -> Any:
    """Returns a pre-activation residual network: sums stay as they are, batch norm and ReLU stand at the beginning of the branches."""
    resnet = mx.gluon.model_zoo.vision.resnet
    return resnet.ResNetV2(resnet.BasicBlockV2, [2, 2, 2], [32, 32, 64, 128], classes=10)


def mobilenet_v2(mx: Any) -> Any:
    """Returns a network of inverted residuals: expanded by 1x1 convolutions, depthwise 3x3 convolutions, ReLU6, linear bottlenecks."""
    nn = mx.gluon.nn
    mobilenet = mx.gluon.model_zoo.vision.mobilenet
    net = nn.HybridSequential(prefix="mobilenetv2_")
    with net.name_scope():
        net.add(nn.Conv2D(32, 3, 2, 1, use_bias=False), nn.BatchNorm(), mobilenet.RELU6())
        for inputs, outputs, expansion, stride in ((32, 16, 1, 1), (16, 24, 6, 2), (24, 24, 6, 1), (24, 40, 6, 2), (40, 40, 6, 1)):
            net.add(mobilenet.LinearBottleneck(inputs, outputs, expansion, stride))
        net.add(nn.Conv2D(160, 1, use_bias=False), nn.BatchNorm(), mobilenet.RELU6())
        net.add(nn.GlobalAvgPool2D(), nn.Conv2D(10, 1, use_bias=False), nn.Flatten())
    return net


def vgg(mx: Any) -> Any:
    """Returns a plain network: pairs of 3x3 convolutions with batch norms, max pooling between them, three dense layers."""
    nn = mx.gluon.nn
    net = nn.HybridSequential(prefix="vgg_")
    with net.name_scope():
        for channels in (16, 32, 64):
            for _ in range(2):
                net.add(nn.Conv2D(channels, 3, 1, 1), nn.BatchNorm(), nn.Activation("relu"))
            net.add(nn.MaxPool2D(2, 2))
        net.add(nn.Flatten(), nn.Dense(128, activation="relu"), nn.Dense(128, activation="relu"), nn.Dense(10))
    return net


NETWORKS: dict[str, Callable[[Any], Any]] = {"resnet_v1": resnet_v1, "resnet_v2": resnet_v2, "mobilenet_v2": mobilenet_v2, "vgg": vgg}
"""Networks by name; each is built from MXNet's module."""
