"""Operator records, one file a family; `ngc.ir.opdef.opdefs()` gathers them."""
