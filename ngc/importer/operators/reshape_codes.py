"""The codes of MXNet's Reshape: 0 copies, -1 infers, -2 copies the rest, -3 merges two, -4 splits one."""

from collections.abc import Sequence

from ngc.errors import VerifyError
from ngc.importer.attributes import MalformedValue
from ngc.ir import Dim, Shape
from ngc.ir.tensor_type import format_shape, product


def reshaped(source: Shape, codes: Sequence[int], *, reverse: bool = False) -> Shape:
    """Returns the shape that the codes make of a source shape; `reverse` reads both from the right.

    Raises:
        MalformedValue: the codes do not fit the source.
    """
    if reverse:
        return tuple(reversed(reshaped(tuple(reversed(source)), tuple(reversed(codes)))))
    result: list[Dim] = []
    inferred: int | None = None
    position = 0
    code_position = 0

    def take() -> Dim:
        nonlocal position
        if position >= len(source):
            raise MalformedValue(f"the codes consume more dimensions than the data's {len(source)}")
        position += 1
        return source[position - 1]

    while code_position < len(codes):
        code = codes[code_position]
        code_position += 1
        match code:
            case 0:
                result.append(take())
            case -1:
                if inferred is not None:
                    raise MalformedValue("-1 may stand once")
                inferred = len(result)
                result.append(1)
                position += 1
            case -2:
                result.extend(source[position:])
                position = len(source)
            case -3:
                result.append(product((take(), take())))
            case -4:
                result.extend(_split(take(), codes[code_position : code_position + 2]))
                code_position += 2
            case _ if code > 0:
                result.append(code)
                position += 1
            case _:
                raise MalformedValue(f"unknown code {code}, expected a size or 0 to -4")
    if inferred is not None:
        result[inferred] = missing_factor(product(source), product(result), source)
    return tuple(result)


def _split(dim: Dim, parts: Sequence[int]) -> tuple[Dim, Dim]:
    if len(parts) != 2 or 0 in parts or min(parts) < -1 or tuple(parts) == (-1, -1):
        raise MalformedValue(f"-4 must be followed by two sizes, one of which may be -1; found {list(parts)}")
    left, right = parts
    if left == -1:
        return missing_factor(dim, right, (dim,)), right
    if right == -1:
        return left, missing_factor(dim, left, (dim,))
    if left * right != dim:
        raise MalformedValue(f"-4 cannot split {dim} into {left} times {right}")
    return left, right


def missing_factor(total: Dim, known: Dim, source: Shape) -> Dim:
    """Returns total / known, which must be a size (or a multiple of the batch)."""
    reason = MalformedValue(f"-1 cannot be inferred: {known} does not divide {total}, the size of {format_shape(source)}")
    try:
        if isinstance(total, int) and isinstance(known, int):
            if known == 0 or total % known:
                raise reason
            return total // known
        return total // known  # type: ignore[operator]  # an int over a SymDim raises TypeError
    except (VerifyError, TypeError) as error:
        raise reason from error
