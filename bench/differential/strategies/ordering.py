"""Sorting and its kin, and sequences of different lengths."""

from bench.differential.case import Case
from bench.differential.maker import Maker, outputs
from bench.differential.strategies.strategy import Strategy


def _data(make: Maker, shape: tuple[int, ...], axis: object) -> str:
    """Returns data with and without ties."""
    values = make.pick("uniform", "integers", "distinct")
    batched = axis not in ("None", 0, -len(shape))
    return make.input("data", shape, make.pick("float32", "float32", "float64", "int32", "int64", "uint8"), values, -2.0 if values != "distinct" else 0.0, 2.0,
                      batched=batched)


def _topk(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    axis = make.pick(None, make.axis(len(shape)), "None")
    size = 1
    for dim in shape if axis == "None" else (shape[-1 if axis is None else int(axis)],):
        size *= dim
    kind = make.pick(None, "indices", "value", "both", "mask")
    attrs = {"k": make.pick(None, make.integer(1, size), 0), "ret_typ": kind, "is_ascend": make.pick(None, True, False),
             "dtype": make.pick(None, "int32", "float32", "int64") if kind in (None, "indices", "both") else None}
    call = make.call(op, _data(make, shape, axis), axis=axis, **attrs)
    return make.case(*outputs(call, 2 if kind == "both" else 1))


def _sort(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    axis = make.pick(None, make.axis(len(shape)), "None")
    more = {"dtype": make.pick(None, "int32", "float32", "int64")} if op == "argsort" else {}
    return make.case(make.call(op, _data(make, shape, axis), axis=axis, is_ascend=make.pick(None, True, False), **more))


def _arg(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    axis = make.pick(make.axis(len(shape)), None, "None")
    return make.case(make.call(op, _data(make, shape, "None" if axis is None else axis), axis=axis, keepdims=make.pick(None, True, False)))


def _argmax_channel(make: Maker, op: str) -> Case:
    return make.case(make.call(op, _data(make, make.shape(2, 2), 1)))


def _sequence(make: Maker, op: str) -> Case:
    shape = make.shape(2 if op == "SequenceMask" else 3, 4)
    axis = make.pick(None, 0, 1) if op != "SequenceReverse" else make.pick(None, 0)
    time = axis or 0
    data = make.input("data", shape, make.pick("float32", "float32", "float64", "int32"), batched=False)
    attrs = {"axis": axis, "value": make.pick(None, -1.0, 2.5) if op == "SequenceMask" else None}
    if make.integer(0, 3) == 3:
        return make.case(make.call(op, data, use_sequence_length=make.pick(None, False), **attrs))
    least = 0 if op == "SequenceMask" else 1
    length = make.input("length", (shape[1 - time],), make.pick("float32", "int32", "int64"), "integers", least, shape[time], batched=False)
    return make.case(make.call(op, data, length, use_sequence_length=True, **attrs))


STRATEGIES: dict[str, Strategy] = {
    "topk": _topk,
    "sort": _sort,
    "argsort": _sort,
    "argmax": _arg,
    "argmin": _arg,
    "argmax_channel": _argmax_channel,
    **dict.fromkeys(("SequenceMask", "SequenceLast", "SequenceReverse"), _sequence),
}
