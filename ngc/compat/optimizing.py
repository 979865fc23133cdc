"""`optimize_for`, as `Symbol.optimize_for` and `HybridBlock.optimize_for` of MXNet 1.8 and 1.9: one call divides a network for a backend.

    divided = ngc.compat.optimize_for(sym, "TensorRT", args=args, aux=aux, ctx=mx.gpu(0), shape_dict={"data": (1, 3, 224, 224)}, precision="fp16")
    network = ngc.compat.optimize_for(net, x, backend="TensorRT", backend_opts={"precision": "fp16"})
"""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from ngc.compat import neuron
from ngc.compat.arrays import as_numpy
from ngc.compat.blocks import CompiledBlock, traced_block
from ngc.compat.builds import CPU, Build, tensorrt_precision
from ngc.compat.contexts import gpu_target
from ngc.compat.executor import shape_of
from ngc.compat.neuron_options import read_options
from ngc.compat.symbol import Symbol
from ngc.compat.tensorrt import check_gpu, divide_for_tensorrt
from ngc.engines import EngineOptions
from ngc.errors import InputError
from ngc.importer.mxnet_live import is_block
from ngc.importer.subgraphs import labels
from ngc.importer.symbol_writer import symbol_content

_CPU_BACKENDS = ("MKLDNN", "MKLDNN_QUANTIZE", "ONEDNN", "ONEDNN_QUANTIZE")
"""What fuses operators for MXNet's CPU; ngc does that whenever it compiles."""

_GLUON_OPTIONS = frozenset({"static_alloc", "static_shape", "inline_limit", "forward_bulk_size", "backward_bulk_size", "clear", "active",
                            "partition_if_dynamic", "skip_infer"})
"""What MXNet's function takes for its own executors."""


