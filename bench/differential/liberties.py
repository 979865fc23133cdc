"""Where ngc differs from MXNet 1.9.1 on purpose: mostly limits of MXNet's kernels that are none of what its operators mean."""

from bench.differential.case import Input
from bench.differential.known import Known, one

_WIDE = Input("data", (1, 1, 1, 1), "float64")

LIBERTIES: tuple[Known, ...] = (
    Known(
        "element types that MXNet's kernel of the operator was not built for", (), ("accepts",),
        one("LRN", _WIDE, nsize="1"),
        "data type do not match specified type|[Uu]nsupported (data )?type|not supported for|unknown type for MKLDNN|only support floating point types|"
        "Do not support `int`",
    ),
    Known(
        "padding as wide as the kernel, which oneDNN refuses and MXNet's native kernels compute", ("Pooling",), ("accepts",),
        one("Pooling", Input("data", (1, 1, 1, 1)), kernel="(1, 1)", pad="(0, 1)"),
        r"pad_\w\[\d\] < kernel",
    ),
    Known(
        "dilated deconvolutions for which oneDNN has no kernel", ("Deconvolution",), ("accepts",),
        one("Deconvolution", Input("data", (1, 1, 1, 1, 2)), Input("weight", (1, 1, 1, 1, 2), param=True),
            num_filter="1", kernel="(1, 1, 2)", dilate="(1, 1, 2)"),
        "dilated deconvolution|Dilate is not supported",
    ),
    Known(
        "data of 3 and 5 dimensions", ("BatchNorm_v1",), ("accepts",),
        one("BatchNorm_v1", Input("data", (1, 1, 1)), *(Input(name, (1,), param=True) for name in ("gamma", "beta", "moving_mean", "moving_var"))),
        "dimension do not match target dimension",
    ),
    Known(
        "axes whose sizes agree already; MXNet wants ones", ("broadcast_like",), ("accepts",),
        one("broadcast_like", Input("lhs", (2,)), Input("rhs", (2,)), lhs_axes="(0,)", rhs_axes="(0,)"),
        "cannot be broadcasted",
    ),
    Known(
        "negative axes with lengths", ("softmax",), ("accepts",),
        one("softmax", Input("data", (1, 2)), Input("length", (2,), "int32", "integers", 1, 1), use_length="True", axis="-2"),
        "must be in range",
    ),
    Known(
        "what MXNet writes into its first operand only, which nobody else may read then", ("_scatter_set_nd",), ("accepts",),
        one("_scatter_set_nd", Input("lhs", (2,)), Input("rhs", (1,)), Input("indices", (1, 1), "int32", "integers", 0, 1), shape="(2,)"),
        r"inputs\[0\].dptr_ == outputs\[0\].dptr_",
    ),
    Known(
        "repetitions along more dimensions than MXNet's broadcasting has", ("tile", "repeat"), ("accepts",),
        one("tile", Input("data", (2, 2, 2, 2)), reps="(2, 2, 2)"),
        "Too many reduction axes",
    ),
    Known(
        "the sign of NaN is NaN, as in numpy and the formats of the engines; MXNet gives 0", ("sign", "_npi_sign"), ("differs",),
        one("sign", Input("data", (1,), values="nan")),
        "ngc has nan, MXNet 0.0",
    ),
    Known(
        "softrelu of large numbers has all digits of float64; MXNet's is the number itself from 20 on", ("Activation", "_npx_activation"), ("differs",),
        one("Activation", Input("data", (9,), "float64", low=21.0, high=30.0), act_type="softrelu"),
        "", lambda case: case.inputs[0].dtype == "float64" and ("act_type", "softrelu") in case.calls[0].attrs,
    ),
    Known(
        "whole numbers over zero are 0, as in other divisions, which end MXNet's process", ("_rdiv_scalar",), ("differs",),
        one("_rdiv_scalar", Input("data", (1,), "int64", "integers", 0, 0), scalar="1.0"),
        "ngc has 0, MXNet -(9223372036854775808|2147483648)",
    ),
    Known(
        "narrowing casts of automatic mixed precision leave the data as it is, as MXNet does when it saves a model", ("amp_cast",), ("differs",),
        one("amp_cast", Input("data", (1,)), dtype="float16"),
        r"float\d+\[.*MXNet has float16",
    ),
)
"""Each with the smallest case; docs/operators.md lists them."""
