"""A stand-in for neuronx-cc that compiles nothing: it records its command line, and behaves as NGC_STAND_IN says. For tests of the command line and of
errors only."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CHILD = """
import pathlib, sys, time
for _ in range(600):
    if pathlib.Path(sys.argv[1]).exists():
        break
    time.sleep(0.1)
pathlib.Path(sys.argv[2]).touch()
"""


def main() -> int:
    """Acts as the environment asks: well, fail, killed, crash, real-time, silent, empty, child, no-version or slow-version."""
    arguments = sys.argv[1:]
    manner, record = os.environ["NGC_STAND_IN"], Path(os.environ["NGC_STAND_IN_RECORD"])
    if arguments == ["--version"]:
        print("NeuronX Compiler version 0.0 (a stand-in)", flush=True)
        if manner == "slow-version":
            time.sleep(60)
        return 3 if manner == "no-version" else 0
    record.write_text(json.dumps({"arguments": arguments, "model": Path(arguments[1]).read_bytes().hex(), "folder": os.getcwd()}))
    if manner == "crash":
        os.kill(os.getpid(), signal.SIGTERM)
    if manner == "real-time":
        os.kill(os.getpid(), signal.SIGRTMIN + 3)
    if manner == "child":  # which holds standard output until it is told to end
        subprocess.Popen([sys.executable, "-c", CHILD, str(record.with_name("go")), str(record.with_name("gone"))])
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
