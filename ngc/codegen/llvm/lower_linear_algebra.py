"""Lowers to kernels: factorizations, inverses and triangular products of batches of matrices."""

from ngc.codegen.llvm.lower import Handler

HANDLERS: dict[str, Handler] = {}
