"""Operators on sequences of different lengths."""

from ngc.ir.opdef import OpDef

OPS: tuple[OpDef, ...] = ()
