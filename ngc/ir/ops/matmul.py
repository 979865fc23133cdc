"""Products of matrices that are data, and attention."""

from ngc.ir.opdef import OpDef

OPS: tuple[OpDef, ...] = ()
