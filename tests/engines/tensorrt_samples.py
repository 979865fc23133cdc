"""Graphs of one operator each, of every kind and element type that the IR has, for asking TensorRT itself what it takes."""

from math import inf, nan

from ngc.ir import Shape, SymDim
from ngc.ir.ops.elementwise import BINARY
from ngc.ir.ops.reduce import REDUCTIONS
from ngc.ir.unary import UNARY
from tests.operator_samples import FAMILIES
from tests.operator_samples.sample import ALL, Sample

N = SymDim()


def _image(rank: int, channels: int = 4, size: int = 6) -> Shape:
    return (N, channels, *(size,) * rank)


def _spatial(rank: int) -> list[Sample]:
    image, kernel, ones = _image(rank), (3,) * rank, (1,) * rank
    conv, deconv = f"conv{rank}d", f"deconv{rank}d"
    pools = [{"kind": kind, "kernel": kernel, "stride": (2,) * rank, "pad": ones, "convention": convention, "count_include_pad": counted}
             for kind in ("max", "avg", "sum", "lp") for convention in ("valid", "full") for counted in (False, True)]
    return [
        Sample(conv, (image, (6, 4, *kernel)), {"pad": ones}, 1), Sample(conv, (image, (6, 4, *kernel)), {"dilate": (2,) * rank}),
        Sample(conv, (image, (4, 1, *kernel)), {"groups": 4, "pad": ones, "pad_end": (0,) * rank, "stride": (2,) * rank}, 1),
        Sample(deconv, (image, (4, 6, *kernel)), {"stride": (2,) * rank, "pad": ones, "adj": ones}, 1), Sample(deconv, (image, (4, 3, *kernel)), {"groups": 2}),
        Sample(deconv, (image, (4, 3, *kernel)), {"dilate": (2,) * rank}, 1), Sample(deconv, (image, (4, 3, *kernel)), {"adj": (3,) * rank}, 1),
        *(Sample("pool", (image,), attrs) for attrs in pools),
        *(Sample("pool", (image,), {"kind": kind, "kernel": (6,) * rank, "stride": ones, "pad": (0,) * rank}) for kind in ("max", "avg", "sum", "lp")),
        *(Sample("pool", (image,), {"kind": "lp", "p": p, "kernel": kernel, "stride": ones, "pad": (0,) * rank}) for p in (1, 3)),
        Sample("upsample", (image,), {"scale": (2,) * rank}), Sample("upsample", (image,), {"scale": (1, 2, 3)[:rank]}),
        *(Sample("group_norm", (image, (4,), (4,)), {"groups": groups}, 2) for groups in (1, 2, 4)),
        Sample("lrn", (image,), {"size": 3}), Sample("lrn", (image,), {"size": 5, "alpha": 0.5, "beta": 0.5, "knorm": 1.0}),
        *(Sample("batch_norm", (image, (4,), (4,), (4,), (4,)), {"fix_gamma": fixed}, constants) for fixed in (False, True) for constants in (0, 4)),
        *(Sample("pad", (image,), {"widths": (0, 0, 0, 0, *(1, 2) * rank), "mode": mode}) for mode in ("constant", "edge", "reflect")),
        Sample("pad", (image,), {"widths": (0, 0, 1, 1, *(0, 0) * rank), "value": 2.0}),
        Sample("prelu", (image, (4,)), {}, 1), Sample("prelu", (image, (1,)), {}, 1), Sample("prelu", (image, (4,))),
    ]


_GLOBAL = {"stride": (1, 1), "pad": (0, 0)}
_MATRIX = (N, 8)
_CUBE = (N, 4, 6)

