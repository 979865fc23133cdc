"""Lowers to kernels: recurrent layers."""

from ngc.codegen.llvm.lower import Handler

HANDLERS: dict[str, Handler] = {}
