"""A symbol that stands where scripts have an `mx.sym.Symbol`: what its JSON states, to list, save and compile."""

import json
import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ngc.compat.builds import Build
from ngc.compat.contexts import gpu_target
from ngc.errors import InputError
from ngc.importer import SymbolGraph, load_symbol
from ngc.importer.quantization_record import ATTRIBUTE, QuantizationRecord
from ngc.importer.selection import output_names
from ngc.importer.subgraphs import input_variables

if TYPE_CHECKING:
    from ngc.compat.executor import Executor


class Symbol:
    """A symbol's JSON with the methods of MXNet's Symbol that need no MXNet; `mx.model.save_checkpoint` takes it."""

    def __init__(self, content: Mapping[str, Any], build: Build | None = None, held: Mapping[str, Any] | None = None) -> None:
        """Reads a symbol.

        Args:
            content: the JSON object.
            build: what executors on a GPU are to compile it for, where somebody said that.
            held: parameters that come with it, by name: those of engine nodes, which are no arguments.
        """
        self._content = content
        self._graph: SymbolGraph = load_symbol(content)
        self.build, self.held = build, dict(held or {})

    @classmethod
    def of(cls, sym: Any) -> "Symbol":
        """Returns the symbol of a live one, of a -symbol.json path or of a symbol's JSON text.

        Raises:
            ImportFailure: the file is missing or no symbol.
            InputError: the object is none of these.
        """
        if isinstance(sym, Symbol):
            return sym
        if hasattr(sym, "tojson"):
            return cls(json.loads(sym.tojson()))
        if not isinstance(sym, str | os.PathLike):
            raise InputError(f"a symbol cannot be {type(sym).__name__}; accepted: a Symbol, the path of a -symbol.json file, or its text")
        load_symbol(sym)  # says what is wrong with a file
        if isinstance(sym, str) and sym.lstrip()[:1] == "{":
            return cls(json.loads(sym))
        with open(sym, encoding="utf-8-sig") as file:
            return cls(json.load(file))

    @property
    def graph(self) -> SymbolGraph:
        """The symbol's nodes."""
        return self._graph

    @property
    def quantization(self) -> QuantizationRecord | None:
        """The quantization that the symbol records."""
        return self._graph.quantization

    def with_quantization(self, record: QuantizationRecord) -> "Symbol":
        """Returns the symbol with a quantization recorded in it."""
        attrs = {**self._content.get("attrs", {}), ATTRIBUTE: ["str", record.to_text()]}
        return Symbol({**self._content, "attrs": attrs})

    def tojson(self, remove_amp_cast: bool = True) -> str:
        """Returns the symbol's JSON text; `remove_amp_cast` is taken for compatibility: importing drops these nodes."""
        return json.dumps(self._content, indent=2)

    def save(self, fname: str | os.PathLike[str], remove_amp_cast: bool = True) -> None:
        """Writes the symbol's JSON to a file."""
        with open(fname, "w", encoding="utf-8") as file:
            file.write(self.tojson())

    def list_arguments(self) -> list[str]:
        """Returns the names of the arguments, in MXNet's order."""
        return list(self._graph.arguments)

    def list_auxiliary_states(self) -> list[str]:
        """Returns the names of the auxiliary states, in MXNet's order."""
        return list(self._graph.auxiliary_states)

    def list_outputs(self) -> list[str]:
        """Returns the names of the outputs."""
        every = [output_names(self._graph.nodes[head.node], self._graph.source) for head in self._graph.heads]
        return [names[min(head.output, len(names) - 1)] for names, head in zip(every, self._graph.heads, strict=True)]

    def get_internals(self) -> "Symbol":
        """Returns the symbol whose outputs are those of every node."""
        graph = self._graph
        entries = [[position, output, 0] for position in graph.reachable() for output in range(len(output_names(graph.nodes[position], graph.source)))]
        return Symbol({**self._content, "heads": entries})

    def list_inputs(self) -> list[str]:
        """Returns the names of the arguments that are no parameters: those that the symbol says are inputs, else those that stand where data stands."""
        return input_variables(self._graph)

    def get_backend_symbol(self, backend: str) -> "Symbol":
        """Returns the symbol, for "TensorRT" with the wish that executors on a GPU use that; for others as it is, since ngc fuses what it compiles anyway."""
        return Symbol(self._content, Build(gpu_target()), self.held) if backend == "TensorRT" else self

    def bind(self, ctx: Any, args: Any, args_grad: Any = None, grad_req: Any = "null", aux_states: Any = None, group2ctx: Any = None,
             shared_exec: Any = None) -> "Executor":
        """Returns an executor of the symbol whose arguments have these values, as `ngc.compat.executor.bind` documents it."""
        from ngc.compat.executor import bind  # executors build on symbols

        return bind(self, ctx, args, args_grad, grad_req, aux_states, group2ctx, shared_exec)

    def simple_bind(self, ctx: Any = None, **options: Any) -> "Executor":
        """Returns an executor of the symbol for inputs of given shapes, as `ngc.compat.simple_bind` documents it."""
        from ngc.compat.executor import simple_bind

        return simple_bind(self, ctx, **options)

    def optimize_for(self, backend: str, args: Any = None, aux: Any = None, ctx: Any = None, **options: Any) -> "Symbol":
        """Returns the symbol divided for an engine, as `ngc.compat.optimize_for` documents it."""
        from ngc.compat.optimizing import optimize_for

        divided: Symbol = optimize_for(self, backend=backend, args=args, aux=aux, ctx=ctx, **options)
        return divided

    def __getitem__(self, key: int | str) -> "Symbol":
        names = self.list_outputs()
        if isinstance(key, str):
            if key not in names:
                near = get_close_matches(key, names, 3)
                raise InputError(f"the symbol has no output {key!r}; " + (f"did you mean {', '.join(map(repr, near))}?" if near else f"it has {len(names)}"))
            key = names.index(key)
        head = self._graph.heads[key]
        return Symbol({**self._content, "heads": [[head.node, head.output, 0]]})

    def __len__(self) -> int:
        return len(self._graph.heads)

    def __repr__(self) -> str:
        return f"<ngc.compat.Symbol {', '.join(self.list_outputs()[:4])}>"
