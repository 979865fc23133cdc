"""Operators that pick elements by integers that are data: gather, one_hot and their like."""

from ngc.ir.opdef import OpDef

OPS: tuple[OpDef, ...] = ()
