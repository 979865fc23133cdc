"""The functions of `mxnet.contrib.tensorrt`, of MXNet 1.3 and 1.4 (`tensorrt_bind`) and of 1.5 to 1.7 (`init_tensorrt_params`).

    executor = ngc.compat.tensorrt.tensorrt_bind(sym, ctx=mx.gpu(0), all_params=all_params, data=(1, 3, 224, 224), grad_req="null")

A GPU context stands for the GPU at hand; where there is none, engines are built for the compute capabilities of `ngc.compat.contexts.WITHOUT_GPU`, or for
what the environment variable NGC_TENSORRT_TARGET says, and `forward` says that the GPU is missing.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ngc.compat.arrays import as_numpy
from ngc.compat.builds import USE_FP16, Build, tensorrt_precision
from ngc.compat.contexts import check_first, gpu_target, kind_of
from ngc.compat.division import divide
from ngc.compat.executor import Executor, check_requests, shape_of
from ngc.compat.subgraph_nodes import RegionForm, with_inputs
from ngc.compat.symbol import Symbol
from ngc.engines import EngineOptions, parse_engine_target
from ngc.errors import EngineError
from ngc.importer.sources import resolve_model
from ngc.importer.subgraphs import own_parameters
from ngc.importer.symbol_writer import symbol_content

FORM = RegionForm("_TensorRT", "TensorRT")
"""What regions become."""

USE_TENSORRT = "MXNET_USE_TENSORRT"


def set_use_tensorrt(status: bool) -> None:
    """Says in the environment whether TensorRT is to be used."""
    os.environ[USE_TENSORRT] = str(int(bool(status)))


def get_use_tensorrt() -> bool:
    """Returns whether the environment says that TensorRT is to be used; as in MXNet, it does not unless it was set."""
    return os.environ.get(USE_TENSORRT, "0") == "1"


def set_use_fp16(status: bool) -> None:
    """Says in the environment whether engines compute in fp16."""
    os.environ[USE_FP16] = str(int(bool(status)))


def get_use_fp16() -> bool:
    """Returns whether the environment says that engines compute in fp16; as in MXNet, it does unless it was set otherwise."""
    return tensorrt_precision() == "fp16"


def tensorrt_bind(symbol: Any, ctx: Any, all_params: Mapping[str, Any], type_dict: Mapping[str, Any] | None = None,
                  stype_dict: Mapping[str, str] | None = None, group2ctx: Any = None, grad_req: Any = "null", force_rebind: bool = True,
                  **shapes: Sequence[int]) -> Executor:
    """Returns an executor whose engines are built, of fp32 as MXNet 1.3 built them.

    Args:
        symbol: a live symbol, an `ngc.compat.Symbol`, a path or JSON text.
        ctx: a GPU context.
        all_params: arguments and auxiliary states by name, in one dictionary. What only engines read goes to them and is held by nobody else here.
        type_dict: dtypes by argument name; float32 unless given.
        stype_dict: storage types; only "default" (dense).
        group2ctx: None: there is one device.
        grad_req: "null": TensorRT is for inference.
        force_rebind: taken for compatibility.
        **shapes: of the inputs by name.

    Raises:
        EngineError: TensorRT is switched off or not installed, refuses the model, or the context is no GPU.
        InputError: names, shapes or options that do not fit.
    """
    if os.environ.get(USE_TENSORRT) == "0":
        raise EngineError(f"{USE_TENSORRT} is 0: TensorRT is switched off; call set_use_tensorrt(True), or bind with ngc.compat.simple_bind on the CPU")
    check_gpu(ctx, "tensorrt_bind")
    check_requests(grad_req, stype_dict, group2ctx)
    extents = {name: shape_of(name, shape) for name, shape in shapes.items()}
    types = {name: np.dtype(dtype) for name, dtype in (type_dict or {}).items()}
    build = Build(gpu_target(), "fp32")
    divided, args, aux = divide_for_tensorrt(Symbol.of(symbol), all_params, {}, extents, {name: types[name].name for name in types if name in extents}, build)
    held, divided.held = divided.held, {}
    executor = Executor(divided, extents, types, build=build, held=held)
    executor.copy_params_from(args, aux, allow_extra_params=True)
    executor.build()
    return executor


def init_tensorrt_params(sym: Symbol, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the parameters that are not held by the symbol's TensorRT nodes, after these took theirs.

    A symbol of `get_backend_symbol("TensorRT")` has no such nodes yet: it is divided when it is bound to shapes; then all parameters come back.
    """
    own = own_parameters(sym.graph)
    sym.held.update({name: value for params in (arg_params, aux_params) for name, value in params.items() if name in own})
    kept_args, kept_aux = ({name: value for name, value in params.items() if name not in own} for params in (arg_params, aux_params))
    return kept_args, kept_aux


def get_optimized_symbol(executor: Executor) -> Symbol:
    """Returns the symbol that an executor runs: each region that went to TensorRT is a node `_TensorRT`."""
    return executor.symbol


def check_gpu(ctx: Any, function: str) -> None:
    """Raises EngineError for a context that is no GPU, or not the first."""
    if kind_of(ctx) != "gpu":
        raise EngineError(f"ctx={ctx}: ngc.compat.{function} is for GPUs; pass ctx=mx.gpu(0) or \"gpu\"")
    check_first(ctx)


def divide_for_tensorrt(symbol: Symbol, args: Mapping[str, Any], aux: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
                        build: Build, options: EngineOptions | None = None) -> tuple[Symbol, dict[str, Any], dict[str, Any]]:
    """Returns a symbol divided for TensorRT, which holds the parameters that only its regions read, and the other parameters."""
    states = set(symbol.list_auxiliary_states())
    params = {name: as_numpy(value, name) for params in (args, aux) for name, value in params.items() if name not in shapes}
    kept = {name: value for name, value in params.items() if name not in states}
    kept_aux = {name: value for name, value in params.items() if name in states}
    source = resolve_model((symbol.graph, kept, kept_aux), None, None)
    target = parse_engine_target(build.target)
    if target is None or not target.is_tensorrt:
        raise EngineError(f"target {build.target!r}: TensorRT's are \"tensorrt\" and \"tensorrt-rtx:sm86\"")
    form = replace(FORM, attrs={"precision": build.precision or "fp32"}, embed=frozenset(params))
    division = divide(source, shapes, dtypes, target.engine, options or build.options, form)
    divided = Symbol(symbol_content(with_inputs(division.source.symbol, shapes)))
    return (divided, *init_tensorrt_params(divided, division.source.arg_params, division.source.aux_params))
