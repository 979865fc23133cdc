"""Writes to StableHLO: operators that sort, and that find the largest and smallest."""

from ngc.codegen.stablehlo.text import Emitter

EMITTERS: dict[str, Emitter] = {}
