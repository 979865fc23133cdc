"""Factorizations, inverses and triangular products of batches of matrices."""

from ngc.ir.opdef import OpDef

OPS: tuple[OpDef, ...] = ()
