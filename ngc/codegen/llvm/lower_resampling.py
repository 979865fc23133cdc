"""Lowers to kernels: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.codegen.llvm.lower import Handler

HANDLERS: dict[str, Handler] = {}
