"""The shape codes of `npx.reshape`, which are others than those of the older Reshape.

    n > 0  this size            -1  what is left, once               -2  copies a dimension        -3  skips a dimension of 1
    -4     copies all that remain       -5  merges two dimensions        -6 a b  splits a dimension in two, of which one may be -1
"""

from collections.abc import Sequence

from ngc.importer.attributes import MalformedValue
from ngc.importer.operators.reshape_codes import missing_factor
from ngc.ir import Dim, Shape
from ngc.ir.tensor_type import format_shape, product

_INFER, _COPY, _SKIP, _COPY_ALL, _MERGE, _SPLIT = range(-1, -7, -1)


def xreshaped(shape: Shape, codes: Sequence[int], *, reverse: bool = False) -> Shape:
    """Returns the shape that codes make of another; with `reverse` both are read from the right.

    Raises:
        MalformedValue: the codes do not fit the shape; the message says where.
    """
    if reverse:
        if _SPLIT in codes:
            raise MalformedValue("-6 with reverse")
        return tuple(reversed(xreshaped(tuple(reversed(shape)), tuple(reversed(codes)))))
    result: list[Dim] = []
    remaining, wanted = list(shape), list(codes)

    def take(count: int = 1) -> list[Dim]:
        if len(remaining) < count:
            raise MalformedValue("there are fewer dimensions than the codes take")
        taken = remaining[:count]
        del remaining[:count]
        return taken

    inferred: int | None = None
    while wanted:
        code = wanted.pop(0)
        if code == _COPY:
            result += take()
        elif code == _SKIP:
            if take() != [1]:
                raise MalformedValue("-3 skips a dimension of 1")
        elif code == _COPY_ALL:
            result += take(len(remaining))
        elif code == _MERGE:
            result.append(product(take(2)))
        elif code == _SPLIT:
            result += _split(take()[0], wanted)
        elif code > 0 or code == _INFER:
            if code == _INFER and inferred is not None:
                raise MalformedValue("-1 stands for one size only")
            inferred = len(result) if code == _INFER else inferred
            result.append(1 if code == _INFER else code)
            del remaining[:1]
        else:
            raise MalformedValue(f"{code} is no code; expected sizes and -1 to -6")
    if inferred is not None:
        result[inferred] = missing_factor(product(shape), product(result), shape)
    if product(result) != product(shape):
        raise MalformedValue(f"{format_shape(result)} has not as many elements")
    return tuple(result)


def _split(dim: Dim, wanted: list[int]) -> list[Dim]:
    """Returns the two dimensions that one is split into, by the next two codes."""
    if len(wanted) < 2 or any(size < 1 and size != _INFER for size in wanted[:2]) or wanted[:2] == [_INFER, _INFER]:
        raise MalformedValue("-6 is followed by two sizes, one of which may be -1")
    first, second = wanted[:2]
    del wanted[:2]
    parts: list[Dim] = [missing_factor(dim, second, (dim,)) if first == _INFER else first, missing_factor(dim, first, (dim,)) if second == _INFER else second]
    if product(parts) != dim:
        raise MalformedValue(f"-6 splits a dimension of {dim} into {first} and {second}")
    return parts
