"""The check that an input's halo covers what the taps of a convolution read, so that kernels need not test for borders."""

from ngc.codegen.llvm.kernel import Geometry, Spatial
from ngc.errors import CodegenError


def require_halo(what: str, x: Geometry, out: Spatial, kernel: Spatial, stride: Spatial, dilation: Spatial, pad: Spatial) -> None:
    """Checks that every tap of every output lies inside the input or its halo.

    Raises:
        CodegenError: one does not; the message says what is read along which dimension, and which halo would do.
    """
    for name, count, k, s, d, p, size, halo in zip(("depth", "height", "width"), out, kernel, stride, dilation, pad, x.spatial, x.halo, strict=True):
        last = (count - 1) * s + (k - 1) * d - p
        if count and (-p < -halo[0] or last > size - 1 + halo[1]):
            raise CodegenError(f"{what} reads [{-p}, {last}] along {name} of an input of {size} with a halo of {halo}; "
                               f"a halo of ({max(0, p)}, {max(0, last - size + 1)}) or more would do")
