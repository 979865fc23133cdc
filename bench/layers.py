"""The convolutions that `bench.kernels` measures: those of ResNet-50 and MobileNet v2, each shape once."""

from dataclasses import dataclass

from ngc.codegen.llvm.choice import DirectSpec
from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.target import CpuTarget


@dataclass(frozen=True)
class Layer:
    """A convolution of a network: square kernel, stride, channels, square output; depthwise where `groups` equals the inputs."""

    network: str
    kernel: int
    stride: int
    inputs: int
    outputs: int
    size: int
    groups: int = 1

    def __str__(self) -> str:
        channels = f"{self.inputs} -> {self.outputs}" if self.groups == 1 else f"{self.inputs} depthwise"
        return f"{self.kernel}x{self.kernel}/{self.stride} {channels}, {self.size}x{self.size}"


def resnet50() -> list[Layer]:
    """Returns the distinct convolutions of ResNet-50, first and second version."""
    layers = [(7, 2, 3, 64, 112)]
    inputs = 64
    for size, middle in ((56, 64), (28, 128), (14, 256), (7, 512)):
        stride = 1 if size == 56 else 2
        layers += [(1, 1, inputs, middle, size * stride), (1, stride, inputs, middle, size), (3, stride, middle, middle, size),
                   (3, 1, middle, middle, size), (1, 1, middle, 4 * middle, size), (1, stride, inputs, 4 * middle, size),
                   (1, 1, 4 * middle, middle, size)]
        inputs = 4 * middle
    return [Layer("resnet50", *layer) for layer in dict.fromkeys(layers)]


def mobilenet_v2() -> list[Layer]:
    """Returns the distinct convolutions of MobileNet v2."""
    layers: list[tuple[int, ...]] = [(3, 2, 3, 32, 112)]
    inputs, size = 32, 112
    for expand, outputs, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for step in (stride, *[1] * (count - 1)):
            hidden = inputs * expand
            if expand > 1:
                layers.append((1, 1, inputs, hidden, size))
            size //= step
            layers += [(3, step, hidden, hidden, size, hidden), (1, 1, hidden, outputs, size)]
            inputs = outputs
    layers.append((1, 1, 320, 1280, 7))
    return [Layer("mobilenetv2", *layer) for layer in dict.fromkeys(layers)]


def plan(layer: Layer, target: CpuTarget, dtype: str = "f32") -> DirectSpec:
    """Returns the direct kernel of a layer with bias (u8: scale and shift) and ReLU, its input with the halo that the padding needs.

    Raises:
        CodegenError: there is no such kernel of that dtype.
    """
    lanes, pad = target.lanes(), layer.kernel // 2
    few = {"u8": 4}.get(dtype, 1)  # the block in which an image of few channels lies
    block = lanes if layer.inputs >= lanes else few
    size = layer.size * layer.stride
    last = (layer.size - 1) * layer.stride + layer.kernel - 1 - pad
    side = (pad, max(0, last - size + 1))
    # Kernels of bf16 take the taps of planes in pairs.
    row = (pad, side[1] + 1) if dtype == "bf16" and block == 1 else side
    x = Geometry(layer.inputs, block, (1, size, size), ((0, 0), side, row), dtype=dtype)
    y = Geometry(layer.outputs, lanes, (1, layer.size, layer.size), dtype=dtype)
    fields = {"x": x, "y": y, "kernel": (1, layer.kernel, layer.kernel), "stride": (1, layer.stride, layer.stride), "pad": (0, pad, pad),
              "steps": (StepSpec("affine" if dtype == "u8" else "bias"), StepSpec("relu"))}  # fmt: skip
    return DepthwiseKernel.plan(target, **fields) if layer.groups > 1 else ConvKernel.plan(target, **fields)
