"""Artifacts: `ngc.load` up to the point where code would be mapped, then the graph, the constants and what else is read on demand.

Mutations change the manifest as a JSON tree, the IR as text, events inside of their compression and other sections as bytes, and then seal the file again:
lengths, places and digests are true, unless the mutation was of them. Object code is the one section that never changes and that goes to nobody: whoever can
recompute digests can put any code into an artifact, which is why one loads artifacts from trusted places only.
"""

import hashlib
import random
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ngc.codegen.llvm import build, jit
from ngc.errors import ArtifactError, EngineError, VerifyError
from ngc.ir.graph import Graph
from ngc.ir.verify import verify
from ngc.runtime import artifact, executable
from ngc.runtime.artifact_file import CHUNK, FORMAT, HEADER_BYTES, MAGIC
from ngc.runtime.team import barrier_address
from ngc.target import CpuTarget
from tests.fuzz.mutation import json_trees, raw_bytes
from tests.fuzz.reader import Reader, scratch_folder
from tests.fuzz.readers import ir

_FOLDER = scratch_folder()
_BARRIER = barrier_address()  # the one piece of code that every executable needs, loaded before LLVM is out of the way
_HEADER = struct.Struct("<8sIIQQ32s")
_PAGE = 4096


def read(data: bytes) -> None:
    """Loads an artifact without its code, and reads all that it holds."""
    path = Path(_FOLDER.name, "model.ngc")
    path.write_bytes(data)
    with _without_code():
        try:
            loaded = artifact.load(path)
        except _Rebuilt:
            return
    if loaded.verify_weights is not None:
        loaded.verify_weights()
    repr(loaded)
    graph = loaded.graph
    str(graph)
    with suppress(VerifyError):  # of a graph that parses and means nothing, whoever compiles it again is told
        verify(graph)
    arrays = [node.weight.array for node in graph.nodes if node.weight is not None]
    assert sum(array.nbytes for array in arrays if array is not None) <= len(arrays) * len(data), "more memory than the file has bytes"


@contextmanager
def _without_code() -> Iterator[None]:
    """Puts stand-ins where code would be mapped, generated or handed to an engine."""
    places = (jit, "load_objects", _link), (executable.Executable, "open_engines", lambda self: None), (build, "build_program", _rebuild)
    kept = [getattr(owner, name) for owner, name, _ in places]
    for owner, name, stand_in in places:
        setattr(owner, name, stand_in)
    try:
        yield
    finally:
        for (owner, name, _), original in zip(places, kept, strict=True):
            setattr(owner, name, original)


def _link(objects: Mapping[str, bytes], imports: Mapping[str, int]) -> SimpleNamespace:
    """Stands for LLVM: every symbol is where nothing is."""
    return SimpleNamespace(addresses=dict.fromkeys(objects, 0))


class _Rebuilt(BaseException):
    """Raised where an artifact of another version would be compiled again: its graph was read and is sound."""


def _rebuild(graph: Graph, target: CpuTarget, **options: object) -> None:
    raise _Rebuilt


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns an artifact with one changed part, sealed again; one in ten is changed as bytes."""
    parts = open_parts(data)
    if parts is None or rng.random() < 0.1:
        return raw_bytes.mutate(data, most, rng)
    manifest, sections = parts
    kind = rng.random()
    if kind < 0.55:
        del manifest["sections"]
        manifest = json_trees.change(manifest, rng)
        return seal(manifest, sections)[:most]
    if kind < 0.65:
        return seal(manifest, sections, lambda table: json_trees.change(table, rng))[:most]
    name = rng.choice([name for name in sections if name != "objects"] or [""])
    if name:
        sections[name] = _mutate_section(name, sections[name], rng)
    return seal(manifest, sections)[:most]


def _mutate_section(name: str, data: bytes, rng: random.Random) -> bytes:
    if name == "ir":
        return ir.mutate(data, 1 << 13, rng)
    if name == "events" and rng.random() < 0.8:
        try:
            return zlib.compress(json_trees.mutate(zlib.decompress(data), 1 << 13, rng))
        except zlib.error:
            return data
    return raw_bytes.mutate(data, 1 << 13, rng)


def open_parts(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    """Returns manifest and sections of a file whose digests need not be true; None where it is none."""
    if len(data) < HEADER_BYTES:
        return None
    length = _HEADER.unpack_from(data)[4]
    manifest = json_trees.parse(data[HEADER_BYTES:HEADER_BYTES + length])
    base = _round_up(HEADER_BYTES + length)
    try:
        table = {name: (entry["offset"], entry["length"]) for name, entry in manifest["sections"].items()}
        return manifest, {name: data[base + offset:base + offset + size] for name, (offset, size) in table.items()}
    except (AttributeError, KeyError, TypeError):
        return None


def seal(manifest: Any, sections: Mapping[str, bytes], change: Any = lambda table: table) -> bytes:
    """Returns the file of a manifest and sections; `change` has the last word on the table of sections. They lie close together, which readers allow."""
    table: dict[str, dict[str, Any]] = {}
    offset = 0
    for name, data in sections.items():
        digests = [hashlib.sha256(data[begin:begin + CHUNK]).hexdigest() for begin in range(0, len(data), CHUNK)]
        table[name] = {"offset": offset, "length": len(data), "sha256": digests}
        offset = -(-(offset + len(data)) // 64) * 64
    if isinstance(manifest, dict):
        manifest["sections"] = change(table)
    text = json_trees.dump(manifest)
    body = b"".join(data + bytes(-len(data) % 64) for data in sections.values())
    padding = bytes(_round_up(HEADER_BYTES + len(text)) - HEADER_BYTES - len(text))
    size = HEADER_BYTES + len(text) + len(padding) + len(body)
    return _HEADER.pack(MAGIC, FORMAT, 0, size, len(text), hashlib.sha256(text).digest()) + text + padding + body


def _round_up(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


READER = Reader(read, mutate, (ArtifactError, EngineError), most=1 << 13)
