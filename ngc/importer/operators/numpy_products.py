"""MXNet's numpy names: products of tensors, each as one product of matrices between transposes and reshapes."""

from collections.abc import Sequence

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator, named_outputs
from ngc.importer.operators.einsum import Subscripts, parse_subscripts
from ngc.importer.operators.numpy_common import is_float
from ngc.importer.operators.positions import diagonal
from ngc.ir import Dim, Value
from ngc.ir.tensor_type import product

_PRODUCT = ("matmul", "transpose", "reshape", "mul")


def contract(conversion: Conversion, a: Value, b: Value, a_axes: Sequence[int], b_axes: Sequence[int], part: str = "") -> Value:
    """Returns the sum over pairs of axes of a * b: the other axes of a, then those of b."""
    a_kept = [axis for axis in range(a.type.rank) if axis not in a_axes]
    b_kept = [axis for axis in range(b.type.rank) if axis not in b_axes]
    outer: list[Dim] = [*(a.type.shape[axis] for axis in a_kept), *(b.type.shape[axis] for axis in b_kept)]
    depth = product(a.type.shape[axis] for axis in a_axes)
    left = conversion.reshape(conversion.transpose(a, [*a_kept, *a_axes], f"{part}lhs_turned"), (product(outer[:len(a_kept)]), depth), part=f"{part}lhs")
    right = conversion.reshape(conversion.transpose(b, [*b_axes, *b_kept], f"{part}rhs_turned"), (depth, product(outer[len(a_kept):])), part=f"{part}rhs")
    return conversion.reshape(conversion.op("matmul", left, right, part=f"{part}product"), outer, part=part)


def _matmul(conversion: Conversion) -> list[Value]:
    """Vectors are a row on the left and a column on the right, which the result does not have."""
    a, b = conversion.inputs
    if not a.type.rank or not b.type.rank:
        raise conversion.fail("matmul of an operand without dimensions")
    left = conversion.reshape(a, (1, *a.type.shape), part="row") if a.type.rank == 1 else a
    right = conversion.reshape(b, (*b.type.shape, 1), part="column") if b.type.rank == 1 else b
    if left is a and right is b:
        return [conversion.op("matmul", a, b)]
    result = conversion.op("matmul", left, right, part="product")
    shape = list(result.type.shape)
    if b.type.rank == 1:
        del shape[-1]
    if a.type.rank == 1:
        del shape[-1 if b.type.rank == 1 else -2]
    return [conversion.reshape(result, shape)]


def _dot(conversion: Conversion) -> list[Value]:
    """Sums over the last axis of a and the last but one of b, or its only one; of a scalar it is the product."""
    a, b = conversion.inputs
    if not a.type.rank or not b.type.rank:
        return [conversion.op("mul", a, b)]
    return [contract(conversion, a, b, (a.type.rank - 1,), (max(b.type.rank - 2, 0),))]


def _tensordot(conversion: Conversion) -> list[Value]:
    a, b = conversion.inputs
    axes = conversion.axes(conversion.attrs["a_axes_summed"]), conversion.axes(conversion.attrs["b_axes_summed"], b.type.rank)
    if [a.type.shape[axis] for axis in axes[0]] != [b.type.shape[axis] for axis in axes[1]]:
        raise conversion.fail(f"axes {axes[0]} and {axes[1]} have other sizes")
    return [contract(conversion, a, b, *axes)]


def _tensordot_int(conversion: Conversion) -> list[Value]:
    a, b, count = *conversion.inputs, conversion.attrs["axes"]
    if count > min(a.type.rank, b.type.rank):
        raise conversion.fail(f"axes = {count} of operands of {a.type.rank} and {b.type.rank} dimensions")
    return [contract(conversion, a, b, range(a.type.rank - count, a.type.rank), range(count))]


def _einsum(conversion: Conversion) -> list[Value]:
    """Joins the operands from the left, two at a time; what only one operand has and nothing later needs is summed first."""
    try:
        subscripts = parse_subscripts(conversion.attrs["subscripts"], [value.type.rank for value in conversion.inputs])
    except ValueError as error:
        raise conversion.fail(f"subscripts = {conversion.attrs['subscripts']!r}: {error}") from error
    if conversion.data.type.dtype == "bool":
        raise conversion.fail("einsum of truth values")
    operands = _without_repeats(conversion, subscripts)
    current, value = operands[0]
    for number, operand in enumerate(operands[1:], 1):
        later = {label for labels, _ in operands[number + 1:] for label in labels} | set(subscripts.result)
        current, value = _joined(conversion, (current, value), operand, later, f"pair{number}_")
    return [_arranged(conversion, value, current, subscripts)]


def _without_repeats(conversion: Conversion, subscripts: Subscripts) -> list[tuple[str, Value]]:
    """Returns the operands with their labels, without axes of 1 that are repeated to another operand's size: products do not depend on where they are."""
    pairs = [_diagonals(conversion, labels, value, f"operand{number}_")
             for number, (labels, value) in enumerate(zip(subscripts.operands, conversion.inputs, strict=True))]
    wide = {label for labels, value in pairs for label, dim in zip(labels, value.type.shape, strict=True) if dim != 1}
    operands = []
    for number, (labels, value) in enumerate(pairs):
        kept = [(label, dim) for label, dim in zip(labels, value.type.shape, strict=True) if dim != 1 or label not in wide]
        shaped = conversion.reshape(value, [dim for _, dim in kept], part=f"operand{number}")
        operands.append(("".join(label for label, _ in kept), shaped))
    return operands


