"""The configuration file: values of flags in YAML, which hold where the command line says nothing else."""

import argparse
from pathlib import Path

from ngc.errors import EvaluationError
from ngc.evaluate.cli.parser import walk

FILE = "eval.yaml"
"""In the user's configuration folder of ngc, such as ~/.config/ngc: read unless --config names another one."""

_NOT_IN_FILES = ("help", "version", "config")


def default_file() -> Path:
    """Returns where the user's own file is, or would be."""
    from platformdirs import user_config_path  # only commands need it

    return user_config_path("ngc") / FILE


def apply_config(parser: argparse.ArgumentParser, path: Path) -> None:
    """Makes the values of a file the defaults of flags. A flag that several commands have gets it in all of them.

    Args:
        parser: the whole command line's.
        path: a YAML mapping of flags, spelled with underscores or dashes, to values.

    Raises:
        EvaluationError: the file cannot be read, names a flag that no command has, or has a value that the flag does not take; a line says where for each.
    """
    from ngc.evaluate.manifest.document import Problem, raise_problems, read_document  # YAML is loaded where there is a file

    owners: dict[str, list[argparse.Action]] = {}
    for command in walk(parser):
        for action in command._actions:
            if action.option_strings and action.default is not argparse.SUPPRESS and action.dest not in _NOT_IN_FILES:
                owners.setdefault(action.dest, []).append(action)
    spellings = frozenset((spelling,) for name in owners for spelling in (name, name.replace("_", "-")))
    document = read_document(path, texts=spellings)  # as they would stand on the command line, where 1.10 is no number
    problems = []
    for key, value in document.data.items():
        found = owners.get(key.replace("-", "_"), [])
        if not found:
            problems.append(Problem(document.keys[(key,)], key, "no command has a flag of that name"))
        for action in found:
            try:
                action.default = _read(action, value)
            except (argparse.ArgumentTypeError, TypeError, ValueError) as error:
                problems.append(Problem(document.place((key,)), key, str(error)))
    raise_problems(path, problems)


def _read(action: argparse.Action, value: object) -> object:
    """Returns a flag's value of the text in a file."""
    if not isinstance(value, str):
        raise TypeError("a flag has one value; lists are written with commas")
    read = action.type if callable(action.type) else str
    found = read(value)
    if action.choices is not None and found not in action.choices:
        raise ValueError(f"{value!r} is none of {', '.join(map(str, action.choices))}")
    return found


def file_of(args: argparse.Namespace) -> Path | None:
    """Returns the file that is to be read: the one of --config, else the user's own if it is there.

    Raises:
        EvaluationError: --config names no file.
    """
    if args.config:
        path = Path(args.config)
        if not path.is_file():
            raise EvaluationError(f"--config: there is no file {path}")
        return path
    return default_file() if default_file().is_file() else None
