"""Operators that sort, and that find the largest and smallest."""

from ngc.ir.opdef import OpDef

OPS: tuple[OpDef, ...] = ()
