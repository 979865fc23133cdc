"""Names that MXNet gives to operators and their inputs: aliases, input names, auxiliary states."""

from collections.abc import Mapping
from types import MappingProxyType

# Canonical name: the other names that symbol files and hand-written JSON use for the same operator.
_ALIASES: dict[str, str] = {
    "Activation": "_npx_activation",
    "BatchNorm": "_npx_batch_norm",
    "BlockGrad": "stop_gradient",
    "Cast": "cast _npi_cast _npx_cast",
    "Concat": "concat",
    "Convolution": "_npx_convolution",
    "Deconvolution": "_npx_deconvolution",
    "Dropout": "_npx_dropout",
    "Embedding": "_npx_embedding",
    "Flatten": "flatten _npx_batch_flatten",
    "FullyConnected": "_npx_fully_connected",
    "GroupNorm": "_npx_group_norm",
    "InstanceNorm": "_npx_instance_norm",
    "LayerNorm": "_npx_layer_norm",
    "LeakyReLU": "_npx_leaky_relu",
    "Pad": "pad",
    "Pooling": "_npx_pooling",
    "RNN": "_npx_rnn",
    "ROIPooling": "_npx_roi_pooling",
    "Reshape": "reshape",
    "SequenceMask": "_npx_sequence_mask",
    "SliceChannel": "split",
    "SoftmaxOutput": "Softmax",
    "SwapAxis": "swapaxes _npi_swapaxes",
    "_contrib_MultiBoxDetection": "_npx_multibox_detection",
    "_contrib_MultiBoxPrior": "_npx_multibox_prior",
    "_contrib_DeformableConvolution": "_npx_deformable_convolution",
    "_contrib_ModulatedDeformableConvolution": "_npx_modulated_deformable_convolution",
    "_contrib_arange_like": "_npx_arange_like",
    "_contrib_boolean_mask": "_npi_boolean_mask",
    "_contrib_box_nms": "_contrib_box_non_maximum_suppression",
    "_copy": "identity _CrossDeviceCopy",
    "_equal": "_Equal",
    "_full": "_npi_full",
    "_greater": "_Greater",
    "_greater_equal": "_Greater_Equal",
    "_histogram": "_npi_histogram",
    "_hypot": "_Hypot",
    "_hypot_scalar": "_npi_hypot_scalar",
    **{f"_image_{name}": f"_npx__image_{name}" for name in ("crop", "flip_left_right", "flip_top_bottom", "normalize", "resize", "to_tensor")},
    "_lesser": "_Lesser",
    "_lesser_equal": "_Lesser_Equal",
    "_linalg_gemm": "linalg_gemm",
    "_linalg_gemm2": "linalg_gemm2",
    "_linalg_syrk": "linalg_syrk",
    "_linspace": "_npi_linspace",
    "_logical_and": "_Logical_And",
    "_logical_or": "_Logical_Or",
    "_logical_xor": "_Logical_Xor",
    "_maximum": "_Maximum",
    "_maximum_scalar": "_npi_maximum_scalar",
    "_minimum": "_Minimum",
    "_minimum_scalar": "_npi_minimum_scalar",
    "_mod": "_Mod",
    "_not_equal": "_Not_Equal",
    "_np_all": "_npi_all",
    "_np_any": "_npi_any _np_sometrue",
    "_np_atleast_1d": "_npi_atleast_1d",
    "_np_atleast_2d": "_npi_atleast_2d",
    "_np_atleast_3d": "_npi_atleast_3d",
    "_np_copy": "_npi_copy",
    "_np_diag": "_npi_diag",
    "_np_diagflat": "_npi_diagflat",
    "_np_diagonal": "_npi_diagonal",
    "_np_dot": "_npi_dot",
    "_np_max": "_npi_max _np_amax",
    "_np_min": "_npi_min _np_amin",
    "_np_moveaxis": "_npi_moveaxis",
    "_np_prod": "_npi_prod _np_product",
    "_np_roll": "_npi_roll",
    "_np_squeeze": "_npi_squeeze",
    "_np_sum": "_npi_sum",
    "_np_trace": "_npi_trace",
    "_np_transpose": "_npi_transpose",
    "_npi_absolute": "_npi_abs",
    "_npx_nonzero": "_npi_nonzero",
    "_npx_reshape": "_npi_reshape",
    "_power": "_Power",
    "_minus_scalar": "_scatter_minus_scalar",
    "_plus_scalar": "_scatter_plus_scalar",
    "_ravel_multi_index": "ravel_multi_index",
    "_scatter_set_nd": "_npi_scatter_set_nd",
    "_slice_assign": "_crop_assign _npi_slice_assign",
    "_slice_assign_scalar": "_crop_assign_scalar _npi_slice_assign_scalar",
    "_rnn_param_concat": "_npi_rnn_param_concat",
    "_split_v2": "_npi_split",
    "_unravel_index": "unravel_index",
    "add_n": "ElementWiseSum",
    "argsort": "_npi_argsort",
    "batch_dot": "_npx_batch_dot",
    "broadcast_add": "broadcast_plus",
    "broadcast_axis": "broadcast_axes",
    "broadcast_maximum": "_npi_maximum",
    "broadcast_minimum": "_npi_minimum",
    "broadcast_sub": "broadcast_minus",
    "clip": "_npi_clip",
    "cumsum": "_np_cumsum _npi_cumsum",
    "elemwise_add": "_Plus _add _plus",
    "elemwise_div": "_Div _div _scatter_elemwise_div",
    "elemwise_mul": "_Mul _mul",
    "elemwise_sub": "_Minus _minus _sub",
    "erf": "_npx_erf",
    "erfinv": "_npx_erfinv",
    "expand_dims": "_npi_expand_dims",
    "gamma": "_npx_gamma",
    "gammaln": "_npx_gammaln",
    "gather_nd": "_npi_gather_nd _npx_gather_nd",
    "log_softmax": "_npx_log_softmax",
    "masked_log_softmax": "_npx_masked_log_softmax",
    "masked_softmax": "_npx_masked_softmax",
    "max": "max_axis",
    "min": "min_axis",
    "one_hot": "_npx_one_hot",
    "pick": "_npx_pick choose_element_0index",
    "relu": "_npx_relu",
    "round": "_contrib_round_ste",
    "repeat": "_np_repeat",
    "reshape_like": "_npx_reshape_like",
    "reverse": "flip",
    "shape_array": "_npx_shape_array",
    "sigmoid": "_npx_sigmoid",
    "sign": "_contrib_sign_ste",
    "slice": "_npi_slice _npx_slice crop",
    "smooth_l1": "_npx_smooth_l1",
    "softmax": "_npx_softmax",
    "sort": "_npi_sort",
    "sum": "sum_axis",
    "take": "_npi_take",
    "stack": "_npi_stack",
    "tile": "_npi_tile",
    "topk": "_npx_topk",
}

