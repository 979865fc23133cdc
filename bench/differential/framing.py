"""Objects on a pipe: pickled, each with its length before it."""

import pickle
import struct
from typing import Any, BinaryIO

_SIZE = struct.Struct("<q")


def send(stream: BinaryIO, content: Any) -> None:
    """Writes an object with its length before it."""
    data = pickle.dumps(content)
    stream.write(_SIZE.pack(len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Returns the next object.

    Raises:
        EOFError: the other end is closed.
    """
    head = stream.read(_SIZE.size)
    if len(head) < _SIZE.size:
        raise EOFError
    [size] = _SIZE.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)
