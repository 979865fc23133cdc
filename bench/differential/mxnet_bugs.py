"""MXNet's own bugs that the cases met: wrong results, and calls that end its process. ngc does not repeat them."""

import re
from collections import Counter
from math import prod

import numpy as np

from bench.differential.case import Call, Case, Input
from bench.differential.known import Known, gives, one
from ngc.importer.attributes import MalformedValue
from ngc.importer.operators.reshape_codes import reshaped


def _asks_for_another_size(case: Case) -> bool:
    """Whether a Reshape's codes make a shape of another number of elements than there are."""
    attrs, source = dict(case.calls[0].attrs), case.inputs[0].shape
    codes = [int(code) for code in re.findall(r"-?\d+", attrs.get("shape", ""))]
    try:
        return bool(codes) and prod(reshaped(source, codes, reverse=attrs.get("reverse") == "True")) != prod(source)
    except MalformedValue:
        return True


def _softmax_reads_groups(case: Case) -> bool:
    """Whether a softmax reads a grouped convolution that something else reads too, or that is returned."""
    readers = Counter(name for call in case.calls for name in call.inputs) + Counter(case.heads)
    grouped = {call.name for call in case.calls if call.op == "Convolution" and dict(call.attrs).get("num_group", "1") != "1" and readers[call.name] > 1}
    return any(call.op == "softmax" and grouped & {*call.inputs} for call in case.calls)


_RETURNED_CONVOLUTION = Case(
    (Call("relu", "n0", ("data",)),
     Call("Convolution", "n1", ("n0", "w1", "w2"), (("num_filter", "8"), ("num_group", "2"), ("kernel", "(1, 1)"), ("no_bias", "False"),
                                                    ("stride", "(1, 1)"), ("pad", "(0, 0)"))),
     Call("softmax", "n2", ("n1",), (("axis", "3"),)), Call("relu", "n3", ("n2",)), Call("relu", "n4", ("n3",)), Call("relu", "n5", ("n3",))),
    (Input("data", (1, 8, 4, 4), batched=True), Input("w1", (8, 4, 1, 1), low=-0.5, high=0.5, param=True), Input("w2", (8,), low=-1.0, high=1.0, param=True)),
    ("n5", "n1"),
)


def _too_long(case: Case) -> bool:
    """Whether a length is above the dimension that softmax goes over."""
    shape, arrays = case.inputs[0].shape, case.arrays()
    return bool(arrays["length"].max() > shape[int(dict(case.calls[0].attrs).get("axis", "-1"))])


def _mean_wraps(case: Case) -> bool:
    """Whether the sum or the count of whole numbers may be above what their type holds."""
    data = case.inputs[0]
    if not data.dtype.startswith(("int", "uint")):
        return False
    sums = np.abs(case.arrays()[data.name].astype(np.float64)).sum()
    return bool(max(sums, prod(data.shape)) > np.iinfo(data.dtype).max)