def optimize_for(model: Any, *data: Any, backend: str | None = None, args: Any = None, aux: Any = None, ctx: Any = None,
                 shape_dict: Mapping[str, Sequence[int]] | None = None, type_dict: Mapping[str, Any] | None = None,
                 stype_dict: Mapping[str, str] | None = None, backend_opts: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """Divides a network for a backend.

    Args:
        model: a symbol, or an initialized HybridBlock.
        *data: for a block, examples of its inputs; a text among them is the backend's name.
        backend: "TensorRT", "neuron", or one of MXNet's for its CPU ("MKLDNN", "ONEDNN"), with which nothing is divided: ngc fuses what it compiles.
        args: for a symbol, its arguments by name. As MXNet does, what was compiled for Neuron is added to this dictionary, and what became a parameter of the
            divided symbol's nodes, which hold it from then on, is taken out.
        aux: for a symbol, its auxiliary states; likewise.
        ctx: a GPU context for TensorRT; taken for compatibility otherwise.
        shape_dict: shapes of inputs, which engines need; taken from `args` and the symbol where they say them. A symbol without them is divided when it is
            bound.
        type_dict: dtypes of inputs.
        stype_dict: taken for compatibility.
        backend_opts: the backend's options, as MXNet's Gluon takes them; further keyword arguments are the same.
        **options: for TensorRT `precision` ("fp32", "fp16" or "int8"), `calibration` for int8, `min_subgraph_size`, `excl_node_names`, `workspace`; for Neuron
            what `ngc.compat.neuron.compile` takes.

    Returns:
        an `ngc.compat.Symbol` for a symbol, a callable block for a block.

    Raises:
        InputError: an unknown backend or option, or missing parameters.
        EngineError: the engine's compiler is missing or failed, or the context is no GPU.
    """
    names = [item for item in data if isinstance(item, str)]
    backend = backend or (names[0] if names else None)
    examples = [item for item in data if not isinstance(item, str)]
    chosen = {name: value for name, value in {**(backend_opts or {}), **options}.items() if name not in _GLUON_OPTIONS}
    if backend == "TensorRT":
        check_gpu(ctx if ctx is not None else "gpu", "optimize_for")
    if is_block(model):
        return _optimize_block(model, examples, backend, args, aux, chosen)
    symbol = Symbol.of(model)
    divided, _ = _optimize_symbol(symbol, _examples(symbol, args, shape_dict, type_dict), backend, args, aux, chosen)
    for params, before, after in ((args, symbol.list_arguments(), divided.list_arguments()),
                                  (aux, symbol.list_auxiliary_states(), divided.list_auxiliary_states())):
        if isinstance(params, MutableMapping):
            for name in set(before) - set(after):
                params.pop(name, None)
    return divided


def _optimize_symbol(symbol: Symbol, examples: Mapping[str, np.ndarray], backend: str | None, args: Any, aux: Any,
                     options: Mapping[str, Any]) -> tuple[Symbol, Build]:
    """Returns a symbol divided for a backend, and what executors are to compile it for; adds to `args` what the backend makes."""
    if backend == "TensorRT":
        build = _tensorrt_build(options)
        return _for_tensorrt(symbol, args, aux, examples, build), build
    if backend in ("neuron", "Neuron"):
        if not isinstance(args, MutableMapping):
            raise InputError("Neuron compiles with the parameters: pass args={name: array}, to which what was compiled is added")
        symbol, compiled, _ = neuron.compile(symbol, args, aux, examples, **options)
        args.update(compiled)
        return symbol, read_options(options).build
    if backend not in _CPU_BACKENDS:
        raise InputError(f"unknown backend {backend!r}; accepted is TensorRT, neuron, or one of MXNet's for the CPU: {', '.join(_CPU_BACKENDS)}")
    return symbol, CPU


def _optimize_block(block: Any, data: Sequence[Any], backend: str | None, args: Any, aux: Any, options: Mapping[str, Any]) -> CompiledBlock:
    if not data:
        raise InputError("a block needs examples of its inputs: optimize_for(net, x, backend=...)")
    names = ["data"] if len(data) == 1 else [f"data{number}" for number in range(len(data))]
    examples = {name: as_numpy(value, name) for name, value in zip(names, data, strict=True)}
    symbol, args, aux = traced_block(block, examples, args, aux)
    symbol, build = _optimize_symbol(symbol, examples, backend, args, aux, options)
    network = CompiledBlock(symbol, {**symbol.held, **args}, aux, tuple(names), build)
    network.executable(*(array.shape for array in examples.values()))
    return network


def _tensorrt_build(options: Mapping[str, Any]) -> Build:
    accepted = {"precision", "calibration", "calibration_iters", "min_subgraph_size", "excl_node_names", "force_incl_node_names", "workspace"}
    if unknown := sorted(set(options) - accepted):
        raise InputError(f"TensorRT has no option {', '.join(map(repr, unknown))}; it takes {', '.join(sorted(accepted))}")
    precision = options.get("precision", tensorrt_precision())
    if precision not in ("fp32", "fp16", "int8"):
        raise InputError(f"precision={precision!r}: accepted is fp32, fp16 or int8; int8 leaves in fp32 what does not multiply integers")
    calibration = options.get("calibration")
    if "calibration_iters" in options and (precision == "int8" or options["calibration_iters"]) and calibration is None:
        raise InputError("calibration_iters: MXNet calibrated during the first runs; ngc calibrates before it builds: pass calibration=batches, or a saved "
                         "ngc.CalibrationTable")
    if precision == "int8" and calibration is None:
        raise InputError('precision="int8" needs calibration=: batches of data like those that the model will meet, or a saved ngc.CalibrationTable')
    engine = {name: value for name, value in options.items() if name in ("min_subgraph_size", "excl_node_names", "force_incl_node_names", "workspace")}
    return Build(gpu_target(), precision, EngineOptions(**engine), calibration)


def _for_tensorrt(symbol: Symbol, args: Any, aux: Any, given: Mapping[str, np.ndarray], build: Build) -> Symbol:
    """Returns the symbol with its parameters: divided, or where its inputs have no shapes yet, to be divided when it is bound."""
    if not given:
        return Symbol(symbol_content(symbol.graph), build, {**(args or {}), **(aux or {})})
    shapes, dtypes = {name: array.shape for name, array in given.items()}, {name: array.dtype.name for name, array in given.items()}
    divided, rest, rest_aux = divide_for_tensorrt(symbol, args or {}, aux or {}, shapes, dtypes, build)
    return Symbol(symbol_content(divided.graph), build, {**divided.held, **rest, **rest_aux})


def _examples(symbol: Symbol, args: Any, shapes: Mapping[str, Sequence[int]] | None, types: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    """Returns arrays of the shapes that a symbol's inputs have; none unless the shapes of all are known. Labels may be without."""
    found: dict[str, np.ndarray] = {}
    wanted = [name for name in symbol.list_inputs() if name not in labels(symbol.graph)]
    for name in wanted:
        dtype = np.dtype((types or {}).get(name, np.float32))
        if name in (shapes or {}):
            found[name] = np.broadcast_to(np.zeros((), dtype), shape_of(name, (shapes or {})[name]))
        elif name in (args or {}):
            found[name] = as_numpy(args[name], name)
    return found if len(found) == len(wanted) else {}
