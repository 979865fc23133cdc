"""Operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.ir.opdef import OpDef

OPS: tuple[OpDef, ...] = ()