MXNET_BUGS: tuple[Known, ...] = (
    Known(
        "with `target_shape`, oneDNN's kernels pad by the `pad` and `adj` given instead of those that follow from it",
        ("Deconvolution",), ("differs", "unsteady", "accepts"),
        one("Deconvolution", Input("data", (1, 1, 2)), Input("weight", (1, 1, 3), param=True),
            num_filter="1", kernel="(3,)", stride="(3,)", pad="(2,)", target_shape="(4,)"),
        applies=lambda case: gives(case, "target_shape"),
    ),
    Known(
        "dilation with a stride is wrong in the native kernels, which float64 takes; oneDNN's are right",
        ("Deconvolution",), ("differs", "unsteady"),
        one("Deconvolution", Input("data", (1, 1, 1, 2), "float64"), Input("weight", (1, 1, 1, 2), "float64", param=True),
            num_filter="1", kernel="(1, 2)", stride="(1, 2)", dilate="(1, 2)"),
        applies=lambda case: case.inputs[0].dtype == "float64" and gives(case, "dilate"),
    ),
    Known(
        "oneDNN's ReLU and leaky ReLU make 0 of NaN; MXNet's native kernels, the operator `relu` and ngc keep it",
        ("Activation", "LeakyReLU"), ("differs",),
        one("Activation", Input("data", (1,), values="nan"), act_type="relu"),
        "ngc has nan, MXNet -?0.0",
    ),
    Known(
        "softmax over the last axis only, where MXNet documents and its native kernels compute it over all axes but the first",
        ("SoftmaxOutput",), ("differs",),
        one("SoftmaxOutput", Input("data", (1, 1, 2, 1)), Input("label", (1, 1, 2), label=True)),
        applies=lambda case: len(case.inputs[0].shape) > 2 and ("multi_output", "True") not in case.calls[0].attrs,
    ),
    Known(
        "a length above the dimension sums what lies past it",
        ("softmax",), ("differs", "unsteady", "aborts"),
        one("softmax", Input("data", (2, 3)), Input("length", (2,), "int32", "integers", 4, 4), use_length="True"),
        applies=lambda case: gives(case, "use_length") and _too_long(case),
    ),
    Known(
        "a window past the end of the padding has the maximum -inf, in `Pooling` -3.4028235e38, which ngc gives for both",
        ("Pooling_v1",), ("differs",),
        one("Pooling_v1", Input("data", (1, 1, 2, 1)), kernel="(1, 1)", stride="(2, 1)", pooling_convention="full"),
        "MXNet -inf",
    ),
    Known(
        "an average over padding alone, which counts nothing, is NaN; ngc gives 0",
        ("Pooling",), ("differs",),
        one("Pooling", Input("data", (1, 1, 1, 1, 1), "float64"), kernel="(1, 1, 1)", pad="(0, 0, 1)", pool_type="avg", count_include_pad="False"),
        "ngc has 0.0, MXNet -?nan",
    ),
    Known(
        "several new dimensions repeated at once change from run to run",
        ("tile",), ("unsteady", "differs"),
        one("tile", Input("data", (3,)), reps="(3, 3, 3, 3)"),
        applies=lambda case: len(dict(case.calls[0].attrs)["reps"].split(",")) >= len(case.inputs[0].shape) + 2,
    ),
    Known(
        "whole numbers divided by zero end the process",
        ("elemwise_div", "broadcast_div", "_div_scalar", "_rdiv_scalar"), ("aborts",),
        one("_div_scalar", Input("data", (1,), "int32"), scalar="0.0"),
        "SIGFPE",
    ),
    Known(
        "on CPUs, several inputs are written past their ends, and float16 has no kernel",
        ("amp_multicast",), ("aborts", "accepts", "unsteady"),
        one("amp_multicast", Input("data", (1,), "float16"), num_outputs="1"),
    ),
    Known(
        "where -1 stands with -4 or -2, the inferred size goes to its place among the codes, not its place in the result; the result is then read past the "
        "data's end, or the process ends",
        ("Reshape",), ("aborts", "accepts", "differs", "unsteady"),
        one("Reshape", Input("data", (1, 1, 1)), shape="(0, -1, -4, 0, 0)", reverse="True"),
        applies=lambda case: gives(case, "shape") and {"-1"} < set(re.findall(r"-[124]", dict(case.calls[0].attrs)["shape"])),
    ),
    Known(
        "a shape of another size is found out when the data is written past its end",
        ("Reshape",), ("aborts", "unsteady"),
        one("Reshape", Input("data", (1 << 20,)), shape="(1,)"),
        applies=_asks_for_another_size,
    ),
    Known(
        "a grouped convolution that a softmax and somebody else read may end the process",
        ("Convolution",), ("aborts",), _RETURNED_CONVOLUTION,
        "Segmentation fault", _softmax_reads_groups,
    ),
    Known(
        "the mean of whole numbers takes their sum and their count in their own type: both wrap, and of 8 bits 256 is a count of 0",
        ("mean",), ("aborts", "differs"),
        one("mean", Input("data", (256,), "int8")),
        applies=_mean_wraps,
    ),
    Known(
        "a squeezed piece of an array of one dimension has none, though MXNet has no such arrays",
        ("_split_v2", "SliceChannel"), ("differs",),
        one("_split_v2", Input("data", (1,)), indices="[0]", axis="0", squeeze_axis="True"),
        r"MXNet has \w+\[\]",
    ),
    Known(
        "a dilated kernel larger than the padded data is not noticed",
        ("Convolution_v1",), ("aborts", "unsteady"),
        one("Convolution_v1", Input("data", (1, 1, 1, 1)), Input("weight", (1, 1, 3, 1), param=True),
            num_filter="1", kernel="(3, 1)", stride="(2, 1)", dilate="(2, 1)", pad="(1, 0)", no_bias="True"),
        "SIGFPE",
    ),
    Known(
        "data of two dimensions ends the process",
        ("_unravel_index",), ("aborts",),
        one("_unravel_index", Input("data", (600, 700), "int32", "integers", 0, 6), shape="(7,)"),
    ),
    Known(
        "of equal numbers, sorted over all axes, any comes first; elsewhere the one with the lower index does, as in ngc always",
        ("topk", "argsort"), ("differs", "unsteady"),
        one("argsort", Input("data", (32,), "int32", "integers", 0, 1), axis="None"),
        applies=lambda case: ("axis", "None") in case.calls[0].attrs,
    ),
    Known(
        "the middle of an odd number of rows or columns is left unset, unless the result shares the data's memory",
        ("_image_flip_left_right", "_image_flip_top_bottom"), ("differs", "unsteady"),
        one("_image_flip_left_right", Input("data", (3, 5, 1), "uint8", high=255.0)),
    ),
    Known(
        "a float16 range with a step below one is all zeros",
        ("_arange", "_npi_arange"), ("differs",),
        one("_arange", start="0.0", stop="1.0", step="0.5", dtype="float16"),
        applies=lambda case: ("dtype", "float16") in case.calls[0].attrs,
    ),
    Known(
        "the constant of the conversion is a float32, for float64 data too",
        ("degrees", "radians", "_npi_degrees", "_npi_radians"), ("differs",),
        one("degrees", Input("data", (1,), "float64")),
        applies=lambda case: case.inputs[0].dtype == "float64",
    ),
    Known(
        "the widths of one dimension, ((before, after),), are not understood",
        ("_npi_pad",), ("accepts",),
        one("_npi_pad", Input("data", (1,)), pad_width="((0, 0),)", mode="constant"),
        "Check failed: i >= 0 && i < nd",
    ),
)
"""Each with the smallest case; docs/operators.md lists them."""