_MATRIX_OPERATORS = (
    "det extractdiag extracttrian gelqf inverse makediag maketrian potrf potri slogdet sumlogdiag syevd trmm trsm"
)

_SCALAR_OPERATORS = (
    "plus minus rminus mul div rdiv mod rmod power rpower maximum minimum hypot equal not_equal greater "
    "greater_equal lesser lesser_equal logical_and logical_or logical_xor"
)


def _camel(name: str) -> str:
    """Returns the CamelCase spelling of old files: rminus -> RMinus, not_equal -> NotEqual."""
    if name in ("rminus", "rdiv", "rmod", "rpower"):
        return "R" + name[1:].capitalize()
    return "".join(word.capitalize() for word in name.split("_"))


def _alias_table() -> dict[str, str]:
    table = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}
    table.update({f"linalg_{name}": f"_linalg_{name}" for name in _MATRIX_OPERATORS.split()})
    table.update({"_npi_cholesky": "_linalg_potrf", "_npi_inv": "_linalg_inverse", "_npi_det": "_linalg_det", "_npi_slogdet": "_linalg_slogdet"})
    table.update({f"_{_camel(name)}Scalar": f"_{name}_scalar" for name in _SCALAR_OPERATORS.split()})
    return table


_CANONICAL: Mapping[str, str] = MappingProxyType(_alias_table())


_SPARSE_ALONE = frozenset({"_sparse_adagrad_update", "_sparse_retain"})
"""Operators that MXNet has for sparse storage alone; other names with this prefix are aliases."""


