"""Saves executables to files and loads them: `model.ngc`.

An artifact is code. Loading one and running it executes what is in it, with the rights of the process: load only what comes from a trusted place.
Digests find damage; they prove nothing about who made the file.

The file holds a manifest (versions, inputs, outputs, target, memory), the IR text, the object code of all kernels, their packed weights, and the constants
that the IR refers to, what was decided about its nodes, and what was built for engines. Loading maps it. Header, manifest, IR, code and engines are compared
with their digests before use. Packed weights are compared when the first run is about to read them, or at once with `verify=True`; the IR's constants one by
one when somebody asks for their data, which loading and running on the CPU never do. The graph is parsed when `Executable.graph` is asked for, or an engine
takes part. The file must not be changed in place while it is loaded; saving again to the same path is safe, since it puts a new file there.

An artifact of another ngc version or ABI is compiled again, for the target that it was made for, from the IR and the constants that it holds.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ngc
from ngc.codegen.program import Program
from ngc.errors import ArtifactError, CodegenError, EngineError, InputError, NgcError, ParseError
from ngc.ir import Graph
from ngc.ir.parser import parse
from ngc.ir.verify import verify as verify_graph
from ngc.runtime.artifact_constants import attach_constants, collect_constants
from ngc.runtime.artifact_engines import collect_engines, read_engines
from ngc.runtime.artifact_events import attach_events, collect_events
from ngc.runtime.artifact_file import ArtifactFile, NewSection, open_artifact, write_artifact
from ngc.runtime.artifact_manifest import make_manifest, read_program, read_target, read_threads
from ngc.runtime.context import ABI
from ngc.runtime.executable import Executable
from ngc.target import CpuTarget, host_target, parse_target

_log = logging.getLogger(__name__)


def save(executable: Executable, path: str | os.PathLike[str]) -> None:
    """Writes an executable to a file, whole or not at all.

    Raises:
        ArtifactError: the file cannot be written; what was there before still is.
    """
    program, graph = executable.program, executable.graph
    if executable.verify_weights is not None:
        executable.verify_weights()
    images = {id(image): image for image in program.objects.values()}
    objects = NewSection("objects", list(images.values()), alignment=16)
    places = dict(zip(images, zip(objects.offsets(), map(len, images.values()), strict=True), strict=True))
    constants, table = collect_constants(graph)
    engine_sections, engines = collect_engines(program.engines)
    manifest = {**make_manifest(program, graph, executable.target, executable.threads_asked), "constants": table, "engines": engines,
                "symbols": {symbol: places[id(image)] for symbol, image in program.objects.items()}}
    sections = [NewSection("ir", [str(graph).encode()]), objects, NewSection("weights", [program.weights.data]), constants, collect_events(graph),
                *engine_sections]
    write_artifact(Path(path), manifest, sections)


def load(path: str | os.PathLike[str], *, threads: int | None = None, verify: bool = False) -> Executable:
    """Returns the executable of a saved artifact. An artifact is code: load only what comes from a trusted place.

    Args:
        path: what `save` wrote.
        threads: how many threads share a run; those that were asked for at compilation, else the physical cores, unless given.
        verify: compare all weights and constants with their digests now.

    Raises:
        ArtifactError: the file is missing, truncated, altered, no artifact, or for another machine.
        EngineError: it holds engines whose library or device this machine lacks; says which, and what the engines were built for.
        InputError: `threads` is no number of threads.
    """
    file = open_artifact(path := Path(path))
    try:
        target = read_target(file.manifest)
        required = [str(feature) for feature in file.manifest["target"]["required"]]
        written, abi = str(file.manifest["ngc"]), file.manifest["abi"]
        asked = read_threads(file.manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(file, error) from error
    threads = asked if threads is None else threads
    _check_machine(path, target, required)
    if verify:
        for section in file.sections.values():
            section.read()
    if (written, abi) != (ngc.__version__, ABI):
        return _compile_again(file, target, threads)
    _check_text(file)
    program = _program(file)
    weights = file.section("weights")
    try:
        executable = Executable(program, lambda: _graph(file), threads, target=target, name=str(file.manifest.get("name", "")), verify_weights=weights.read)
    except CodegenError as error:
        raise ArtifactError(f"{path}: its code cannot be loaded: {error}; compile the model again") from error
    _open_engines(executable, path)
    return executable


def _open_engines(executable: Executable, path: Path) -> None:
    """Finds out now, not at the first request that the program serves, whether this machine has what the engines need."""
    try:
        executable.open_engines()
    except EngineError as error:
        raise EngineError(f"{path} cannot run on this machine: {error}") from error


def read_manifest(path: Path) -> Mapping[str, Any]:
    """Returns the manifest of an artifact, with the sizes of its sections; loads no code.

    Raises:
        ArtifactError: the file is missing, truncated, altered or no artifact.
    """
    return open_artifact(path).manifest


def _check_machine(path: Path, target: CpuTarget, required: list[str]) -> None:
    """Compares what the code needs with what this machine has, before anything of it is mapped as code."""
    host = host_target()
    if target.arch != host.arch:
        raise ArtifactError(f"{path} holds {target.arch} code for {target.name!r}; this machine is {host.arch}: compile the model for this machine")
    missing = [feature for feature in required if not host.has(feature)]
    if missing:
        raise ArtifactError(f"{path} was compiled for {target.name!r} ({target.cpu}) and needs processor features that this machine ({host.cpu}) lacks: "
                            f'{", ".join(missing)}; compile the model on this machine, or for a smaller target such as "cpu:x86-64-v3"')


def _check_text(file: ArtifactFile) -> None:
    file.section("ir").read()


def _program(file: ArtifactFile) -> Program:
    objects = file.section("objects")
    try:
        places = {str(symbol): (offset, length) for symbol, (offset, length) in file.manifest["symbols"].items()}
        if sum(length for _, length in set(places.values())) > objects.size:
            raise ValueError("objects overlap")  # each is copied: a small file could take any amount of memory
        images = {place: bytes(objects.read(*place)) for place in set(places.values())}
        by_symbol = {symbol: images[place] for symbol, place in places.items()}
        program = read_program(file.manifest, file.section("weights").unchecked(), by_symbol, read_engines(file))
        parse_target(program.target)
    except (KeyError, TypeError, ValueError, AttributeError, InputError, EngineError) as error:
        raise _foreign(file, error) from error
    return program


def _graph(file: ArtifactFile) -> Graph:
    try:
        return _read_graph(file)
    except (ValueError, TypeError, RecursionError, ParseError) as error:
        raise _foreign(file, error, "its IR or what was decided about it") from error


def _read_graph(file: ArtifactFile) -> Graph:
    """Returns the graph; ParseError, ValueError, TypeError or RecursionError where its parts are none of this ngc's."""
    graph = parse(str(file.section("ir").read(), "utf-8"), source=str(file.path))
    attach_events(graph, file)
    table = file.manifest.get("constants")
    if isinstance(table, dict):
        attach_constants(graph, file.section("constants"), table)
    return graph


