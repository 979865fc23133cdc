"""Makes the int8 model of the job on standard input, unless it is there; the last line on standard output tells its files' stem, or why there is none."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from bench.calibration import split
from bench.engines import Job
from bench.quantizers import QUANTIZERS


def make(job: Job) -> str:
    """Returns the stem of the int8 model's files.

    Raises:
        ImportError: the tool, or something that it needs, is not installed.
    """
    tool = import_module(QUANTIZERS[job.engine])
    stem = f"{job.prefix}-{'x'.join(map(str, job.shape))}-int8-{tool.prepare()}"
    if not is_fresh(Path(stem + tool.FILES[-1]), [Path(f"{job.prefix}-0000.params"), Path(job.onnx), Path(job.calibration)]):
        batches = split(np.load(job.calibration), job.shape[0])
        with tempfile.TemporaryDirectory(dir=Path(stem).parent) as folder:
            tool.quantize(job, batches, f"{folder}/model")
            for suffix in tool.FILES:
                os.replace(f"{folder}/model{suffix}", stem + suffix)
    return stem


def is_fresh(made: Path, sources: Sequence[Path]) -> bool:
    """Returns whether a file is there and none of those that it was made from is newer."""
    return made.exists() and all(made.stat().st_mtime >= source.stat().st_mtime for source in sources if source.is_file())


if __name__ == "__main__":
    try:
        with contextlib.redirect_stdout(sys.stderr):
            reply = {"stem": make(Job.parse(sys.stdin.read()))}
    except ImportError as error:
        reply = {"refused": f"{error}; `pip install ngc[bench]` installs what quantizes"}
    print(json.dumps(reply))
