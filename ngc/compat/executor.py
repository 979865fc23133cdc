"""`simple_bind` and its executor, as `mx.sym.Symbol.simple_bind` gives one for inference.

A script changes one line: `sym.simple_bind(ctx=mx.cpu(), data=shape)` becomes `ngc.compat.simple_bind(sym, ctx=mx.cpu(), data=shape)`. The model is
compiled at the first `forward`, and again after parameters were assigned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ngc.codegen.engines import release_constants
from ngc.compat.arrays import BoundArray, OutputArray, Parameters, as_numpy
from ngc.compat.builds import CPU, Build, build_for
from ngc.compat.contexts import check_cpu
from ngc.compat.symbol import Symbol
from ngc.errors import InputError
from ngc.importer import SymbolGraph
from ngc.importer.mxnet_live import is_symbol
from ngc.importer.sources import resolve_model
from ngc.importer.subgraphs import IMAGE_PARAMETER, engine_nodes, own_parameters
from ngc.importer.symbol_writer import symbol_content
from ngc.runtime import Executable

Shapes = Mapping[str, tuple[int, ...]]


def simple_bind(sym: Any, ctx: Any = None, grad_req: Any = "null", force_rebind: bool = True, type_dict: Mapping[str, Any] | None = None,
                stype_dict: Mapping[str, str] | None = None, group2ctx: Any = None, shared_arg_names: Sequence[str] | None = None, shared_exec: Any = None,
                shared_buffer: Mapping[str, Any] | None = None, **shapes: Sequence[int]) -> "Executor":
    """Returns an executor of a symbol for inputs of the given shapes.

    Args:
        sym: an mx.sym.Symbol, a -symbol.json path, a checkpoint prefix, or a symbol's JSON text.
        ctx: None or a CPU context; for an `ngc.compat.Symbol` that was divided for an engine, the engine's too.
        grad_req: "null": ngc computes no gradients.
        force_rebind: taken for compatibility; every call binds afresh.
        type_dict: dtypes by argument name; float32 unless given.
        stype_dict: storage types; only "default" (dense).
        group2ctx: None: there is one device.
        shared_arg_names: taken for compatibility; parameters are shared by `Executor.reshape`.
        shared_exec: taken for compatibility; memory is shared by all runs of an executor anyway.
        shared_buffer: values of parameters by name.
        **shapes: shapes of the inputs by name.

    Raises:
        InputError: gradients, sparse storage, several devices, or names and shapes that do not fit.
        EngineError: a context that is no CPU, for a symbol that was not divided for an engine.
        ImportFailure: the symbol cannot be read.
    """
    build = CPU
    if isinstance(sym, Symbol) and (sym.build or next(engine_nodes(sym.graph), None)):
        build = build_for(sym, ctx)
    else:
        check_cpu(ctx, "simple_bind")
    check_requests(grad_req, stype_dict, group2ctx)
    executor = Executor(sym, {name: shape_of(name, shape) for name, shape in shapes.items()}, type_dict or {}, build=build,
                        held=sym.held if isinstance(sym, Symbol) else None)
    for name, value in (shared_buffer or {}).items():
        if name in executor.arg_dict or name in executor.aux_dict:
            (executor.arg_dict if name in executor.arg_dict else executor.aux_dict)[name][:] = value
    return executor


def check_requests(grad_req: Any, stype_dict: Mapping[str, str] | None = None, group2ctx: Any = None) -> None:
    """Raises InputError for what MXNet's binding functions can do and ngc cannot: gradients, sparse storage, several devices."""
    wanted = grad_req.values() if isinstance(grad_req, Mapping) else [grad_req] if isinstance(grad_req, str) else list(grad_req)
    if any(request != "null" for request in wanted):
        raise InputError(f'grad_req={grad_req!r}: ngc compiles for inference and computes no gradients; pass grad_req="null"')
    if group2ctx:
        raise InputError("group2ctx: ngc runs a model on one device; pass group2ctx=None")
    sparse = {name: stype for name, stype in (stype_dict or {}).items() if stype != "default"}
    if sparse:
        raise InputError(f'stype_dict={sparse}: ngc keeps arrays dense; pass "default"')


