"""The readers that are fuzzed, each in a file of its own: `load(name)` imports one, so that coverage can be set up before."""

from importlib import import_module

from tests.fuzz.reader import Reader

NAMES = ("symbol", "params", "ir", "weights", "artifact", "cache", "calibration", "arrays", "records")


def load(name: str) -> Reader:
    """Returns the reader of that name."""
    reader: Reader = import_module(f"tests.fuzz.readers.{name}").READER
    return reader
