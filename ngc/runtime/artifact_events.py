"""The stream of decisions in an artifact, so that a loaded executable can explain itself: compressed JSON, read when the graph is asked for.

For a ResNet-50 v2 that is 6 KB beside 260 MB.
"""

import json
import zlib
from typing import Any

from ngc.ir import Graph, Loc
from ngc.runtime.artifact_file import ArtifactFile, NewSection

SECTION = "events"

_MOST_BYTES = 64 << 20
"""Of the text of all decisions, some 400,000 of them."""


def collect_events(graph: Graph) -> NewSection:
    """Returns the section of a graph's events."""
    rows = [[event.pass_name, event.rule, event.status, event.node, event.reason, [[loc.name, loc.file, loc.index] for loc in event.locs]]
            for event in graph.events]
    return NewSection(SECTION, [zlib.compress(json.dumps(rows, separators=(",", ":")).encode())])


def attach_events(graph: Graph, file: ArtifactFile) -> None:
    """Gives a graph the events of its artifact; those of earlier versions have none.

    Raises:
        ArtifactError: the file is altered.
        ValueError, TypeError, RecursionError: the section is none of ngc's.
    """
    if SECTION not in file.sections:
        return
    for pass_name, rule, status, node, reason, locs in json.loads(_unpacked(file.section(SECTION).read())):
        if not all(isinstance(text, str) for text in (pass_name, rule, status, node, reason)):
            raise ValueError("a decision without its texts")
        graph.events.record(pass_name, rule, status, node, reason, tuple(map(_loc, locs)))


def _unpacked(data: memoryview) -> bytes:
    """Returns the text of a section, which may say that it unpacks to any size."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not unpacker.eof:
        raise ValueError(f"decisions of more than {_MOST_BYTES} bytes, or cut off")
    return text


def _loc(entry: Any) -> Loc:
    name, file, index = entry
    if not isinstance(name, str) or not isinstance(file, str) or type(index) is not int:
        raise ValueError("a decision about no place in a model")
    return Loc(name, file, index)
