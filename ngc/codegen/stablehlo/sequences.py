"""Writes to StableHLO: operators on sequences of different lengths."""

from ngc.codegen.stablehlo.text import Emitter

EMITTERS: dict[str, Emitter] = {}
