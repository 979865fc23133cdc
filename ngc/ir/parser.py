"""Reads the text forms of a graph that `ngc.ir.printer` writes, the short and the generic one; a text may mix them.

Types are inferred as each line is read and must agree with those in the text, so a parsed graph is well-typed. Lines that begin with `#` are
comments.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.builder import make_const, make_node
from ngc.ir.cursor import Cursor
from ngc.ir.graph import STAGES, Graph, Node, Value
from ngc.ir.loc import Loc
from ngc.ir.opdef import opdef
from ngc.ir.tensor_type import DTYPES
from ngc.ir.type_parser import parse_type
from ngc.ir.value_parser import parse_value, value_name
from ngc.ir.weight import Weight

_NAME = re.compile(r"@[A-Za-z_][A-Za-z0-9_.$-]*")
_DIGEST = re.compile(r"#[0-9a-f]{16}(?![0-9A-Za-z])")
_MOST_NESTING = 16


def parse(text: str, weights: Mapping[str, np.ndarray] | None = None, *, source: str = "<text>") -> Graph:
    """Returns the graph that a text describes.

    Args:
        text: What `print_graph` returned.
        weights: Data of the constants by their names (`@name`, or `name#hash` where one name stands for several arrays). Constants that are
            not in it have a type and a name but no data.
        source: The name of the text in messages, a file name.

    Raises:
        ParseError: the text is no graph, types do not fit, or data differs from the hash in the text.
    """
    return _Parser(_Lines(text.split("\n"), source), weights or {}).run()


class _Lines:
    """The lines of a text, one after the other; those that are empty or comments are passed over."""

    def __init__(self, lines: Sequence[str], source: str) -> None:
        self.lines, self.source, self.number = lines, source, 0

    def next(self) -> Cursor | None:
        """Returns a cursor at the beginning of the next line, None behind the last."""
        while self.number < len(self.lines):
            self.number += 1
            cursor = Cursor(self.lines[self.number - 1], self.number, self.source)
            if not cursor.at_end and not cursor.peek("#"):
                return cursor
        return None

    def back(self) -> None:
        """Lets `next` return the same line again."""
        self.number -= 1

    def ended(self, wanted: str) -> NoReturn:
        """Raises ParseError: the text ends where something is missing."""
        Cursor(self.lines[-1], len(self.lines), self.source).fail(f"the text ends; expected {wanted}", len(self.lines[-1]))


class _Parser:
    """State of one parse: the graph so far and its values by name. A region is parsed by a parser of its own, from the same lines."""

    def __init__(self, lines: "_Lines", weights: Mapping[str, np.ndarray], *, depth: int = 0) -> None:
        self.lines, self.weights, self.depth = lines, weights, depth
        self.graph = Graph()
        self.values: dict[str, Value] = {}

    def run(self) -> Graph:
        """Reads the header, nodes until `return`, and the closing brace; of a region no further."""
        state = "header"
        while (cursor := self.lines.next()) is not None:
            match state:
                case "header":
                    self.header(cursor)
                    state = "nodes"
                case "nodes" if cursor.match(re.compile(r"return(?![\w.])")) is not None:
                    self.returned(cursor)
                    state = "brace"
                case "nodes" if cursor.match(re.compile(r"range(?![\w.])")) is not None:
                    self.range(cursor)
                case "nodes" if cursor.peek("}"):
                    cursor.fail("a graph ends with a return line before its brace")
                case "nodes":
                    self.node(cursor)
                case "brace":
                    cursor.expect("}", "after the return line")
                    state = "end"
                case _:
                    cursor.fail("expected nothing after the graph's closing brace")
            if not cursor.at_end:
                cursor.fail("expected the end of the line")
            if state == "end" and self.depth:
                break
        if state != "end":
            self.lines.ended({"header": "a graph: graph @name(%input: f32[1,3,224,224]) {", "nodes": "a return line", "brace": "'}'"}[state])
        return self.graph

    def header(self, cursor: Cursor) -> None:
        """Reads `graph @name(%input: type, ...) stage("...") excluded("...") {`."""
        if cursor.match(re.compile(r"graph(?![\w.])")) is None:
            cursor.fail("expected a graph: graph @name(%input: f32[1,3,224,224]) {")
        self.graph.name = _at_name(cursor, "the graph's name")
        cursor.expect("(", "before the graph's inputs")
        while not cursor.accept(")"):
            if self.values:
                cursor.expect(",", "or ')' after an input")
            start = cursor.skip()
            name = self.fresh_name(cursor)
            public = cursor.string("the name that callers feed the input under") if cursor.accept("as") else name
            cursor.expect(":", "after an input's name")
            self.define(cursor, start, name, self.graph._add_input(name, parse_type(cursor), public))
        if cursor.accept("stage"):
            cursor.expect("(", "after stage")
            start = cursor.skip()
            self.graph.stage = cursor.string("the stage")
            if self.graph.stage not in STAGES:
                cursor.fail(f"unknown stage {self.graph.stage!r}; known: {', '.join(STAGES)}", start)
            cursor.expect(")", "after the stage")
        if cursor.accept("excluded"):
            cursor.expect("(", "after excluded")
            patterns: list[str] = []
            while not cursor.accept(")"):
                if patterns:
                    cursor.expect(",", "or ')' after a pattern")
                patterns.append(cursor.string("a pattern of node names"))
            self.graph.excluded = tuple(patterns)
        cursor.expect("{", "at the end of the graph's header")

    def range(self, cursor: Cursor) -> None:
        """Reads `%value [low,high]` after `range`."""
        start = cursor.skip()
        value, limits = self.operand(cursor), parse_value(cursor)
        if not isinstance(limits, tuple) or [type(limit) for limit in limits] != [float, float] or not limits[0] <= limits[1]:
            cursor.fail("a range is a list of two numbers, the smallest first, such as [-1.0,1.0]", start)
        self.graph.ranges[value.name] = limits

    def node(self, cursor: Cursor) -> None:
        """Reads `%a, %b = op(%x, ...) {attr=value, ...} : type, type loc(...)`, or the same with `"op"` and `(type, ...) -> type, type`."""
        begin = cursor.skip()
        places = [(begin, self.fresh_name(cursor))]
        while cursor.accept(","):
            places.append((cursor.skip(), self.fresh_name(cursor)))
        cursor.expect("=", "after the results' names")
        start = cursor.skip()
        quoted = cursor.try_string()
        op = quoted or cursor.word("an operator's name")
        if op == "const":
            if len(places) != 1:
                cursor.fail("a constant has one result", begin)
            node = self.const(cursor, places[0][1], generic=quoted is not None)
        else:
            node = self.operation(cursor, op, start, [name for _, name in places], generic=quoted is not None)
        self.graph._append(node)
        self.graph._link(node)
        for (place, name), value in zip(places, node.outputs, strict=True):
            self.define(cursor, place, name, value)

    def const(self, cursor: Cursor, name: str, *, generic: bool) -> Node:
        """Reads `@weight#hash : type loc(...)` after `const`, `() {name="weight", digest="hash"} : () -> type loc(...)` after `"const"`."""
        start = cursor.skip()
        if generic:
            weight_name, digest = _weight_attributes(cursor)
            _operand_types(cursor, ())
        else:
            weight_name = _at_name(cursor, "the constant's name")
            digest = (cursor.match(_DIGEST) or "#")[1:] if cursor.peek("#") else ""
            if not digest and cursor.peek("#"):
                cursor.fail("expected a hash of 16 hexadecimal digits")
            cursor.expect(":", "after the constant's name")
        type = parse_type(cursor)
        locs = _locations(cursor)
        array = self.weights.get(f"{weight_name}#{digest}", self.weights.get(weight_name))
        weight = Weight(weight_name, None, digest or None)
        if array is not None:
            wanted = DTYPES.get(type.dtype, np.dtype(np.float32))
            if array.shape != type.shape or array.dtype != wanted:
                cursor.fail(f"the data of {weight_name!r} is {array.dtype}{list(array.shape)}, which does not fit {type}", start)
            weight = Weight(weight_name, array)
            if digest and weight.digest != digest:
                cursor.fail(f"the data of {weight_name!r} has the hash {weight.digest}, the text says {digest}: they are of different models", start)
        return make_const(self.graph, weight, type, name, locs)

    def operation(self, cursor: Cursor, op: str, start: int, names: Sequence[str], *, generic: bool) -> Node:
        """Reads `(operands) {attributes} : types loc(...)` after an operator's name, in the generic form `(types) -> types`."""
        try:
            opdef(op)
        except VerifyError as error:
            cursor.fail(str(error), start)
        inputs: list[Value] = []
        cursor.expect("(", "before the operands")
        while not cursor.accept(")"):
            if inputs:
                cursor.expect(",", "or ')' after an operand")
            inputs.append(self.operand(cursor))
        attrs, steps = self.attributes(cursor)
        if generic:
            _operand_types(cursor, inputs)
        elif not cursor.accept(":"):
            cursor.fail("expected ':' and the result types after the node")
        types = [parse_type(cursor)]
        while cursor.accept(","):
            types.append(parse_type(cursor))
        locs = _locations(cursor)
        regions = self.regions(cursor)
        if len(types) != len(names):
            cursor.fail(f"results and types must be equally many, not {len(names)} and {len(types)}", start)
        self.check_step_operands(cursor, inputs, attrs, steps)
        try:
            return make_node(self.graph, op, inputs, attrs, locs, names[0], types, regions, result_names=names)
        except VerifyError as error:
            cursor.fail(str(error), start)

    def regions(self, cursor: Cursor) -> tuple[Graph, ...]:
        """Reads the graphs between `{` at the end of a node's line and a line `}`, where they are there."""
        if not cursor.accept("{"):
            return ()
        if self.depth >= _MOST_NESTING:
            cursor.fail(f"regions nest at most {_MOST_NESTING} deep")
        if not cursor.at_end:
            cursor.fail("expected the end of the line before a region")
        found: list[Graph] = []
        while (inner := self.lines.next()) is not None and not inner.accept("}"):
            self.lines.back()
            found.append(_Parser(self.lines, self.weights, depth=self.depth + 1).run())
        if inner is None:
            self.lines.ended("'}' after a node's regions")
        if not inner.at_end:
            inner.fail("expected the end of the line")
        return tuple(found)

    def attributes(self, cursor: Cursor) -> tuple[dict[str, object], dict[str, list[tuple[int, str]]]]:
        """Reads `{name=value, ...}` if it is there; returns the attributes and the operands that steps showed, with their places."""
        attrs: dict[str, object] = {}
        steps: dict[str, list[tuple[int, str]]] = {}
        if not cursor.accept("{"):
            return attrs, steps
        while not cursor.accept("}"):
            if attrs:
                cursor.expect(",", "or '}' after an attribute")
            start = cursor.skip()
            name = cursor.word("an attribute's name")
            if name in attrs:
                cursor.fail(f"the attribute {name} is given twice", start)
            cursor.expect("=", f"after the attribute {name}")
            attrs[name] = parse_value(cursor, steps.setdefault(name, []))
        return attrs, steps

    def check_step_operands(self, cursor: Cursor, inputs: Sequence[Value], attrs: Mapping[str, object],
                            steps: Mapping[str, list[tuple[int, str]]]) -> None:
        """Compares the operands that steps show with the node's last operands."""
        end = len(inputs)
        for name in ("epilogue", "prologue"):
            shown = steps.get(name, [])
            tail = inputs[max(end - len(shown), 0):end]
            end -= len(shown)
            if len(tail) < len(shown):
                cursor.fail(f"the steps of {name} read {len(shown)} operands, the node has too few", shown[0][0])
            for (place, operand), value in zip(shown, tail, strict=True):
                if operand != value.name:
                    cursor.fail(f"this step reads %{value.name}, the operand at its place among the node's, not %{operand}", place)

    def returned(self, cursor: Cursor) -> None:
        """Reads `%a as "name", %b` after `return`."""
        outputs: list[Value] = []
        names: list[str] = []
        while not cursor.at_end:
            if outputs:
                cursor.expect(",", "or the end of the line after an output")
            outputs.append(self.operand(cursor))
            names.append(cursor.string("the output's name") if cursor.accept("as") else outputs[-1].name)
        self.graph.outputs, self.graph.output_names = tuple(outputs), tuple(names)

    def operand(self, cursor: Cursor) -> Value:
        """Reads the name of a value that exists."""
        start = cursor.skip()
        name = value_name(cursor)
        value = self.values.get(name)
        if value is None:
            cursor.fail(f"%{name} is not defined above", start)
        return value

    def fresh_name(self, cursor: Cursor) -> str:
        """Reads the name of a value that does not exist yet."""
        start = cursor.skip()
        name = value_name(cursor)
        if name in self.values:
            cursor.fail(f"%{name} is defined twice", start)
        return name

    def define(self, cursor: Cursor, start: int, name: str, value: Value) -> None:
        """Records a value under its name."""
        if name in self.values:
            cursor.fail(f"%{name} is defined twice", start)
        self.values[name] = value


