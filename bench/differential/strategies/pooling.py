"""Pooling in both of its versions."""

from bench.differential.case import Case
from bench.differential.maker import Maker, volume
from bench.differential.strategies.strategy import Strategy


def _pooling(make: Maker, op: str) -> Case:
    old = op == "Pooling_v1"
    rank = 2 if old else make.pick(2, 2, 1, 3)
    kind = make.pick(None, "max", "avg", "sum", *(() if old else ("lp",)))
    whole = make.pick(None, None, False, True)
    spatial = tuple(make.size(11) for _ in range(rank))
    pad = tuple(make.integer(0, 2) for _ in range(rank))
    kernel = tuple(make.integer(1, min(4, size + 2 * before)) for size, before in zip(spatial, pad, strict=True))
    attrs = {
        "kernel": None if whole and make.chance() and not old else kernel, "stride": make.maybe(tuple(make.pick(1, 2, 3) for _ in range(rank))),
        "pad": pad if any(pad) else None, "global_pool": whole, "pooling_convention": make.pick(None, "valid", "full"),
        "pool_type": kind,
    }
    if not old:
        attrs["count_include_pad"] = make.pick(None, True, False)
        attrs["layout"] = make.pick(None, None, {1: "NCW", 2: "NCHW", 3: "NCDHW"}[rank])
        attrs["p_value"] = make.pick(1, 2, 3) if kind == "lp" else None
    # The roots of sums that cancel have no accuracy: powers are taken of positive numbers.
    low = 0.25 if kind == "lp" else -2.0
    dtype = make.pick("float32", "float32", "float64")
    data = make.input("data", (make.size(), make.size(), *spatial), dtype, low=low)
    window = spatial if whole else kernel
    # Pooling_v1 divides by the window with a float32, whatever the data.
    return make.case(make.call(op, data, **attrs), units=8 if kind == "lp" else 4, terms=volume(window),
                     magnitude=2.0 if kind == "avg" else 2.0 * volume(window), dtype="float32" if old else None)


STRATEGIES: dict[str, Strategy] = {"Pooling": _pooling, "Pooling_v1": _pooling}
