"""The process that compiles one kernel after another for `compile_pool`; started as `python -m`.

Frames on its standard input and output are a length (4 bytes, little-endian) and that many bytes. A request is JSON; an
answer is JSON and, after a newline, the object code.
"""

import json
import resource
import signal
import struct
import sys
import time
from typing import IO, Any

from ngc.errors import CodegenError

_LENGTH = struct.Struct("<I")


def write_frame(stream: IO[bytes], data: bytes) -> None:
    """Writes one frame."""
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Returns the next frame, or None at the end of the stream or in the middle of a frame that was cut off."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def answer(request: dict[str, Any]) -> bytes:
    """Returns the answer frame to one compilation request."""
    from ngc.codegen.llvm import jit

    start = time.perf_counter()
    try:
        obj = jit.compile_object(
            request["ir_text"], request["cpu"], request["features"], request["opt"], request["passes"]
        )
    except CodegenError as error:
        return json.dumps({"error": str(error)}).encode() + b"\n"
    return json.dumps({"seconds": time.perf_counter() - start}).encode() + b"\n" + obj


def main() -> None:
    """Answers requests until the input ends."""
    # The parent ends a worker by closing its input; Ctrl-C in a terminal reaches the whole group and is its business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # When LLVM aborts, its message says all; a core file would be left in the caller's folder.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        write_frame(sys.stdout.buffer, answer(json.loads(frame)))


if __name__ == "__main__":
    main()
