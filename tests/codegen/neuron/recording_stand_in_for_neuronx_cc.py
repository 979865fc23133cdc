"""A stand-in for neuronx-cc that compiles nothing: it records its command line, and behaves as NGC_STAND_IN says. For tests of the command line and of
errors only."""

import itertools
import json
import os
import signal
import sys
from pathlib import Path


def main() -> int:
    """Acts as the environment asks: well, fail, killed, crash, silent or empty."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print("NeuronX Compiler version 0.0 (a stand-in)")
        return 0
    manner, record = os.environ["NGC_STAND_IN"], Path(os.environ["NGC_STAND_IN_RECORD"])
    record.write_text(json.dumps({"arguments": arguments, "model": Path(arguments[1]).read_bytes().hex(), "folder": os.getcwd()}))
    if manner == "crash":
        os.kill(os.getpid(), signal.SIGTERM)
    print("a line on standard output")
    if manner == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if manner == "silent":
        return 0
    named = dict(itertools.pairwise(arguments))
    Path(named["--logfile"]).write_text("".join(f"log line {number}\n" for number in range(30)) + "NCC_ERROR the last one\n" * (manner == "fail"))
    Path(named["--output"]).write_bytes(b"" if manner == "empty" else b"not a NEFF")
    return 70 if manner == "fail" else 0


sys.exit(main())
