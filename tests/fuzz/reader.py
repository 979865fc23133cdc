"""What is fuzzed: a reader of files together with what users do next with what it read."""

import atexit
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ngc.errors import NgcError


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        read: reads bytes as such a file and uses what comes out; raises nothing but `refusals`.
        mutate: returns other bytes, at most as many as told, most of them near enough to a file to get behind the first checks.
        refusals: the errors that the reader's documentation names.
        most: bytes of the longest file that is tried.
    """

    read: Callable[[bytes], None]
    mutate: Callable[[bytes, int, random.Random], bytes]
    refusals: tuple[type[NgcError], ...]
    most: int = 1 << 12


def scratch_folder() -> TemporaryDirectory[str]:
    """Returns a folder for what readers take by path: in memory where the system has such a place, since it is written millions of times."""
    memory = Path("/dev/shm")
    folder = TemporaryDirectory(dir=memory if memory.is_dir() else None)
    atexit.register(folder.cleanup)
    return folder
