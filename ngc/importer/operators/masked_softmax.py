"""Softmax under a mask, which MXNet has since 2.0 and attention cells of GluonNLP use; as src/operator/nn/softmax-inl.h computes it on CPUs.

    masked_softmax(x, m)      =  where(m, softmax(where(m, x, lowest) / T), 0)
    masked_log_softmax(x, m)  =  where(m, log_softmax(where(m, x, lowest) / T), -inf)

`lowest` is the least finite number of x's element type. Masks are truth values of as many axes as the data, of its sizes or 1. `normalize` says whether the
GPU subtracts each row's maximum before it takes powers, which changes nothing where these do not overflow; CPUs always do.
"""

import math
from collections.abc import Callable

import numpy as np

from ngc.importer.attributes import IGNORED, Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.numpy_common import FILLED, broadcast_to, is_float
from ngc.ir import Value
from ngc.ir.tensor_type import DTYPES, format_shape

_LOWEST_BF16 = -float.fromhex("0x1.FEp127")


def _masked(op: str, outside: float) -> Callable[[Conversion], list[Value]]:
    def convert(conversion: Conversion) -> list[Value]:
        data, mask = conversion.inputs
        _check(conversion, data, mask)
        temperature = 1.0 if conversion.attrs["temperature"] is None else conversion.attrs["temperature"]
        if temperature == 0:
            raise conversion.fail("temperature = 0: expected another number")
        lowest = _LOWEST_BF16 if data.type.dtype == "bf16" else float(np.finfo(DTYPES[data.type.dtype]).min)
        kept = broadcast_to(conversion, mask, data.type.shape, "kept")
        ones = conversion.op("logical_or", data, part="ones", scalar=1.0)
        fill, rest = (conversion.op("mul", ones, part=part, scalar=number) for part, number in (("fill", lowest), ("rest", outside)))
        scores = conversion.op("where", kept, data, fill, part="scores")
        weights = conversion.op(op, scores, part="weights", axis=conversion.axis(conversion.attrs["axis"]), temperature=temperature)
        return [conversion.op("where", kept, weights, rest)]

    return convert


def _check(conversion: Conversion, data: Value, mask: Value) -> None:
    if not is_float(data) or mask.type.dtype != "bool":
        raise conversion.fail(f"data of {data.type.dtype} and a mask of {mask.type.dtype}, expected floats and bool")
    sizes, masks = data.type.shape, mask.type.shape
    if len(sizes) != len(masks) or any(own not in (size, 1) for own, size in zip(masks, sizes, strict=True)):
        raise conversion.fail(f"a mask of shape {format_shape(masks)} for data of shape {format_shape(sizes)}, expected its sizes or ones")


_SOFTMAX = {"axis": Field("int", -1), "temperature": Field("double", None, optional=True), "normalize": IGNORED}


def _operator(op: str, outside: float) -> Operator:
    return Operator(_masked(op, outside), _SOFTMAX, 2, 2, becomes=("broadcast_to", *FILLED, "where", op))


OPERATORS = {"masked_softmax": _operator("softmax", 0.0), "masked_log_softmax": _operator("log_softmax", -math.inf)}
