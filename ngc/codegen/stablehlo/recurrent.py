"""Writes to StableHLO: recurrent layers."""

from ngc.codegen.stablehlo.text import Emitter

EMITTERS: dict[str, Emitter] = {}
