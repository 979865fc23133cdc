"""What ngc-opt reads: IR text or an MXNet model, weights, and inputs to evaluate with."""

import re
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from ngc.errors import InputError
from ngc.ir import Graph, load_weights, parse
from ngc.ir.random_data import random_feeds
from ngc.ir.tensor_type import SymDim, bind_shape, format_shape
from ngc.opt.formats import FILES
from ngc.opt.values import names, shapes


def check_options(options: Namespace) -> None:
    """Raises InputError where options do not go with the kind of input, or with one another."""
    check_input(options)
    if not is_text(options.input) and (options.split_input_file or options.verify_diagnostics):
        raise InputError(f"--split-input-file and --verify-diagnostics go with IR text only; {options.input} is an MXNet model")
    if options.split_input_file:
        files = (("--save-weights", options.save_weights), ("--dump-dir", options.dump_dir), (f"--emit {options.emit}", options.emit in FILES))
        for option, given in files:
            if given:
                raise InputError(f"{option} writes the files of one graph; it does not go with --split-input-file")
    if options.check_numerics:
        from ngc.passes.instruments.tolerance import Tolerance

        Tolerance.parse(options.check_numerics)
    for check, given in (("--check-numerics", options.check_numerics is not None), ("--check-finite", options.check_finite)):
        for other, wanted in (("--bisect-limit", options.bisect_limit is not None), ("--debug-counter", options.debug_counter)):
            if given and wanted:
                raise InputError(f"{check} finds the pass and the rule firing by itself; it does not go with {other}")
    if options.bisect_auto is not None:
        _check_bisection(options)


def _check_bisection(options: Namespace) -> None:
    for option, given in (("--bisect-limit", options.bisect_limit is not None), ("--reproducer", options.reproducer is not None)):
        if given:
            raise InputError(f"--bisect-auto tries limits by itself; it does not go with {option}")
    if options.bisect_auto and options.check_numerics is not None:
        raise InputError("--bisect-auto goes by the command that it is given, or by --check-numerics, not by both")
    if not options.passes:
        raise InputError("--bisect-auto searches the passes of -p, which is missing")


def check_input(options: Namespace) -> None:
    """Raises InputError where options on reading do not go with the kind of input."""
    shapes(options.shape)
    if is_text(options.input):
        for option, given in (("--params", options.params), ("--shape", options.shape), ("--outputs", options.outputs)):
            if given:
                raise InputError(f"{option} goes with MXNet models only; {options.input} is IR text")
    elif options.weights:
        raise InputError(f"--weights goes with IR text only; {options.input} is an MXNet model, whose data --params names")


def read_graph(options: Namespace, text: str | None = None) -> Graph:
    """Returns the graph that the INPUT argument names, from text or from an MXNet model; `text` is a part of the input, which was read before.

    Raises:
        InputError: the input cannot be read.
        NgcError: what the parser and the importer raise.
    """
    if is_text(options.input):
        weights = load_weights(options.weights) if options.weights else None
        return parse(read_text(options.input) if text is None else text, weights, source=source_name(options))
    from ngc.importer import import_model  # only MXNet models need it

    return import_model(options.input, options.params, shapes=shapes(options.shape), outputs=list(names(options.outputs or "")) or None)


def is_text(argument: str) -> bool:
    """Whether an INPUT argument names IR text rather than an MXNet model."""
    return argument == "-" or (not argument.endswith(".json") and (Path(argument).is_file() or argument.endswith(".ngir")))


def seed_of(text: str) -> int | None:
    """Returns the seed of `random(seed=0)`, None where a text names a file."""
    seeded = re.fullmatch(r"random(?:\((?:seed=)?([0-9]{1,9})?\))?", text)
    return None if seeded is None else int(seeded[1] or 0)


def read_feeds(text: str, graph: Graph) -> dict[str, np.ndarray]:
    """Returns inputs from an .npz file or from `random(seed=0)`.

    Raises:
        InputError: an input is missing or does not fit.
    """
    seed = seed_of(text)
    if seed is not None:
        return random_feeds(graph, seed)
    arrays = load_weights(text, "feeds")
    feeds, batch = {}, None
    for value, name in zip(graph.inputs, graph.input_names, strict=True):
        if name not in arrays:
            raise InputError(f"{text} lacks the input {name!r}; it has {', '.join(arrays) or 'nothing'}")
        array = arrays[name]
        for dim, size in zip(value.type.shape, array.shape, strict=False):
            if isinstance(dim, SymDim) and batch is None:
                batch = size // dim.factor
        if array.shape != bind_shape(value.type.shape, batch or 1):
            raise InputError(f"{text}: the input {name!r} has shape {format_shape(array.shape)}, not {format_shape(value.type.shape)}")
        feeds[name] = array
    return feeds


def source_name(options: Namespace) -> str:
    """Returns what messages call the input."""
    return "<stdin>" if options.input == "-" else str(options.input)


def read_text(argument: str) -> str:
    """Returns the text of a file or of the standard input; InputError where it cannot be read."""
    try:
        data = sys.stdin.buffer.read() if argument == "-" and hasattr(sys.stdin, "buffer") else (
            sys.stdin.read().encode() if argument == "-" else Path(argument).read_bytes())
    except OSError as error:
        raise InputError(f"{argument} cannot be read: {error.strerror or error}") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{argument} is no text: byte {error.start} is no UTF-8") from error
