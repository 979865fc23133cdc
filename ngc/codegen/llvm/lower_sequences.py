"""Lowers to kernels: operators on sequences of different lengths."""

from ngc.codegen.llvm.lower import Handler

HANDLERS: dict[str, Handler] = {}
