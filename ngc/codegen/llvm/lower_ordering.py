"""Lowers to kernels: operators that sort, and that find the largest and smallest."""

from ngc.codegen.llvm.lower import Handler

HANDLERS: dict[str, Handler] = {}