def _diagonals(conversion: Conversion, labels: str, value: Value, part: str) -> tuple[str, Value]:
    """Returns an operand with its axes of one label made one, the last: what they have where both are at the same place."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first, second = labels.index(label), labels.rindex(label)
            if value.type.shape[first] != value.type.shape[second]:
                raise conversion.fail(f"{labels} gives the label {label} the sizes {value.type.shape[first]} and {value.type.shape[second]}")
            rest = [axis for axis in range(len(labels)) if axis not in (first, second)]
            value = diagonal(conversion, value, 0, first, second, f"{part}{label}{len(labels)}")
            labels = "".join(labels[axis] for axis in rest) + label
    return labels, value


def _arranged(conversion: Conversion, value: Value, labels: str, subscripts: Subscripts) -> Value:
    """Returns a value with exactly the axes of the result, in their order."""
    labels, value = _summed(conversion, labels, value, set(subscripts.result), "rest")
    order = tuple(labels.index(label) for label in subscripts.result)
    return conversion.op("identity", value) if order == tuple(range(len(order))) else conversion.op("transpose", value, axes=order)


def _summed(conversion: Conversion, labels: str, value: Value, needed: set[str], part: str) -> tuple[str, Value]:
    """Returns a value summed over the axes whose labels nothing needs."""
    axes = tuple(axis for axis, label in enumerate(labels) if label not in needed)
    if not axes:
        return labels, value
    return "".join(label for label in labels if label in needed), conversion.op("reduce_sum", value, part=part, axes=axes, keepdims=False)


def _joined(conversion: Conversion, a: tuple[str, Value], b: tuple[str, Value], later: set[str], part: str) -> tuple[str, Value]:
    """Returns two operands multiplied and summed over what both have and nothing later needs: batches of products of matrices."""
    left_labels, left = _summed(conversion, *a, later | set(b[0]), f"{part}lhs_sum")
    right_labels, right = _summed(conversion, *b, later | set(left_labels), f"{part}rhs_sum")
    shared = [label for label in left_labels if label in right_labels]
    batch, inner = [label for label in shared if label in later], [label for label in shared if label not in later]
    rows, columns = ([label for label in labels if label not in shared] for labels in (left_labels, right_labels))
    sizes = {**dict(zip(right_labels, right.type.shape, strict=True)), **dict(zip(left_labels, left.type.shape, strict=True))}
    if any(sizes[label] != right.type.shape[right_labels.index(label)] for label in shared):
        raise conversion.fail(f"{left_labels} and {right_labels} give one label two sizes")

    labels = "".join((*batch, *rows, *columns))
    if not inner or not is_float(left):  # the product of every row with every column; products of matrices are of floats
        left = conversion.transpose(left, [left_labels.index(label) for label in (*batch, *rows, *inner)], f"{part}lhs_turned")
        right = conversion.transpose(right, [right_labels.index(label) for label in (*batch, *columns, *inner)], f"{part}rhs_turned")
        left = conversion.reshape(left, [sizes[label] if label not in columns else 1 for label in (*labels, *inner)], part=f"{part}lhs")
        right = conversion.reshape(right, [sizes[label] if label not in rows else 1 for label in (*labels, *inner)], part=f"{part}rhs")
        return _summed(conversion, "".join((labels, *inner)), conversion.op("mul", left, right, part=f"{part}product"), set(labels), f"{part}sum")

    def grouped(value: Value, own: str, groups: Sequence[Sequence[str]], name: str) -> Value:
        turned = conversion.transpose(value, [own.index(label) for group in groups for label in group], f"{part}{name}_turned")
        return conversion.reshape(turned, [product(sizes[label] for label in group) for group in groups], part=f"{part}{name}")

    result = conversion.op("matmul", grouped(left, left_labels, (batch, rows, inner), "lhs"), grouped(right, right_labels, (batch, inner, columns), "rhs"),
                           part=f"{part}product")
    return labels, conversion.reshape(result, [sizes[label] for label in labels], part=f"{part}joined")


OPERATORS = {
    "_npi_matmul": Operator(_matmul, None, 2, 2, outputs=named_outputs("out"), becomes=("matmul", "reshape")),
    "_np_dot": Operator(_dot, None, 2, 2, any_rank=True, becomes=_PRODUCT),
    "_npi_tensordot": Operator(_tensordot, {"a_axes_summed": Field("shape"), "b_axes_summed": Field("shape")}, 2, 2, becomes=_PRODUCT),
    "_npi_tensordot_int_axes": Operator(_tensordot_int, {"axes": Field("int", low=0)}, 2, 2, becomes=_PRODUCT),
    "_npi_einsum": Operator(_einsum, {"subscripts": Field("str"), "num_args": Field("int", 1), "optimize": Field("int", 0)}, 1, None,
                            becomes=("matmul", "mul", "transpose", "reshape", "slice", "reduce_sum", "identity")),
}