SAMPLES: tuple[Sample, ...] = (
    *(sample for rank in (1, 2, 3) for sample in _spatial(rank)),
    *(Sample(name, (shape,), {"a_min": -1.0, "a_max": 2.0} if name == "clip" else {}) for name in UNARY for shape in (_MATRIX, _image(2))),
    *(Sample(name, shapes, attrs) for name in BINARY
      for shapes, attrs in (((_CUBE, _CUBE), {}), ((_CUBE, (1, 4, 1)), {}), ((_CUBE,), {"scalar": 2.0}), ((_CUBE,), {"scalar": 2.0, "reverse": True}))),
    *(Sample(name, (_image(2),), {"axes": axes, "keepdims": keepdims}) for name in REDUCTIONS
      for axes, keepdims in (((1,), True), ((2, 3), False), ((0,), True))),
    *(Sample(name, (_CUBE,), {"axis": axis, "temperature": temperature}) for name in ("softmax", "log_softmax") for axis, temperature in ((1, 1.0), (-1, 2.0))),
    *(Sample(name, (_image(2),)) for name in ("identity", "dropout", "eltwise")),
    Sample("dense", (_MATRIX, (5, 8)), {}, 1), Sample("dense", (_CUBE, (5, 6)), {}, 1), Sample("dense", (_MATRIX, (5, 8))),
    Sample("separable_conv2d", (_image(2), (4, 1, 3, 3), (5, 4, 1, 1)), {"groups": 4}, 2),
    Sample("batch_norm", (_MATRIX, (8,), (8,), (8,), (8,)), {}, 4), Sample("batch_norm", (_CUBE, (6,), (6,), (6,), (6,)), {"axis": 2}, 4),
    Sample("prelu", (_MATRIX, (8,)), {}, 1),
    Sample("where", (_CUBE, _CUBE, _CUBE)), Sample("where", ((N,), _CUBE, _CUBE)),
    *(Sample("cast", (_MATRIX,), {"dtype": dtype}) for dtype in ALL),
    Sample("reshape", (_CUBE,), {"shape": (N, 24)}), Sample("reshape", (_CUBE,), {"shape": (4 * N, 6)}),
    Sample("reshape", ((N, 1, 2, 1, 3, 2, 2, 1, 1),), {"shape": (N, 24)}),
    Sample("transpose", (_CUBE,), {"axes": (0, 2, 1)}), Sample("transpose", (_CUBE,), {"axes": (1, 2, 0)}),
    Sample("concat", (_CUBE, _CUBE), {"axis": 1}), Sample("concat", (_CUBE, _CUBE), {"axis": 0}),
    Sample("slice", (_CUBE,), {"begin": (None, 1, 4), "end": (None, 3, 0), "step": (None, 1, -2)}),
    Sample("slice", (_CUBE,), {"begin": (None, 1, None), "end": (None, 4, None), "step": (None, 2, None)}),
    Sample("broadcast_to", ((N, 1, 6),), {"shape": (N, 4, 6)}), Sample("broadcast_to", ((4, 1),), {"shape": (2, 4, 6)}),
    *(Sample("lrn", (_image(2, 20),), {"size": 3, name: value}) for name, values in
      {"size": (15, 17), "alpha": (1e20, 1e30), "beta": (0.01, 0.005, 2e5), "knorm": (1e-5, 1e-6, 1e11)}.items() for value in values),
    *(Sample(f"deconv{len(stride)}d", (_image(len(stride)), (4, 2, *(3,) * len(stride))), {"stride": stride, "dilate": dilate}, 1)
      for stride, dilate in (((2,), (2,)), ((2, 1), (1, 2)), ((2, 2), (1, 1)), ((1, 2, 1), (2, 1, 1)))),
    *(Sample(name, ((N,),), {"axis": 0}) for name in ("softmax", "log_softmax")),
    *(Sample("upsample", ((N, 1, *(2,) * (rank - 2)),), {"scale": (2,) * (rank - 2)}) for rank in (5, 6)),
    *(Sample("clip", (_MATRIX,), {"a_min": low, "a_max": high}) for low, high in ((-inf, inf), (0.0, inf), (2.0, -1.0))),
    *(Sample(name, (_MATRIX,), {"scalar": scalar}) for name in ("add", "div", "power", "mod", "equal") for scalar in (inf, nan, 0.0, -3.5)),
    Sample("transpose", ((1, 2, 1, 3, 1, 2, 1, 2),), {"axes": (7, 6, 5, 4, 3, 2, 1, 0)}), Sample("concat", ((N, 2),) * 70, {"axis": 1}),
    Sample("reduce_max", (_image(2),), {"axes": (0, 1, 2, 3)}), Sample("pool", (_image(2, 1, 400),), {**_GLOBAL, "kind": "avg", "kernel": (400, 400)}),
    Sample("pool", (_image(2),), {"kind": "max", "kernel": (2, 2), "stride": (1, 1), "pad": (3, 3)}),
    Sample("conv2d", (_image(2, 2, 90), (2, 2, 70, 70)), {"stride": (40, 40), "pad": (50, 50)}, 1), Sample("dense", ((8,), (5, 8)), {}, 1),
    Sample("pad", ((4, 3),), {"widths": (1, 0, 0, 2), "mode": "reflect"}), Sample("batch_norm", ((4, 2), (4,), (4,), (4,), (4,)), {"axis": 0}, 4),
    *(Sample("quantize", (_CUBE,), {"scales": scales, "axis": axis, "zero_point": zero, "dtype": dtype})
      for scales, axis in (((0.1,), None), ((0.1, 0.2, 0.3, 0.4), 1)) for zero in (0, 3) for dtype in ("i8", "u8")),
    *(Sample("dequantize", (_CUBE,), {"scales": scales, "axis": axis, "zero_point": zero, "dtype": dtype})
      for scales, axis in (((0.1,), None), ((0.1, 0.2, 0.3, 0.4), 1)) for zero in (0, 3) for dtype in ("f32", "f16")),
    *(sample for family in FAMILIES for sample in family.TENSORRT),
)
"""Every operator that has a form in ONNX, and some that have none."""
