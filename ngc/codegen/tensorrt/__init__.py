"""TensorRT engines of regions: a region becomes ONNX, TensorRT's parser makes a network of that, its builder a plan.

Two libraries stand behind one interface, `provider`: TensorRT, which builds for the GPU at hand, and TensorRT for RTX, which builds for named compute
capabilities on any machine.
"""

from ngc.codegen.tensorrt.build import build_tensorrt
from ngc.codegen.tensorrt.provider import PROVIDERS, Provider, load_library

__all__ = ["PROVIDERS", "Provider", "build_tensorrt", "load_library"]