def _compile_again(file: ArtifactFile, target: CpuTarget, threads: int | None) -> Executable:
    written = f"ngc {file.manifest['ngc']} (ABI {file.manifest['abi']})"
    _log.warning("%s was saved by %s; compiling its IR again with ngc %s (ABI %d); save it to spare this at the next load",
                 file.path, written, ngc.__version__, ABI)
    from ngc.codegen.llvm.build import build_program  # artifacts of this version need no code generator

    try:
        graph = _read_graph(file)
        verify_graph(graph)
        options = dict(file.manifest["options"])
        graph.events.events[:] = [event for event in graph.events if event.pass_name != "codegen"]  # what chose the kernels that are no more
        program = build_program(graph, target, numerics=str(options.get("numerics", "fast")), fallback=options.get("fallback") == "reference",
                                tune=options.get("tune") is True, options=options, engines=read_engines(file))
        executable = Executable(program, graph, threads, target=target)
    except ArtifactError:
        raise
    except (NgcError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{file.path} was saved by {written}, and ngc {ngc.__version__} cannot compile its IR again: {error}; "
                            "compile the original model again") from error
    _open_engines(executable, file.path)
    return executable


def _foreign(file: ArtifactFile, error: Exception, part: str = "its manifest") -> ArtifactError:
    return ArtifactError(f"{file.path}: {part} is none of ngc's ({type(error).__name__}: {error}); save the model again")
