"""MXNet's quantizer for symbols, name for name and argument for argument, on ngc's calibration.

What comes back is the symbol as it was, with the quantization recorded in it, and the parameters as they were: `ngc.compile` finds the
record, in the object or in files, and quantizes weights itself, per output channel.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ngc.compat.contexts import check_cpu
from ngc.compat.quantization.calibrating import Shapes, calibrated_ranges, check_limits, limited, ranges_by_value
from ngc.compat.quantization.collectors import LayerOutputCollector, collected_ranges
from ngc.compat.quantization.exclusion import excluded_operators
from ngc.compat.symbol import Symbol
from ngc.errors import InputError
from ngc.importer import import_model
from ngc.importer.operator_names import LABEL_OPERATORS
from ngc.importer.quantization_record import QuantizationRecord

Params = Mapping[str, Any]

DTYPES = ("int8", "uint8", "auto")
GRANULARITIES = ("tensor-wise", "channel-wise")
QUANTIZE_MODES = ("full", "smart")
NAMES = ("excluded_sym_names", "excluded_op_names")


def quantize_model(sym: Any, arg_params: Params, aux_params: Params, data_names: Sequence[str] = ("data",),
                   label_names: Sequence[str] | None = ("softmax_label",), ctx: Any = None, excluded_sym_names: list[str] | None = None,
                   excluded_op_names: list[str] | None = None, calib_mode: str | None = "entropy",
                   calib_data: Any = None, num_calib_examples: int | None = None, quantized_dtype: str = "int8", quantize_mode: str = "smart",
                   quantize_granularity: str = "tensor-wise", logger: logging.Logger | None = None, *,
                   num_calib_batches: int | None = None) -> tuple[Symbol, Params, Params]:
    """Returns (symbol, arg_params, aux_params) of a model to be quantized: the symbol records the ranges that calibration found.

    Args:
        sym: a Symbol, the path of a -symbol.json file, or a symbol's JSON text.
        arg_params: arrays by name.
        aux_params: arrays by name.
        data_names: names of the inputs.
        label_names: taken for compatibility; inference reads no labels.
        ctx: None or a CPU context.
        excluded_sym_names: names of operators that stay in floating point.
        excluded_op_names: kinds of operators that stay in floating point.
        calib_mode: "naive", "entropy", or "none" (or None) for no calibration: no ranges are recorded then.
        calib_data: a DataIter.
        num_calib_examples: no further batch is taken when so many examples were run; all of the data unless given.
        quantized_dtype: "int8", "uint8" or "auto", which with "entropy" says whether ranges of values that are never negative begin at 0.
        quantize_mode: taken for compatibility: ngc quantizes what gains by it.
        quantize_granularity: taken for compatibility: ngc quantizes weights per output channel.
        logger: hears what is done.
        num_calib_batches: MXNet 2.0's limit, in batches.

    Raises:
        InputError: an argument that does not fit, or an excluded name that the symbol does not have.
        EngineError: a context that is no CPU.
        ImportFailure: the model is damaged or incomplete.
    """
    check_options(ctx, quantized_dtype, quantize_mode, quantize_granularity, logger, "quantize_model")
    check_limits(num_calib_examples, num_calib_batches)
    symbol = Symbol.of(sym)
    excluded = excluded_operators(symbol.graph, excluded_sym_names, excluded_op_names, words=NAMES)
    if calib_mode in (None, "none"):
        return symbol.with_quantization(QuantizationRecord({}, excluded, "none", quantized_dtype)), arg_params, aux_params
    if calib_mode not in ("naive", "entropy"):
        raise InputError(f"unknown calibration mode {calib_mode} received, expected `none`, `naive`, or `entropy`")
    shapes = iterator_shapes(calib_data, calib_mode, data_names)
    graph = import_model((symbol, arg_params, aux_params), shapes=shapes)
    batches = limited(calib_data, list(shapes), num_calib_batches)
    ranges, examples = calibrated_ranges(graph, batches, calib_mode, quantized_dtype, num_calib_examples)
    if logger:
        logger.info("Collected the ranges of %d values from %d examples", len(ranges), examples)
    return symbol.with_quantization(QuantizationRecord(ranges, excluded, calib_mode, quantized_dtype)), arg_params, aux_params


def quantize_model_mkldnn(sym: Any, arg_params: Params, aux_params: Params, data_names: Sequence[str] = ("data",),
                          label_names: Sequence[str] | None = ("softmax_label",), ctx: Any = None, excluded_sym_names: list[str] | None = None,
                          excluded_op_names: list[str] | None = None, calib_mode: str | None = "entropy", calib_data: Any = None,
                          num_calib_examples: int | None = None, quantized_dtype: str = "int8", quantize_mode: str = "smart",
                          quantize_granularity: str = "tensor-wise", logger: logging.Logger | None = None, *,
                          num_calib_batches: int | None = None) -> tuple[Symbol, Params, Params]:
    """Returns what `quantize_model` does, which fuses layers anyway."""
    return quantize_model(sym, arg_params, aux_params, data_names, label_names, ctx, excluded_sym_names, excluded_op_names, calib_mode, calib_data,
                          num_calib_examples, quantized_dtype, quantize_mode, quantize_granularity, logger, num_calib_batches=num_calib_batches)


def quantize_graph(sym: Any, arg_params: Params, aux_params: Params, ctx: Any = None, excluded_sym_names: list[str] | None = None,
                   excluded_op_names: list[str] | None = None, calib_mode: str | None = "entropy", quantized_dtype: str = "int8", quantize_mode: str = "full",
                   quantize_granularity: str = "tensor-wise", LayerOutputCollector: Any = None,
                   logger: logging.Logger | None = None) -> tuple[Symbol, Params, Params, Any]:
    """Returns (symbol, arg_params, aux_params, collector): the caller feeds the collector, and `calib_graph` records what it found.

    Args:
        sym: a Symbol, the path of a -symbol.json file, or a symbol's JSON text.
        arg_params: arrays by name.
        aux_params: arrays by name.
        ctx: None or a CPU context.
        excluded_sym_names: names of operators that stay in floating point.
        excluded_op_names: kinds of operators that stay in floating point.
        calib_mode: "naive" or "entropy" for a collector of ngc's, "customize" for the caller's, "none" (or None) for no collector.
        quantized_dtype: as for `quantize_model`.
        quantize_mode: taken for compatibility.
        quantize_granularity: taken for compatibility.
        LayerOutputCollector: the caller's collector, for "customize".
        logger: hears what is done.

    Raises:
        InputError: an argument that does not fit, or an excluded name that the symbol does not have.
        EngineError: a context that is no CPU.
    """
    check_options(ctx, quantized_dtype, quantize_mode, quantize_granularity, logger, "quantize_graph")
    symbol = Symbol.of(sym)
    excluded = excluded_operators(symbol.graph, excluded_sym_names, excluded_op_names, words=NAMES)
    collector = make_collector(symbol, calib_mode, quantized_dtype, LayerOutputCollector)
    return symbol.with_quantization(QuantizationRecord({}, excluded, "none", quantized_dtype)), arg_params, aux_params, collector


def calib_graph(qsym: Symbol, arg_params: Params, aux_params: Params, collector: Any, calib_mode: str = "entropy", quantized_dtype: str = "int8",
                logger: Any = logging) -> tuple[Symbol, Params, Params]:
    """Returns (symbol, arg_params, aux_params) with the ranges recorded that a collector of `quantize_graph` found.

    Raises:
        InputError: a mode without calibration, a collector without ranges, or a symbol that does not come from `quantize_graph`.
    """
    if calib_mode in (None, "none"):
        raise InputError("please set calibration mode to naive or entropy.")
    if calib_mode not in ("naive", "entropy", "customize"):
        raise InputError(f"unknown calibration mode {calib_mode} received, expected `none`, `naive`, `entropy` or `customize`")
    record = getattr(qsym, "quantization", None)
    if record is None:
        raise InputError("qsym is no symbol of ngc.compat.quantization.quantize_graph")
    ranges = ranges_by_value(qsym.graph, qsym.list_arguments(), collected_ranges(collector))
    if not ranges:
        raise InputError("the collector was told of no output of the model; pass its `collect` to set_monitor_callback(…, monitor_all=True) and run batches")
    if logger:
        logger.info("Collected the ranges of %d values", len(ranges))
    return qsym.with_quantization(QuantizationRecord(ranges, record.excluded, calib_mode, quantized_dtype)), arg_params, aux_params


def make_collector(symbol: Symbol, calib_mode: str | None, quantized_dtype: str, given: Any) -> Any:
    """Returns the collector of a calibration mode; None without calibration."""
    if calib_mode in (None, "none"):
        return None
    if calib_mode in ("naive", "entropy"):
        layers = [f"{node.name}_output" for node in symbol.graph.nodes if not node.is_variable and node.op not in LABEL_OPERATORS]
        return LayerOutputCollector([*symbol.list_arguments(), *layers], calib_mode, quantized_dtype)
    if calib_mode == "customize" and given is not None:
        return given
    raise InputError(f"unknown calibration mode {calib_mode} received, expected `none`, `naive`, `entropy` or `customize` with a LayerOutputCollector")


def check_options(ctx: Any, quantized_dtype: str, quantize_mode: str, quantize_granularity: str, logger: Any, function: str) -> None:
    """Raises InputError or EngineError for options that MXNet refuses too; logs those that make no difference."""
    check_cpu(ctx, f"quantization.{function}")
    if quantized_dtype not in DTYPES:
        raise InputError(f"unknown quantized_dtype {quantized_dtype} received, expected `int8`, `uint8` or `auto`")
    if quantize_mode not in QUANTIZE_MODES:
        raise InputError(f"unknown quantize_mode {quantize_mode} received, expected `full` or `smart`")
    if quantize_granularity not in GRANULARITIES:
        raise InputError(f"unknown quantize_granularity {quantize_granularity} received, expected `tensor-wise` or `channel-wise`")
    if logger and quantize_granularity == "tensor-wise":
        logger.info("quantize_granularity=tensor-wise: ngc quantizes weights per output channel in any case")


def iterator_shapes(calib_data: Any, calib_mode: str, data_names: Sequence[str]) -> Shapes:
    """Returns the shapes of a DataIter's inputs, for batches of any size."""
    if calib_data is None:
        raise InputError(f"calib_data must be provided when calib_mode={calib_mode}")
    if not hasattr(calib_data, "provide_data"):
        raise InputError(f"calib_data must be of DataIter type when calib_mode={calib_mode}, while received type {type(calib_data).__name__}")
    shapes = {str(description[0]): ("N", *description[1][1:]) for description in calib_data.provide_data}
    missing = [name for name in data_names if name not in shapes]
    if missing:
        raise InputError(f"calib_data has no data {missing[0]!r} of data_names; it has {', '.join(map(repr, shapes))}")
    return shapes
