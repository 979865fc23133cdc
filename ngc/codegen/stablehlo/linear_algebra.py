"""Writes to StableHLO: factorizations, inverses and triangular products of batches of matrices."""

from ngc.codegen.stablehlo.text import Emitter

EMITTERS: dict[str, Emitter] = {}
