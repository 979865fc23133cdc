"""YAML files as plain data, with the place of every field, so that whatever is wrong in one is told with its line.

Manifests come from anywhere, so the file's size, depth and number of values are bounded, aliases count each time they are used, and tags make nothing but
YAML's plain types. What is refused although YAML has it: keys that occur twice, merge keys, several documents in one file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ngc.errors import ManifestError, shorten

MOST_BYTES = 256 << 10
"""Of a file; the agents' own manifests have about 2 KiB."""

MOST_DEPTH = 32
MOST_VALUES = 10_000

FieldPath = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str", "timestamp"))


@dataclass(frozen=True, order=True)
class Place:
    """A line and a column, both from 1."""

    line: int
    column: int

    @classmethod
    def of(cls, mark: yaml.Mark) -> "Place":
        """Returns the place of a mark of PyYAML's, which count from 0."""
        return cls(mark.line + 1, mark.column + 1)


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong at a place; `field` is empty where it is about the file."""

    place: Place
    field: str
    text: str


@dataclass(frozen=True)
class Document:
    """What a file says.

    Attributes:
        places: of the values, by field.
        keys: places of the keys, by the field that they name.
    """

    source: Path
    data: dict[str, Any]
    places: Mapping[FieldPath, Place]
    keys: Mapping[FieldPath, Place]

    def place(self, path: FieldPath) -> Place:
        """Returns where a field's value is, or where one should be: the key of the innermost mapping that is there."""
        if path in self.places:
            return self.places[path]
        while path not in self.places:
            path = path[:-1]
        return self.keys.get(path, self.places[path])


def raise_problems(source: Path, problems: Sequence[Problem]) -> None:
    """Does nothing without problems.

    Raises:
        ManifestError: a line for each problem, in the order of the file: `file:line:column: field: what is wrong`.
    """
    if problems:
        raise ManifestError("\n".join(_line(source, problem) for problem in sorted(set(problems))))


def spell(path: FieldPath) -> str:
    """Returns a field's path as text, such as inputs[0].parameters.mean."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path).removeprefix(".")


def read_document(source: Path, texts: frozenset[FieldPath] = frozenset()) -> Document:
    """Returns what a file says.

    Args:
        source: the file.
        texts: fields that are text even where YAML sees a number or a date: versions, checksums. In lists, the index is left out.

    Raises:
        ManifestError: the file cannot be read, or is not YAML of one mapping within the bounds.
    """
    text = _read(source)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise _at(Place(1, 1), "the file is empty; a manifest is a mapping of fields")
        if not isinstance(root, MappingNode):
            raise _at(Place.of(root.start_mark), f"{_kind(root)} where a mapping of fields is expected, such as `name: ResNet50_v1`")
        builder = _Builder(loader, texts)
        data = builder.build(root, ())
    except _Broken as error:
        raise_problems(source, [error.problem])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise_problems(source, [Problem(Place.of(mark) if mark else Place(1, 1), "", _yaml_text(error, text))])
    except (ValueError, OverflowError):  # an escape such as "\U99999999", which PyYAML does not check
        raise_problems(source, [Problem(Place(loader.line + 1, loader.column + 1), "", "an escape that is no character")])
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        raise_problems(source, [Problem(place, "", f"the character U+{ord(text[error.position]):04X} is not allowed in YAML")])
    raise_problems(source, builder.problems)
    return Document(source, data, builder.places, builder.keys)


class _Broken(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def _at(place: Place, text: str, field: str = "") -> _Broken:
    return _Broken(Problem(place, field, text))


def _line(source: Path, problem: Problem) -> str:
    field = f"{problem.field}: " if problem.field else ""
    return f"{source}:{problem.place.line}:{problem.place.column}: {field}{problem.text}"


def _key(name: str) -> str:
    return shorten(name) if name.isprintable() else repr(shorten(name))


def _read(source: Path) -> str:
    try:
        if not source.is_file():
            raise ManifestError(f"{source}: {'not a file' if source.exists() else 'no such file'}")
        with source.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise ManifestError(f"{source}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MOST_BYTES:
        raise ManifestError(f"{source}: has more than {MOST_BYTES >> 10} KiB; no manifest is that long")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise ManifestError(_line(source, Problem(place, "", f"the byte 0x{data[error.start]:02x} is not UTF-8, which manifests are written in"))) from None


def _yaml_text(error: yaml.MarkedYAMLError, text: str) -> str:
    """Returns what PyYAML says, in the words of somebody who looks at the file."""
    mark = error.problem_mark
    if mark is not None and text[mark.index : mark.index + 1] == "\t":
        return "a tab; YAML is indented by spaces"
    if error.problem == "but found another document":
        return "a second document; a file has one manifest"
    return "not YAML: " + ": ".join(shorten(part) for part in (error.context, error.problem) if part)


def _kind(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return f"the value {shorten(node.value)!r}"
    return "a list" if isinstance(node, SequenceNode) else "a mapping"


class _Loader(yaml.SafeLoader):
    """Composes nodes, and gives up where they are too deep: PyYAML's own composer recurses."""

    depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise _at(Place(self.line + 1, self.column + 1), f"values within values more than {MOST_DEPTH} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Builder:
    """Makes data of nodes and notes the places of all values."""

    def __init__(self, loader: _Loader, texts: frozenset[FieldPath]) -> None:
        self.loader, self.texts = loader, texts
        self.places: dict[FieldPath, Place] = {}
        self.keys: dict[FieldPath, Place] = {}
        self.problems: list[Problem] = []

    def build(self, node: Node, path: FieldPath) -> Any:
        place = Place.of(node.start_mark)
        self.places[path] = place
        if len(self.places) > MOST_VALUES or len(path) > MOST_DEPTH:  # aliases may repeat, or hold themselves
            raise _at(place, f"more than {MOST_VALUES} values or {MOST_DEPTH} levels, counting what aliases repeat", spell(path))
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return {key: self.build(value, (*path, key)) for key, value in self._members(node, path)}
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node, path)
        self.problems.append(Problem(place, spell(path), f"the tag {_spelled_tag(node.tag)}; a manifest has texts, numbers, true, false, lists and mappings"))
        return None

    def _members(self, node: MappingNode, path: FieldPath) -> Iterator[tuple[str, Node]]:
        first: dict[str, Place] = {}
        for key, value in node.value:
            place = Place.of(key.start_mark)
            if not isinstance(key, ScalarNode):
                self.problems.append(Problem(place, spell(path), f"{_kind(key)} as a key; keys are names"))
                continue
            member = (*path, key.value)
            if key.tag == f"{_TAG}merge":
                self.problems.append(Problem(place, spell(member), "a merge key; manifests write fields out"))
            elif key.value in first:
                self.problems.append(Problem(place, spell(member), f"the key is there twice, first in line {first[key.value].line}"))
            else:
                first[key.value] = self.keys[member] = place
                yield key.value, value

    def _scalar(self, node: ScalarNode, path: FieldPath) -> Any:
        named = tuple(part for part in path if isinstance(part, str))
        if named in self.texts and node.tag != f"{_TAG}null":
            return node.value
        try:
            return self.loader.construct_object(node)
        except (ValueError, LookupError, AttributeError, OverflowError, yaml.YAMLError):
            # The 31st of February, digits beyond what int() takes, and explicit tags, whose values PyYAML does not check.
            what = f"{shorten(node.value)!r} is no {node.tag.removeprefix(_TAG)} of YAML's; a text is written in quotes"
            self.problems.append(Problem(self.places[path], spell(path), what))
            return None


def _spelled_tag(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