def canonical_operator(op: str) -> str:
    """Returns the name that MXNet 1.x writes for an operator, whichever of its aliases is given."""
    if op.startswith("_sparse_") and op not in _SPARSE_ALONE:
        op = op.removeprefix("_sparse_")
    return _CANONICAL.get(op, op)


_BATCH_NORM_INPUTS = ("data", "gamma", "beta", "moving_mean", "moving_var")

_INPUT_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "BatchNorm": _BATCH_NORM_INPUTS,
        "BatchNorm_v1": _BATCH_NORM_INPUTS,
        "_contrib_SyncBatchNorm": _BATCH_NORM_INPUTS,
        "CuDNNBatchNorm": _BATCH_NORM_INPUTS,
        "Convolution": ("data", "weight", "bias"),
        "Convolution_v1": ("data", "weight", "bias"),
        "Deconvolution": ("data", "weight", "bias"),
        "FullyConnected": ("data", "weight", "bias"),
        "Embedding": ("data", "weight"),
        "GroupNorm": ("data", "gamma", "beta"),
        "InstanceNorm": ("data", "gamma", "beta"),
        "LeakyReLU": ("data", "gamma"),
        "LinearRegressionOutput": ("data", "label"),
        "LogisticRegressionOutput": ("data", "label"),
        "MAERegressionOutput": ("data", "label"),
        "RNN": ("data", "parameters", "state", "state_cell", "sequence_length"),
        "SVMOutput": ("data", "label"),
        "SoftmaxOutput": ("data", "label"),
    }
)

LABEL_OPERATORS = frozenset(
    {
        "LinearRegressionOutput",
        "LogisticRegressionOutput",
        "MAERegressionOutput",
        "SVMOutput",
        "SoftmaxOutput",
    }
)
"""Operators whose second input is the label of a training loss and has no part in inference."""


def parameter_inputs(op: str, attrs: Mapping[str, str]) -> range:
    """Returns which inputs of an operator are parameters by their nature: weights, biases, statistics."""
    if op in LABEL_OPERATORS:
        return range(0)
    if op == "UpSampling" and attrs.get("sample_type") == "bilinear":
        return range(1, 2)
    if op == "RNN":
        return range(1, 2)  # its states may be inputs
    return range(1, len(input_names(op, attrs)))


_AUX_INPUTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "BatchNorm": (3, 4),
        "BatchNorm_v1": (3, 4),
        "_contrib_SyncBatchNorm": (3, 4),
        "CuDNNBatchNorm": (3, 4),
        "_contrib_quantized_batch_norm": (3, 4),
    }
)

FUSED_OPERATORS = frozenset(
    {"_sg_mkldnn_conv", "_sg_mkldnn_fully_connected", "_sg_onednn_conv", "_sg_onednn_fully_connected"}
)
"""Operators that hold a subgraph, whose variables are their first inputs, in order."""

ENGINE_OPERATORS: Mapping[str, str] = MappingProxyType({"_neuron_subgraph_op": "neuron", "_TensorRT": "tensorrt"})
"""Operators that hold a part of the symbol for an engine, with the kind of engine."""


CONTROL_OPERATORS = frozenset({"_foreach", "_while_loop", "_cond"})
"""Operators whose subgraphs are run any number of times."""


def aux_inputs(op: str) -> tuple[int, ...]:
    """Returns which inputs of a (canonical) operator are auxiliary states."""
    return _AUX_INPUTS.get(op, ())


def _is_true(attrs: Mapping[str, str], key: str, *, default: bool) -> bool:
    return attrs.get(key, str(default)).strip().lower() in ("true", "1")


def input_names(op: str, attrs: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the names of all inputs that an operator takes; empty where old files leave none out."""
    names = _INPUT_NAMES.get(op, ())
    if op in ("Convolution", "Convolution_v1", "Deconvolution", "FullyConnected"):
        without_bias = _is_true(attrs, "no_bias", default=op == "Deconvolution")
        return names[:2] if without_bias else names
    if op == "LeakyReLU":
        return names if attrs.get("act_type", "leaky") == "prelu" else names[:1]
    if op == "RNN":
        absent = {"state_cell": attrs.get("mode") != "lstm", "sequence_length": not _is_true(attrs, "use_sequence_length", default=False)}
        return tuple(name for name in names if not absent.get(name, False))
    return names
