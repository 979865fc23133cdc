"""Recurrent layers."""

from ngc.ir.opdef import OpDef

OPS: tuple[OpDef, ...] = ()