class Executor:
    """A bound symbol. Arguments are set through `arg_dict`, `aux_dict` and `copy_params_from`; `forward` runs it."""

    def __init__(self, sym: Any, shapes: Shapes, types: Mapping[str, Any], shared: "Executor | None" = None, build: Build = CPU,
                 held: Mapping[str, Any] | None = None) -> None:
        """Binds a symbol.

        Args:
            sym: what `simple_bind` takes.
            shapes: of the inputs, by name.
            types: dtypes by argument name, float32 unless given.
            shared: an executor whose parameters this one shares, those of engine nodes included.
            build: what to compile for.
            held: parameters that come with the symbol, by name; with TensorRT they go to the engine when it is built, and are let go of then unless the
                symbol keeps them.
        """
        self._sym, self._shapes, self._types, self._build = sym, dict(shapes), dict(types), build
        self._held: dict[str, Any] | None = shared.held if shared is not None else dict(held or {})
        self._symbol: SymbolGraph = shared._symbol if shared is not None else resolve_model((sym, {}, {}), None, None).symbol
        self._own, self._images = own_parameters(self._symbol), {node.name + IMAGE_PARAMETER for node in engine_nodes(self._symbol)}
        names, states = self._symbol.arguments, self._symbol.auxiliary_states
        unknown = sorted({*shapes, *types} - {*names, *states})
        if unknown:
            raise InputError(f"the symbol has no argument {', '.join(map(repr, unknown))}; its arguments are {_few(names)}")
        self._parameters: Parameters = shared._parameters if shared is not None else Parameters()
        arg_shapes, aux_shapes = _infer_shapes(sym, self._shapes)
        self.arg_dict: dict[str, BoundArray] = {}
        self.aux_dict: dict[str, BoundArray] = {}
        for table, every, inferred in ((self.arg_dict, names, arg_shapes), (self.aux_dict, states, aux_shapes)):
            for name in every:
                kept = (shared.arg_dict if table is self.arg_dict else shared.aux_dict)[name] if shared is not None and name not in shapes else None
                parameters = None if name in shapes else self._parameters
                fresh = BoundArray(name, shapes.get(name, inferred.get(name)), self._dtype(name), parameters)
                table[name] = fresh if kept is None else kept
        self._outputs: list[OutputArray] | None = None
        self._executable: Executable | None = None
        self._compiled_version = -1

    @property
    def arg_arrays(self) -> list[BoundArray]:
        """The arguments, in the symbol's order."""
        return list(self.arg_dict.values())

    @property
    def aux_arrays(self) -> list[BoundArray]:
        """The auxiliary states, in the symbol's order."""
        return list(self.aux_dict.values())

    @property
    def outputs(self) -> list[OutputArray]:
        """The outputs of the last forward pass; InputError before the first."""
        if self._outputs is None:
            raise InputError("there are no outputs before the first forward()")
        return self._outputs

    @property
    def output_dict(self) -> dict[str, OutputArray]:
        """The outputs of the last forward pass by name."""
        return dict(zip((spec.name for spec in self.executable.outputs), self.outputs, strict=True))

    @property
    def held(self) -> dict[str, Any]:
        """The parameters of the symbol's engine nodes; InputError once only an engine has them."""
        if self._held is None:
            raise InputError("the parameters went to the engine when it was built and are not kept twice; bind the symbol again to build another engine")
        return self._held

    @property
    def symbol(self) -> Symbol:
        """The symbol that is bound."""
        return self._sym if isinstance(self._sym, Symbol) else Symbol(symbol_content(self._symbol))

    @property
    def executable(self) -> Executable:
        """The compiled model, for everything that MXNet's executor does not have: `profile`, `save`, `run`."""
        if self._executable is None or self._compiled_version != self._parameters.version:
            arguments, states = ({name: array.asnumpy() for name, array in table.items() if array.is_set and name not in self._shapes}
                                 for table in (self.arg_dict, self.aux_dict))
            types = {name: np.dtype(dtype).name for name, dtype in self._types.items() if name in self._shapes}
            self._executable = self._build.compile((self._symbol, {**self.held, **arguments}, states), self._shapes, types or None)
            if self._held and self._build.target.startswith("tensorrt"):
                release_constants(self._executable.graph)
                if not (isinstance(self._sym, Symbol) and self._sym.held):
                    self._held = None
            self._compiled_version = self._parameters.version
        return self._executable

    def build(self) -> None:
        """Compiles the model now, rather than at the first `forward`."""
        _ = self.executable

    def copy_params_from(self, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any] | None = None, allow_extra_params: bool = False) -> None:
        """Sets parameters from dictionaries of arrays; those of engine nodes, which are no arguments, go to their nodes.

        Raises:
            InputError: a name that the symbol does not have (unless `allow_extra_params`), a wrong shape, or a node's parameter once an engine has it.
        """
        for table, params, kind in ((self.arg_dict, arg_params, "argument"), (self.aux_dict, aux_params or {}, "auxiliary state")):
            for name, value in params.items():
                if name in table:
                    table[name][:] = value
                elif name in self._own:
                    self.held[name] = np.array(as_numpy(value, name), self._dtype(name))
                    self._parameters.version += 1
                elif not allow_extra_params:
                    raise InputError(f"the symbol has no {kind} {name!r}; pass allow_extra_params=True to leave out what it does not have")

    def forward(self, is_train: bool = False, **data: Any) -> list[OutputArray]:
        """Runs the model on the inputs, those given here put in place first, and returns the outputs.

        Raises:
            InputError: training, an unknown name, or a wrong shape.
        """
        if is_train:
            raise InputError("is_train=True: ngc compiles for inference; pass is_train=False")
        for name, value in data.items():
            if name not in self.arg_dict:
                raise InputError(f"the symbol has no argument {name!r}; its inputs are {_few(self._shapes)}")
            self.arg_dict[name][:] = value
        executable = self.executable
        feeds = {spec.name: self.arg_dict[spec.name]._data for spec in executable.inputs}
        self._outputs = list(map(OutputArray, executable.run(feeds)))
        return self._outputs

    def backward(self, *arguments: Any, **options: Any) -> None:
        """Raises InputError: there are no gradients."""
        raise InputError("backward: ngc compiles for inference and computes no gradients")

    def reshape(self, partial_shaping: bool = False, allow_up_sizing: bool = False, **shapes: Sequence[int]) -> "Executor":
        """Returns an executor for other input shapes, which shares this one's parameters.

        Args:
            partial_shaping: taken for compatibility.
            allow_up_sizing: taken for compatibility; memory is made as it is needed.
            **shapes: the shapes that change.
        """
        changed = {name: shape_of(name, shape) for name, shape in shapes.items()}
        return Executor(self._sym, {**self._shapes, **changed}, self._types, shared=self, build=self._build)

    def _dtype(self, name: str) -> np.dtype[Any]:
        """Returns an argument's dtype: as given; parameters follow a floating-point input, as MXNet infers them."""
        if name in self._types:
            return np.dtype(self._types[name])
        if name.endswith("_quantize"):
            return np.dtype(np.int8)  # a weight that MXNet's quantizer made
        if name in self._images:
            return np.dtype(np.uint8)
        floats = [np.dtype(dtype) for dtype in self._types.values() if np.dtype(dtype).kind == "f"]
        return floats[0] if floats and name not in self._shapes else np.dtype(np.float32)


