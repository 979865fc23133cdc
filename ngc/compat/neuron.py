"""MXNet-Neuron's interface: `compile`, and contexts for Neuron devices.

    sym, args, aux = ngc.compat.neuron.compile(sym, args, aux, {"data": image})        # was mx.contrib.neuron.compile
    exe = sym.bind(ctx=ngc.compat.neuron.neuron(), args=args, aux_states=aux, grad_req="null")

Arguments and results are those of MXNet-Neuron for MXNet 1.5, and of its plugin for MXNet 1.8, as the AWS Neuron documentation describes them.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ngc.codegen.engine_image import EngineImage
from ngc.compat.arrays import as_numpy
from ngc.compat.blocks import CompiledBlock, traced_block
from ngc.compat.checkpoint import save_checkpoint
from ngc.compat.contexts import Context
from ngc.compat.division import Division, divide
from ngc.compat.neuron_options import NeuronOptions, read_options
from ngc.compat.subgraph_nodes import RegionForm, with_inputs
from ngc.compat.symbol import Symbol
from ngc.engines import parse_engine_target
from ngc.errors import InputError
from ngc.importer.build import build_graph
from ngc.importer.mxnet_live import import_mxnet, is_block
from ngc.importer.sources import ModelSource, resolve_model
from ngc.importer.subgraphs import IMAGE_PARAMETER, engine_nodes
from ngc.importer.symbol_writer import symbol_content

FORM = RegionForm("_neuron_subgraph_op", "_neuron_subgraph_op", extra=(IMAGE_PARAMETER,))
"""What regions become: nodes that take what was compiled as a further parameter."""

SUBGRAPH_INFO = "SUBGRAPH_INFO"
"""The environment variable that keeps extracted subgraphs as files where it is 1."""


def neuron(device_id: int = 0) -> Context:
    """Returns the context of a Neuron device, as `mx.neuron()` did."""
    return Context("neuron", device_id)


def context() -> Context:
    """Returns the first Neuron device's context."""
    return neuron()


def compile(obj: Any, args: Mapping[str, Any] | None = None, aux: Mapping[str, Any] | None = None, inputs: Mapping[str, Any] | None = None,
            **compile_args: Any) -> Any:
    """Compiles what Neuron takes of a model; the rest stays as it is.

    Args:
        obj: a symbol, or an initialized Gluon HybridBlock.
        args: parameters by name; none for a block.
        aux: auxiliary states by name; none for a block.
        inputs: arrays by the names of inputs, for their shapes and dtypes, which are those that the compiled model takes.
        **compile_args: `--neuroncore-pipeline-cores`, `flags`, `excl_node_names`, `force_incl_node_names`, `--verbose`, `work_dir` and so on, as
            `ngc.compat.neuron_options` reads them; `target="neuron:cpu"` for XLA's CPU client.

    Returns:
        (symbol, args, aux), the symbol with a node `_neuron_subgraph_op` for each region, `args` with what was compiled as further parameters of uint8; for a
        block a block that is called in the same way.

    Raises:
        InputError: an argument that does not fit, or a name that no node has.
        EngineError: the compiler failed.
        ImportFailure, UnsupportedOperator: the model cannot be imported.
    """
    options = read_options(compile_args)
    if not isinstance(inputs, Mapping) or not inputs:
        raise InputError("inputs takes the model's inputs by name, arrays of the shapes that it is compiled for: inputs={'data': image}")
    examples = {name: as_numpy(value, name) for name, value in inputs.items()}
    if is_block(obj):
        symbol, args, aux = traced_block(obj, examples, args, aux)
        compiled = _compile(symbol, args, aux, examples, options)
        return CompiledBlock(*compiled, inputs=tuple(examples), build=options.build)
    return _compile(Symbol.of(obj), args or {}, aux or {}, examples, options)


def _compile(symbol: Symbol, args: Mapping[str, Any], aux: Mapping[str, Any], examples: Mapping[str, np.ndarray],
             options: NeuronOptions) -> tuple[Symbol, dict[str, Any], dict[str, Any]]:
    source = resolve_model((symbol.graph, {name: value for name, value in args.items() if name not in examples}, aux), None, None)
    shapes, dtypes = {name: array.shape for name, array in examples.items()}, {name: array.dtype.name for name, array in examples.items()}
    form = replace(FORM, attrs={"precision": options.precision, "target": options.target})
    division = divide(source, shapes, dtypes, "neuron", options.engine, form)
    images = _images(division, shapes, dtypes, options)
    divided = Symbol(symbol_content(with_inputs(division.source.symbol, examples)))
    if os.environ.get(SUBGRAPH_INFO) == "1":
        _keep_subgraphs(division.source, images, Path(options.engine.work_dir or os.curdir))
    from ngc.runtime.image_bytes import image_array  # the runtime is loaded by whoever has something for it

    binaries = {f"{name}{IMAGE_PARAMETER}": _like(args, image_array(image)) for name, image in images.items()}
    return divided, {**args, **binaries}, dict(aux)


def _images(division: Division, shapes: Mapping[str, Any], dtypes: Mapping[str, Any], options: NeuronOptions) -> dict[str, EngineImage]:
    """Returns what the compiler makes of each region."""
    from ngc.codegen.engines import build_engines  # code generators are loaded by whoever compiles
    from ngc.passes import PassContext, PassManager

    target = parse_engine_target(options.target)
    if target is None or target.engine != "neuron":
        raise InputError(f"target={options.target!r}: neuron.compile compiles for neuron, or neuron: and an instance family or cpu")
    graph = build_graph(division.source, shapes, dtypes, keep="neuron")
    PassManager(f"optimize-regions{{precision={options.precision}}}", verify_each=False).run(graph, PassContext())
    images = build_engines(graph, target, options.engine, options.precision)
    return {image.name: image for image in images.values()}


def _like(params: Mapping[str, Any], array: np.ndarray) -> Any:
    """Returns an array as the other parameters are: an NDArray among NDArrays, so that MXNet saves it."""
    if any(hasattr(value, "as_in_context") for value in params.values()):
        return import_mxnet().nd.array(array, dtype=array.dtype)
    return array


def _keep_subgraphs(source: ModelSource, images: Mapping[str, EngineImage], folder: Path) -> None:
    """Writes each region as a hidden checkpoint, with the module that the compiler was given beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for node in engine_nodes(source.symbol, "neuron"):
        inner = node.subgraphs[0]
        params: tuple[dict[str, Any], dict[str, Any]] = {}, {}
        for position in inner.variables:
            name, is_state = inner.nodes[position].name, position in inner.aux_nodes
            array = source.parameter(name, aux=is_state)
            if array is not None:
                params[is_state][name] = array
        save_checkpoint(folder / f".{node.name}", 0, Symbol(symbol_content(inner)), *params)
        (folder / f".{node.name}.stablehlo").write_bytes(images[node.name].files["stablehlo"])
