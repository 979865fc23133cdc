"""Lowers to kernels: products of matrices that are data, and attention."""

from ngc.codegen.llvm.lower import Handler

HANDLERS: dict[str, Handler] = {}
