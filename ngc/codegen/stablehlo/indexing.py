"""Writes to StableHLO: operators that pick elements by integers that are data: gather, one_hot and their like."""

from ngc.codegen.stablehlo.text import Emitter

EMITTERS: dict[str, Emitter] = {}