def _operand_types(cursor: Cursor, operands: Sequence[Value]) -> None:
    """Reads `: (type, ...) ->` and compares the types with those of the operands."""
    cursor.expect(":", "and the types of operands and results")
    cursor.expect("(", "before the operands' types")
    for number, value in enumerate(operands):
        if number:
            cursor.expect(",", "between the operands' types")
        start = cursor.skip()
        if (found := parse_type(cursor)) != value.type:
            cursor.fail(f"the operand %{value.name} has the type {value.type}, not {found}", start)
    cursor.expect(")", "after the operands' types, one for each operand")
    cursor.expect("->", "before the results' types")


def _weight_attributes(cursor: Cursor) -> tuple[str, str]:
    """Reads `() {name="weight", digest="hash"}`; a digest of none is an empty text."""
    for token in ("(", ")", "{", "name", "="):
        cursor.expect(token, 'in () {name="weight", digest="hash"} of a constant')
    name = cursor.string("the constant's name")
    for token in (",", "digest", "="):
        cursor.expect(token, 'in () {name="weight", digest="hash"} of a constant')
    start = cursor.skip()
    digest = "" if cursor.accept("none") else cursor.string("the constant's hash, or none,")
    if digest and _DIGEST.fullmatch(f"#{digest}") is None:
        cursor.fail("expected a hash of 16 hexadecimal digits", start)
    cursor.expect("}", "after the constant's attributes")
    return name, digest


def _at_name(cursor: Cursor, what: str) -> str:
    plain = cursor.match(_NAME)
    if plain is not None:
        return plain[1:]
    cursor.expect("@", f"and {what}")
    return cursor.string(what)


def _locations(cursor: Cursor) -> tuple[Loc, ...]:
    """Reads `loc("name" in "file" at 12, ...)` if it is there."""
    if not cursor.accept("loc"):
        return ()
    cursor.expect("(", "after loc")
    locs: list[Loc] = []
    while not cursor.accept(")"):
        if locs:
            cursor.expect(",", "or ')' after a location")
        name = cursor.string("a source node's name")
        file = cursor.string("a file's name") if cursor.accept("in") else ""
        index = cursor.integer("a node's index", 0, 1 << 40) if cursor.accept("at") else -1
        locs.append(Loc(name, file, index))
    return tuple(locs)
