"""int8 as its user meets it: options, what it costs in accuracy and gains in time, and the search for what must stay in f32."""

from ngc.quantization.analyze import analyze_quantization
from ngc.quantization.options import QuantizationOptions, quantizer
from ngc.quantization.report import LayerReport, QuantizationReport

__all__ = ["LayerReport", "QuantizationOptions", "QuantizationReport", "analyze_quantization", "quantizer"]
