"""What ngc-opt writes a graph as: `--emit`. A new format is a line in one of the two tables."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ngc.errors import InputError

if TYPE_CHECKING:  # the command line is read before numpy is
    from ngc.ir import Graph


def _ngir(graph: "Graph", options: Namespace) -> str:
    from ngc.ir import print_graph

    return print_graph(graph, locations=options.print_locations, elide_larger_than=options.elide_larger_than) + "\n"


def _stablehlo(graph: "Graph", options: Namespace) -> str:
    from ngc.codegen.stablehlo import emit_stablehlo  # only this format needs it

    return emit_stablehlo(graph).text


def _onnx(graph: "Graph", path: str) -> None:
    from ngc.codegen.onnx import save_onnx  # only this format needs it

    save_onnx(graph, path)


TEXTS: Mapping[str, Callable[["Graph", Namespace], str]] = {"ngir": _ngir, "stablehlo": _stablehlo}
"""Formats that are text: functions that return it."""

FILES: Mapping[str, Callable[["Graph", str], None]] = {"onnx": _onnx}
"""Formats that are files with the weights in them: functions that write one."""

FORMATS = (*TEXTS, *FILES)
"""All formats, the default first."""


def check_output(options: Namespace) -> None:
    """Raises InputError where a format that is no text has no file to go to."""
    if options.emit in FILES and options.output in (None, "-"):
        raise InputError(f"--emit {options.emit} writes a file with the weights in it, not text; name the file with -o")
