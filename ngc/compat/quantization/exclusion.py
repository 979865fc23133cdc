"""Which operators a caller keeps in floating point: names and kinds, checked against the symbol."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from ngc.errors import InputError
from ngc.importer import SymbolGraph, SymbolNode
from ngc.importer.operator_names import canonical_operator

_FUSED_KINDS = {
    "_sg_mkldnn_conv": "Convolution",
    "_sg_mkldnn_fully_connected": "FullyConnected",
    "_sg_onednn_conv": "Convolution",
    "_sg_onednn_fully_connected": "FullyConnected",
}
"""What MXNet calls layers after it fused them; ngc excludes the layers themselves."""


def excluded_operators(symbol: SymbolGraph, names: Any, kinds: Any, *, substrings: Any = None, words: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the operators to exclude, in the symbol's order.

    Args:
        symbol: the model's symbol; of fused operators their parts count.
        names: names of operators, or of fused operators, which stand for all of their parts.
        kinds: kinds of operators, such as "Pooling".
        substrings: parts of operators' names.
        words: what the caller calls these three arguments, for messages.

    Raises:
        InputError: an argument is no list, or an item of it that matches no operator.
    """
    every = list(_operators(symbol))
    chosen: set[str] = set()
    for items, word, (phrase, keys, matches) in zip((names, kinds, substrings), words, _SEARCHES, strict=False):
        for item in _checked(items, word):
            found = {part.name for node, part in every if any(matches(item, key) for key in keys(node, part))}
            if not found:
                known = dict.fromkeys(key for node, part in every for key in keys(node, part))
                raise InputError(f"{word}: the symbol has no operator {phrase} {item!r}; {_near(item, list(known))}")
            chosen |= found
    return tuple(dict.fromkeys(part.name for _, part in every if part.name in chosen))


def _operators(symbol: SymbolGraph) -> Iterator[tuple[SymbolNode, SymbolNode]]:
    """Yields each operator with itself, and each part of a fused operator with the fused one before it."""
    for node in symbol.nodes:
        parts: Iterable[SymbolNode] = (part for inner in node.subgraphs for part in inner.nodes) if node.subgraphs else (node,)
        yield from ((node, part) for part in parts if not part.is_variable)


def _names(node: SymbolNode, part: SymbolNode) -> tuple[str, ...]:
    return part.name, node.name


def _kinds(node: SymbolNode, part: SymbolNode) -> tuple[str, ...]:
    return part.op, node.op, *(fused for fused, kind in _FUSED_KINDS.items() if kind == part.op)


def _is_name(item: str, name: str) -> bool:
    return item == name


def _is_kind(item: str, kind: str) -> bool:
    return canonical_operator(item) == kind


def _is_part(item: str, name: str) -> bool:
    return item in name


_SEARCHES = (("named", _names, _is_name), ("of the kind", _kinds, _is_kind), ("whose name contains", _names, _is_part))


def _checked(items: Any, word: str) -> list[str]:
    if items is None:
        return []
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise InputError(f"{word} must be a list of strings, not {items!r}")
    return list(items)


def _near(item: str, known: Sequence[str]) -> str:
    near = get_close_matches(item, known, 3)
    return f"did you mean {', '.join(map(repr, near))}?" if near else f"there are {', '.join(map(repr, known[:8]))}{' …' if len(known) > 8 else ''}"
