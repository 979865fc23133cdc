"""Input with several graphs, and comments that say which errors they have: what tests of passes and of the IR are written with."""

from argparse import Namespace
from collections.abc import Callable

from ngc.errors import NgcError
from ngc.opt.diagnostics import compare, diagnostics_of, expected_in
from ngc.opt.inputs import read_text, source_name

SEPARATOR = "# -----"
"""The line between two graphs."""


def split_input(text: str) -> list[str]:
    """Returns the parts between separators, each behind as many empty lines as stand before it, so that lines keep their numbers."""
    parts: list[list[str]] = [[]]
    for number, line in enumerate(text.split("\n"), 1):
        if line.rstrip() == SEPARATOR:
            parts.append([""] * number)
        else:
            parts[-1].append(line)
    return ["\n".join(part) for part in parts]


def run_chunks(options: Namespace, process: Callable[[str], str]) -> tuple[str, list[str]]:
    """Processes each part of the input by itself, also those behind one that fails.

    Returns:
        The results, with separators between them, and what went wrong: the errors, or with --verify-diagnostics those that no comment expects and those that
        are expected and did not come.

    Raises:
        InputError: the input cannot be read, or a comment with an expectation is malformed.
    """
    text, source = read_text(options.input), source_name(options)
    results: list[str] = []
    messages: list[str] = []
    for part in split_input(text) if options.split_input_file else [text]:
        expected = expected_in(part, source) if options.verify_diagnostics else []
        try:
            results.append(process(part))
            found = []
        except NgcError as error:
            found = diagnostics_of(error, part)
            if not options.verify_diagnostics:
                messages.append(f"ngc-opt: error: {error}")
        if options.verify_diagnostics:
            messages += compare(expected, found, source)
    return f"{SEPARATOR}\n".join(results), messages
