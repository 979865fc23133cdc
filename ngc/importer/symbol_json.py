"""Reads `-symbol.json` files of every MXNet generation (0.7 to 2.0) into a `SymbolGraph`, without MXNet."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ngc.errors import ImportFailure
from ngc.importer.operator_names import canonical_operator
from ngc.importer.quantization_record import ATTRIBUTE, QuantizationRecord
from ngc.importer.source_bytes import PathLike, describe_foreign, read_source
from ngc.importer.symbol import VARIABLE, Entry, SymbolGraph, SymbolNode
from ngc.importer.symbol_upgrade import DEFAULT_VERSION, upgrade

logger = logging.getLogger(__name__)

_GRAPH_KEYS = {"nodes", "arg_nodes", "heads", "node_row_ptr", "attrs"}
_NODE_KEYS = {
    "op",
    "name",
    "inputs",
    "attrs",
    "attr",
    "param",
    "control_deps",
    "subgraphs",
    "backward_source_id",
}
_MAX_NESTING = 8  # of subgraphs; MXNet nests control flow two or three deep


def load_symbol(source: PathLike | bytes | Mapping[str, Any]) -> SymbolGraph:
    """Returns the symbol of a `-symbol.json` file, of its text, or of the already parsed JSON object.

    Older files come back upgraded as MXNet 1.9.1 would: aliases resolved, hidden attributes apart, missing
    inputs of files before 0.9 added.

    Raises:
        ImportFailure: not JSON, not a graph, or a graph that contradicts itself; names the node.
    """
    if isinstance(source, Mapping):
        return _Reader("<symbol>").read_graph(source)
    if isinstance(source, str) and (source.lstrip()[:1] in ("{", "[", "<") or "\n" in source):
        source = source.encode("utf-8", errors="surrogatepass")
    file = read_source(source, what="a symbol JSON file", name="<symbol>")
    try:
        parsed = json.loads(bytes(file.data).decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise ImportFailure(
            f"{file.name}: not JSON at line {error.lineno}, column {error.colno} ({error.msg}): "
            f"{_json_hint(file.data, error.pos)}; expected a symbol that MXNet saved (-symbol.json)"
        ) from error
    except UnicodeDecodeError as error:
        raise ImportFailure(
            f"{file.name}: not UTF-8 text at byte {error.start}: {describe_foreign(file.data)}; "
            "expected a symbol that MXNet saved (-symbol.json)"
        ) from error
    except (RecursionError, ValueError) as error:
        raise ImportFailure(f"{file.name}: JSON that cannot be read: {error}") from error
    return _Reader(file.name).read_graph(parsed)


def _json_hint(data: memoryview, position: int) -> str:
    if bytes(data[:64]).lstrip()[:1] != b"{":
        return describe_foreign(data)
    if position >= len(bytes(data).rstrip()):
        return f"the text ends after {len(data)} bytes: truncated"
    return "damaged"


@dataclass
class _Reader:
    """Reads one graph; `version` and `np_shape` are those of the graph around it, which a subgraph leaves out."""

    source: str
    depth: int = 0
    version: int = DEFAULT_VERSION
    np_shape: bool = False

    def fail(self, message: str) -> ImportFailure:
        return ImportFailure(f"{self.source}: {message}")

    def read_graph(self, graph: object) -> SymbolGraph:
        if not isinstance(graph, Mapping) or "nodes" not in graph or "heads" not in graph:
            found = f"an object with {_few(graph)}" if isinstance(graph, Mapping) else _kind(graph)
            raise self.fail(
                f"not an MXNet symbol: expected an object with 'nodes' and 'heads', found {found}"
            )
        for key in graph.keys() - _GRAPH_KEYS:
            logger.warning("%s: unknown key %r is ignored (a file of a newer MXNet?)", self.source, key)
        attrs = graph.get("attrs", {})
        self.version, self.np_shape = self.read_attrs(attrs)
        raw_nodes = self.expect_list(graph["nodes"], "'nodes'")
        nodes: list[SymbolNode] = []
        for index, raw in enumerate(raw_nodes):
            nodes.append(self.read_node(index, raw, nodes, len(raw_nodes)))
        heads = tuple(
            self.read_entry(raw, f"head {position}", len(nodes), len(nodes))
            for position, raw in enumerate(self.expect_list(graph["heads"], "'heads'"))
        )
        if not heads:
            raise self.fail("the symbol has no heads: it returns nothing")
        for position, head in enumerate(heads):
            self.check_output(head, nodes, f"head {position}")
        self.check_arg_nodes(graph.get("arg_nodes", []), nodes)
        upgraded, new_heads = upgrade(nodes, heads, self.version)
        return SymbolGraph(upgraded, new_heads, self.version, self.source, self.np_shape, self.read_quantization(attrs))

    def expect_list(self, value: object, what: str) -> list[Any]:
        if not isinstance(value, list):
            raise self.fail(f"{what} must be a list, found {_kind(value)}")
        return value

    def read_attrs(self, attrs: object) -> tuple[int, bool]:
        """Returns the version and whether the symbol was saved under numpy shape semantics."""
        if not isinstance(attrs, Mapping):
            raise self.fail(f"'attrs' of the symbol must be an object, found {_kind(attrs)}")
        values: dict[str, int] = {}
        for key in ("mxnet_version", "is_np_shape"):
            match attrs.get(key):
                case None:
                    continue
                case ["int", int(value)] if not isinstance(value, bool):
                    values[key] = value
                case other:
                    raise self.fail(f'{key!r} must be ["int", number], found {str(other)[:80]}')
        return values.get("mxnet_version", self.version), values.get("is_np_shape", int(self.np_shape)) > 0

    def read_quantization(self, attrs: Mapping[str, Any]) -> QuantizationRecord | None:
        """Returns the quantization that the symbol records, if any."""
        match attrs.get(ATTRIBUTE):
            case None:
                return None
            case ["str", str(text)]:
                return QuantizationRecord.from_text(text, self.source)
            case other:
                raise self.fail(f'{ATTRIBUTE!r} must be ["str", text], found {str(other)[:80]}')

    def check_arg_nodes(self, arg_nodes: object, nodes: list[SymbolNode]) -> None:
        for raw in self.expect_list(arg_nodes, "'arg_nodes'"):
            if not _is_count(raw) or raw >= len(nodes):
                raise self.fail(
                    f"'arg_nodes' holds {str(raw)[:80]}, expected node numbers from 0 to {len(nodes) - 1}"
                )
            if not nodes[raw].is_variable:
                raise self.fail(f"'arg_nodes' lists {nodes[raw]}, which is no variable")

    def read_node(self, index: int, raw: object, earlier: list[SymbolNode], count: int) -> SymbolNode:
        if not isinstance(raw, Mapping):
            raise self.fail(f"node {index} must be an object, found {_kind(raw)}")
        name, op = raw.get("name"), raw.get("op")
        where = f"node {index} {name!r}" if isinstance(name, str) else f"node {index}"
        for key, value in (("name", name), ("op", op)):
            if not isinstance(value, str):
                raise self.fail(f"{where}: {key!r} must be a text, found {_kind(value)}")
            if not value.isprintable():
                raise self.fail(f"{where}: {key!r} holds characters that cannot be printed: {value[:80]!a}")
        for key in raw.keys() - _NODE_KEYS:
            logger.warning("%s: %s: unknown key %r is ignored", self.source, where, key)
        if "inputs" not in raw:
            raise self.fail(f"{where}: 'inputs' is missing; a variable has an empty list")
        inputs = tuple(
            self.read_entry(entry, f"{where}: input {slot}", index, count)
            for slot, entry in enumerate(self.expect_list(raw["inputs"], f"{where}: 'inputs'"))
        )
        if op == VARIABLE and inputs:
            raise self.fail(f"{where}: a variable cannot have inputs, found {len(inputs)}")
        for slot, entry in enumerate(inputs):
            self.check_output(entry, earlier, f"{where}: input {slot}")
        attrs, hidden = self.read_node_attrs(raw, where)
        if op == VARIABLE:
            attrs, hidden = {}, {**attrs, **hidden}
        return SymbolNode(
            index,
            canonical_operator(str(op)),
            str(name),
            attrs,
            hidden,
            inputs,
            self.read_subgraphs(raw.get("subgraphs", []), where),
            self.read_control_deps(raw.get("control_deps", []), where, index),
        )

    def read_node_attrs(self, raw: Mapping[str, Any], where: str) -> tuple[dict[str, str], dict[str, str]]:
        """Returns (parameters, hidden attributes); `attrs` and `attr` win over `param`, as in MXNet."""
        merged: dict[str, str] = {}
        for key in ("attrs", "attr", "param"):
            group = raw.get(key, {})
            if not isinstance(group, Mapping):
                raise self.fail(f"{where}: {key!r} must be an object, found {_kind(group)}")
            for attr, value in group.items():
                if not isinstance(value, str):
                    raise self.fail(f"{where}: {key} {attr!r} must be a text, found {_kind(value)}")
                merged.setdefault(attr, value)
        attrs = {attr: value for attr, value in merged.items() if not attr.startswith("__")}
        hidden = {attr: value for attr, value in merged.items() if attr.startswith("__")}
        return attrs, hidden

    def read_entry(self, raw: object, where: str, bound: int, count: int) -> Entry:
        if not isinstance(raw, list) or len(raw) not in (2, 3) or not all(_is_count(part) for part in raw):
            raise self.fail(
                f"{where} must be [node, output] or [node, output, version], found {str(raw)[:80]}"
            )
        node, output = raw[0], raw[1]
        if node >= count:
            raise self.fail(
                f"{where} refers to node {node}, but there are only {count} nodes (0 to {count - 1})"
            )
        if node >= bound:
            raise self.fail(
                f"{where} refers to node {node}, which is not before it: a cycle, or nodes out of order"
            )
        return Entry(node, output)

    def check_output(self, entry: Entry, nodes: list[SymbolNode], what: str) -> None:
        if nodes[entry.node].is_variable and entry.output != 0:
            raise self.fail(f"{what} asks for output {entry.output} of a variable, which has only 0")

    def read_control_deps(self, raw: object, where: str, index: int) -> tuple[int, ...]:
        deps = self.expect_list(raw, f"{where}: 'control_deps'")
        for dep in deps:
            if not _is_count(dep) or dep >= index:
                raise self.fail(
                    f"{where}: 'control_deps' holds {str(dep)[:80]}, expected numbers of earlier nodes"
                )
        return tuple(deps)

    def read_subgraphs(self, raw: object, where: str) -> tuple[SymbolGraph, ...]:
        graphs = self.expect_list(raw, f"{where}: 'subgraphs'")
        if graphs and self.depth >= _MAX_NESTING:
            raise self.fail(f"{where}: subgraphs are nested more than {_MAX_NESTING} deep")
        reader = _Reader(f"{self.source}: {where}, subgraph", self.depth + 1, self.version, self.np_shape)
        return tuple(reader.read_graph(graph) for graph in graphs)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _kind(value: object) -> str:
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a bool",
        int: "a number",
        float: "a number",
        type(None): "nothing",
    }
    return names.get(type(value), type(value).__name__)


def _few(graph: Mapping[str, Any]) -> str:
    keys = [repr(key)[:40] for key in list(graph)[:6]]
    return ", ".join(keys) + (" …" if len(graph) > 6 else "") if keys else "no keys"
