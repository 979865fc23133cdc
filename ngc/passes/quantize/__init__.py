"""int8: what multiplies and is stored as integers (`plan`), how steps, weights and nodes are rewritten for that, and what became of each layer."""

from ngc.passes.quantize.convert import Quantize

__all__ = ["Quantize"]
