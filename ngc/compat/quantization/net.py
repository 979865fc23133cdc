"""MXNet's quantizer for Gluon blocks, and the block that comes back: ngc inside, `SymbolBlock` outside."""

import logging
from collections.abc import Sequence
from typing import Any

from ngc.compat.blocks import InferenceBlock
from ngc.compat.quantization.calibrating import Shapes, calibrated_ranges, check_limits, feed_collector, limited, ranges_by_value
from ngc.compat.quantization.collectors import collected_ranges
from ngc.compat.quantization.exclusion import excluded_operators
from ngc.compat.quantization.model import check_options, make_collector
from ngc.compat.symbol import Symbol
from ngc.errors import ImportFailure, InputError
from ngc.importer import import_model
from ngc.importer.mxnet_live import trace_block
from ngc.importer.quantization_record import QuantizationRecord
from ngc.runtime import Executable

_NAMES = ("exclude_layers", "exclude_operators", "exclude_layers_match")


def quantize_net_v2(network: Any, quantized_dtype: str = "auto", quantize_mode: str = "full", quantize_granularity: str = "tensor-wise",
                    exclude_layers: list[str] | None = None, exclude_layers_match: list[str] | None = None, exclude_operators: list[str] | None = None,
                    calib_data: Any = None, data_shapes: Sequence[Any] | None = None, calib_mode: str | None = "none", num_calib_examples: int | None = None,
                    ctx: Any = None, LayerOutputCollector: Any = None,
                    logger: logging.Logger | None = None, *, num_calib_batches: int | None = None, device: Any = None) -> "QuantizedBlock":
    """Returns a block that computes what a Gluon HybridBlock does, compiled by ngc, with the ranges that calibration found.

    Args:
        network: an initialized HybridBlock.
        quantized_dtype: "int8", "uint8" or "auto", which with "entropy" says whether ranges of values that are never negative begin at 0.
        quantize_mode: taken for compatibility: ngc quantizes what gains by it.
        quantize_granularity: taken for compatibility: ngc quantizes weights per output channel.
        exclude_layers: names of operators that stay in floating point.
        exclude_layers_match: parts of such names.
        exclude_operators: kinds of operators that stay in floating point.
        calib_data: a DataIter or a Gluon DataLoader.
        data_shapes: DataDescs, or (name, shape) pairs, of the inputs; those of `calib_data` unless given.
        calib_mode: "naive", "entropy", "customize", or "none" (or None) for no calibration.
        num_calib_examples: no further batch is taken when so many examples were run.
        ctx: None or a CPU context.
        LayerOutputCollector: for "customize", an object with `collect` and `min_max_dict`, as MXNet 1.x calls it, or with `collect` and `post_collect`, as
            MXNet 2.0 does.
        logger: hears what is done.
        num_calib_batches: MXNet 2.0's limit, in batches.
        device: MXNet 2.0's name of `ctx`.

    Raises:
        InputError: an argument that does not fit, or an excluded name that the network does not have.
        EngineError: a context that is no CPU.
        ImportFailure: the network is not hybrid, not initialized, or cannot be traced.
    """
    check_options(device if ctx is None else ctx, quantized_dtype, quantize_mode, quantize_granularity, logger, "quantize_net_v2")
    check_limits(num_calib_examples, num_calib_batches)
    given = _given_shapes(calib_data, data_shapes)
    live, params, shapes = _traced(network, given)
    symbol = Symbol.of(live)
    states = set(symbol.list_auxiliary_states())
    args, aux = ({name: array for name, array in params.items() if (name in states) == wanted} for wanted in (False, True))
    excluded = excluded_operators(symbol.graph, exclude_layers, exclude_operators, substrings=exclude_layers_match, words=_NAMES)
    if logger:
        logger.info("These layers have been excluded %s", list(excluded))
    collector = make_collector(symbol, calib_mode, quantized_dtype, LayerOutputCollector)
    record = QuantizationRecord({}, excluded, "none", quantized_dtype)
    if collector is not None:
        if calib_data is None:
            raise InputError(f"calib_data must be provided when calib_mode={calib_mode}")
        batches = limited(calib_data, list(shapes), num_calib_batches)
        model = (symbol, args, aux)
        if calib_mode == "customize":
            examples = feed_collector(model, shapes, batches, collector, num_calib_examples)
            ranges = ranges_by_value(symbol.graph, list(shapes), collected_ranges(collector))
        else:
            ranges, examples = calibrated_ranges(import_model(model, shapes=shapes), batches, str(calib_mode), quantized_dtype, num_calib_examples)
        if logger:
            logger.info("Collected the ranges of %d values from %d examples", len(ranges), examples)
        record = QuantizationRecord(ranges, excluded, str(calib_mode), quantized_dtype)
    return QuantizedBlock(symbol.with_quantization(record), args, aux, list(shapes))


