"""Writes to StableHLO: products of matrices that are data, and attention."""

from ngc.codegen.stablehlo.text import Emitter

EMITTERS: dict[str, Emitter] = {}
