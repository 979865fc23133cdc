"""Graphs as StableHLO: the text, and what jaxlib makes of it."""

from ngc.codegen.stablehlo.emit import StableHloModule, emit_stablehlo

__all__ = ["StableHloModule", "emit_stablehlo"]