def quantize_net(network: Any, quantized_dtype: str = "auto", quantize_mode: str = "full", exclude_layers: list[str] | None = None,
                 exclude_layers_match: list[str] | None = None, exclude_operators: list[str] | None = None, calib_data: Any = None,
                 data_shapes: Sequence[Any] | None = None, calib_mode: str | None = "none", num_calib_examples: int | None = None, ctx: Any = None,
                 logger: logging.Logger | None = None, *, quantize_granularity: str = "tensor-wise",
                 LayerOutputCollector: Any = None,
                 num_calib_batches: int | None = None, device: Any = None) -> "QuantizedBlock":
    """Returns what `quantize_net_v2` does; what MXNet 2.0's `quantize_net` takes beside MXNet 1.9.1's arguments is taken by name."""
    return quantize_net_v2(network, quantized_dtype, quantize_mode, quantize_granularity, exclude_layers, exclude_layers_match, exclude_operators, calib_data,
                           data_shapes, calib_mode, num_calib_examples, ctx, LayerOutputCollector, logger, num_calib_batches=num_calib_batches, device=device)


class QuantizedBlock(InferenceBlock):
    """A quantized network; each shape of an image is compiled at its first call, for batches of any size."""

    def executable(self, *shapes: tuple[int, ...]) -> Executable:
        """Returns the compiled network for inputs of these shapes, whatever their batch."""
        key = tuple(shape[1:] for shape in shapes)
        if key not in self._executables:
            from ngc.driver import compile  # LLVM is loaded by whoever compiles

            wanted: Shapes = {name: ("N", *rest) for name, rest in zip(self.inputs, key, strict=True)}
            self._executables[key] = compile((self.symbol, self.arg_params, self.aux_params), shapes=wanted)
        return self._executables[key]


def _given_shapes(calib_data: Any, data_shapes: Sequence[Any] | None) -> list[tuple[str, tuple[int, ...]]]:
    """Returns names and shapes of what may be inputs; of a DataLoader's batch the last array may be the label."""
    if data_shapes:
        return [(str(description[0]), tuple(description[1])) for description in data_shapes]
    if calib_data is None:
        raise InputError("data_shapes required")
    if hasattr(calib_data, "provide_data"):
        return [(str(description[0]), tuple(description[1])) for description in calib_data.provide_data]
    try:
        example = next(iter(calib_data), None)
    except TypeError as error:
        raise InputError(f"calib_data is not a valid iterator: {error}") from error
    if example is None:
        raise InputError("there is no batch to calibrate with; an iterator that was used up before gives none")
    arrays = list(example) if isinstance(example, list | tuple) else [example]
    names = [f"data{index}" for index in range(len(arrays))] if len(arrays) > 2 else ["data", "data0"]
    return [(name, tuple(array.shape)) for name, array in zip(names, arrays, strict=False)]


def _traced(network: Any, given: Sequence[tuple[str, tuple[int, ...]]]) -> tuple[Any, dict[str, Any], Shapes]:
    """Returns live symbol, parameters and shapes of a network that reads the first of the arrays given: all, or all but the label."""
    for count in range(len(given), 0, -1):
        shapes = dict(given[:count])
        try:
            symbol, params, _ = trace_block(network, shapes)
        except ImportFailure:
            if count == 1:
                raise
        else:
            return symbol, params, {name: ("N", *shape[1:]) for name, shape in shapes.items()}
    raise InputError("data_shapes required")
