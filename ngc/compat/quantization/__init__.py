"""`mxnet.contrib.quantization`, name for name and argument for argument, for models that ngc compiles."""

import importlib.util
from typing import Any

from ngc.compat.quantization.collectors import LayerOutputCollector
from ngc.compat.quantization.model import calib_graph, quantize_graph, quantize_model, quantize_model_mkldnn
from ngc.compat.quantization.net import QuantizedBlock, quantize_net, quantize_net_v2

__all__ = [
    "LayerOutputCollector", "QuantizedBlock", "calib_graph", "quantize_graph", "quantize_model", "quantize_model_mkldnn", "quantize_net", "quantize_net_v2",
]
if importlib.util.find_spec("mxnet") is not None:
    __all__ += ["cpu"]  # scripts that import everything from MXNet's module have it from there


def __getattr__(name: str) -> Any:
    if name != "cpu":
        raise AttributeError(f"module 'ngc.compat.quantization' has no attribute {name!r}")
    from ngc.importer.mxnet_live import import_mxnet  # only who asks for a context has MXNet

    return import_mxnet().cpu
