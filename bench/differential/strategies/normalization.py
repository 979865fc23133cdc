"""Normalizations and dropout."""

from bench.differential.case import Case
from bench.differential.maker import FLOATS, Maker, outputs, volume
from bench.differential.strategies.strategy import Strategy


def _batch_norm(make: Maker, op: str) -> Case:
    shape = make.shape(2, 5)
    axis = make.maybe(make.axis(len(shape))) if op == "BatchNorm" else None
    channels = shape[1 if axis is None else axis]
    dtype = "float32"
    data = make.input("data", shape, dtype)
    gamma, beta = make.weight("gamma", (channels,), dtype), make.weight("beta", (channels,), dtype)
    mean = make.input("moving_mean", (channels,), dtype, low=-1.0, high=1.0, param=True)
    var = make.input("moving_var", (channels,), dtype, low=0.25, high=2.0, param=True)
    attrs = {"eps": make.pick(None, 1e-5, 2e-5, 0.1), "fix_gamma": make.maybe(make.chance()), "use_global_stats": make.pick(None, True),
             "momentum": make.pick(None, 0.99), "axis": axis}
    several = make.chance() and op != "_contrib_SyncBatchNorm"
    key = {"key": "bn"} if op == "_contrib_SyncBatchNorm" else {}
    call = make.call(op, data, gamma, beta, mean, var, output_mean_var=True if several else None, **attrs, **key)
    return make.case(*outputs(call, 3 if several else 1), units=8, magnitude=16.0)


def _lrn(make: Maker, op: str) -> Case:
    shape = make.shape(4, 4)
    data = make.input("data", shape, make.pick("float32", "float32", "float64"))
    size = make.pick(1, 3, 5, 7)
    return make.case(make.call(op, data, nsize=size, alpha=make.pick(None, 0.5), beta=make.pick(None, 0.5, 1.0), knorm=make.pick(None, 1.0)), units=16)


def _dropout(make: Maker, op: str) -> Case:
    data = make.input("data", make.shape(), make.pick(*FLOATS))
    return make.case(make.call(op, data, p=make.pick(None, 0.0, 0.3), mode=make.pick(None, "training"), axes=make.pick(None, (0,))))


def _layer_norm(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 4), make.pick("float32", "float32", "float64")
    axis = make.maybe(make.axis(len(shape)))
    size = shape[-1 if axis is None else axis]
    inputs = [make.input("data", shape, dtype), make.weight("gamma", (size,), dtype), make.weight("beta", (size,), dtype)]
    several = make.chance()
    call = make.call(op, *inputs, axis=axis, eps=make.pick(None, 1e-3, 0.125), output_mean_var=True if several else None)
    # What is divided by the deviation can be as small as the root of eps makes it.
    return make.case(*outputs(call, 3 if several else 1), units=16, terms=size, magnitude=64.0 if several else 16.0 * size**0.5)


def _group_norm(make: Maker, op: str) -> Case:
    shape = make.shape(3, 5)
    groups = 1
    if op == "GroupNorm":
        groups = make.pick(1, 2, 3)
        shape = (shape[0], groups * make.pick(1, 2, 3), *shape[2:])
    channels = (groups,) if op == "GroupNorm" else (shape[1],)
    inputs = [make.input("data", shape), make.weight("gamma", channels), make.weight("beta", channels)]
    attrs = {"num_groups": make.pick(None, 1) if groups == 1 else groups} if op == "GroupNorm" else {}
    terms = volume(shape[1:])
    return make.case(make.call(op, *inputs, eps=make.pick(None, 1e-3, 0.125), **attrs), units=16, terms=terms, magnitude=16.0 * terms**0.5)


def _l2_normalization(make: Maker, op: str) -> Case:
    shape = make.shape(2, 4)
    data = make.input("data", shape, make.pick("float32", "float32", "float64"))
    call = make.call(op, data, mode=make.pick(None, "instance", "channel", "spatial"), eps=make.pick(None, 0.0625))
    return make.case(call, units=8, terms=volume(shape[1:]), magnitude=1.0)


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(("BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm"), _batch_norm),
    "LayerNorm": _layer_norm,
    "InstanceNorm": _group_norm,
    "GroupNorm": _group_norm,
    "L2Normalization": _l2_normalization,
    "LRN": _lrn,
    "Dropout": _dropout,
}
