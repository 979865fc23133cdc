"""Writes to StableHLO: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.codegen.stablehlo.text import Emitter

EMITTERS: dict[str, Emitter] = {}