def bind(sym: Symbol, ctx: Any, args: Mapping[str, Any] | Sequence[Any], args_grad: Any = None, grad_req: Any = "null",
         aux_states: Mapping[str, Any] | Sequence[Any] | None = None, group2ctx: Any = None, shared_exec: Any = None) -> Executor:
    """Returns an executor of a symbol whose arguments have these values, as `mx.sym.Symbol.bind` does; engines are built now.

    Args:
        sym: the symbol.
        ctx: a CPU, GPU or Neuron context.
        args: arrays by name, or in the order of `list_arguments`; arguments that are labels may be left out, and parameters of engine nodes where the symbol
            holds them.
        args_grad: None.
        grad_req: "null": ngc computes no gradients.
        aux_states: arrays by name, or in the order of `list_auxiliary_states`.
        group2ctx: None: there is one device.
        shared_exec: taken for compatibility.

    Raises:
        InputError: gradients, or names and values that do not fit.
        EngineError: an engine's compiler is missing or failed.
    """
    check_requests(grad_req, None, group2ctx)
    if args_grad:
        raise InputError("args_grad: ngc compiles for inference and computes no gradients; pass args_grad=None")
    values, states = _by_name(args, sym.list_arguments(), "args"), _by_name(aux_states or {}, sym.list_auxiliary_states(), "aux_states")
    inputs = {name: as_numpy(values[name], name) for name in sym.list_inputs() if name in values}
    build = build_for(sym, ctx)
    executor = Executor(sym, {name: array.shape for name, array in inputs.items()}, {name: array.dtype for name, array in inputs.items()}, build=build,
                        held=sym.held)
    executor.copy_params_from(values, states, allow_extra_params=True)
    if build.is_engine:
        executor.build()
    return executor


def _by_name(values: Mapping[str, Any] | Sequence[Any], names: Sequence[str], option: str) -> dict[str, Any]:
    if isinstance(values, Mapping):
        return dict(values)
    if len(values) != len(names):
        raise InputError(f"{option} has {len(values)} arrays; the symbol has {len(names)}: {_few(names)}")
    return dict(zip(names, values, strict=True))


def shape_of(name: str, shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, Sequence) or isinstance(shape, str) or not all(isinstance(dim, int | np.integer) and dim >= 1 for dim in shape):
        raise InputError(f"{name}={shape!r}: expected the shape of an input, such as (1, 3, 224, 224)")
    return tuple(int(dim) for dim in shape)


def _infer_shapes(sym: Any, shapes: Shapes) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Returns the shapes of arguments and auxiliary states that a live symbol knows; without MXNet they follow from the values."""
    if not is_symbol(sym):
        return {}, {}
    arguments, _, states = sym.infer_shape_partial(**shapes)
    return tuple({name: tuple(shape) for name, shape in zip(names, found or (), strict=False) if shape and all(dim > 0 for dim in shape)}
                 for names, found in ((sym.list_arguments(), arguments), (sym.list_auxiliary_states(), states)))  # type: ignore[return-value]


def _few(names: Any) -> str:
    shown = [repr(name) for name in names]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "") if shown else "none"
