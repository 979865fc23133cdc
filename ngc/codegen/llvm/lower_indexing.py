"""Lowers to kernels: operators that pick elements by integers that are data: gather, one_hot and their like."""

from ngc.codegen.llvm.lower import Handler

HANDLERS: dict[str, Handler] = {}
