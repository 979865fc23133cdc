"""Changes a JSON document as a tree: subtrees are replaced, doubled, moved and nested, numbers and texts go to their limits."""

import json
import random
from collections.abc import Iterator
from typing import Any

from tests.fuzz.mutation import raw_bytes, values

_MOST_PLACES = 4000


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns a document with a few changed places; one in twenty is changed as bytes, so that it may be none."""
    document = parse(data)
    if document is None or rng.random() < 0.05:
        return raw_bytes.mutate(data, most, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        document = change(document, rng)
    return dump(document)[:most]


def parse(data: bytes) -> Any:
    """Returns the document; None where the bytes are none, or nest deeper than can be walked."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def dump(document: Any) -> bytes:
    """Returns the text of a document; lone surrogates stay escapes."""
    try:
        return json.dumps(document, separators=(",", ":")).encode()
    except (RecursionError, ValueError, MemoryError):  # nested beyond the limit, or in itself, or doubled too often
        return b"[" * 5000


def change(document: Any, rng: random.Random) -> Any:
    """Returns the document after one change at a place drawn from all of its places."""
    places = list(_places(document))
    if not places:
        return _leaf(document, rng)
    parent, key = rng.choice(places)
    old = parent[key]
    match rng.randrange(10):
        case 0:
            del parent[key]
        case 1:
            other, name = rng.choice(places)
            parent[key] = other[name]
        case 2:
            alike = [(other, name) for other, name in places if type(other[name]) is type(old)]
            other, name = rng.choice(alike)
            parent[key], other[name] = other[name], parent[key]
        case 3:
            if isinstance(parent, list):
                parent[key:key] = [old] * rng.choice((1, 1, 1, 2, 40))
            else:
                parent[values.text(rng, key)] = old
        case 4:
            for _ in range(rng.choice((1, 1, 2, 9, 300))):
                old = [old] if rng.random() < 0.5 else {rng.choice(("nodes", "a", "0")): old}
            parent[key] = old
        case 5:
            parent[key] = rng.choice(([], {}, None, True, False, 0, "", [[]], {"": None}, [0, 0], ["int", 0]))
        case _:
            new = _leaf(old, rng) if not isinstance(old, dict | list) else change(old, rng)
            if new is not old:  # else the change is in it; and where the document holds itself, the place may be gone
                parent[key] = new
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yields (container, key) of every element, breadth first, each container once."""
    queue, seen, count = [document], set(), 0
    for part in queue:
        if not isinstance(part, dict | list) or id(part) in seen:
            continue
        seen.add(id(part))
        for key in part if isinstance(part, dict) else range(len(part)):
            yield part, key
            queue.append(part[key])
            count += 1
            if count > _MOST_PLACES:
                return


def _leaf(old: Any, rng: random.Random) -> Any:
    if isinstance(old, str) and rng.random() < 0.9:
        return values.text(rng, old)
    if rng.random() < 0.85:
        return values.number(rng)
    return rng.choice((None, True, False, rng.choice(values.TEXTS), [], {}))
