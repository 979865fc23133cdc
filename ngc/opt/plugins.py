"""Code of users that ngc-opt imports: modules that add passes to the table."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from ngc.errors import InputError


def load_modules(names: Iterable[str]) -> None:
    """Imports modules by their names, or by paths of .py files.

    Raises:
        InputError: there is no such module, or its own code fails.
    """
    for name in names:
        try:
            if name.endswith(".py"):
                _load_file(Path(name))
            else:
                importlib.import_module(name)
        except Exception as error:
            raise InputError(f"--load {name}: {type(error).__name__}: {error}") from error


def _load_file(path: Path) -> ModuleType:
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module
