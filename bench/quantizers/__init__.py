"""How the peers' int8 models are made: by each engine's own tool, from the files that the engine is fed in fp32.

A module has
  `FILES`: the endings of the files that it writes, the one that makes the model whole last;
  `prepare()`: imports the tool and gives its name and version;
  `quantize(job, batches, stem)`: writes the model that the job names, quantized, calibrated on the batches.
`python -m bench.quantizers` runs one of them in a process of its own, as quantizing takes up to minutes and much memory; `quantized` is the other end.
Models are kept beside the fp32 ones and made again when those, the calibration images or the tool change.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

from bench.engines import Job, NotOffered
from bench.engines.process import WorkerFailed

QUANTIZERS: dict[str, str] = {
    "mxnet": "bench.quantizers.mxnet",
    "onnxruntime": "bench.quantizers.onnxruntime",
    "openvino": "bench.quantizers.nncf",
}
"""Engines that need a model quantized before they compile it, and the modules that make it."""


def quantized(job: Job) -> Job:
    """Returns the job with the engine's int8 model, where it is one in int8 and the engine does not quantize while it compiles.

    Raises:
        NotOffered: the tool is not installed.
        WorkerFailed: it ended without a model; the message holds the end of what it printed.
    """
    if job.precision != "int8" or job.engine not in QUANTIZERS:
        return job
    tool = QUANTIZERS[job.engine].rpartition(".")[2]
    done = subprocess.run([sys.executable, "-m", "bench.quantizers"], input=json.dumps(asdict(job)), capture_output=True, text=True, errors="replace")
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise WorkerFailed(f"{tool} ended with status {done.returncode}:\n{tail}")
    answer: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    if "refused" in answer:
        raise NotOffered(answer["refused"])
    return replace(job, quantized=answer["stem"])


def quantize_all(jobs: Mapping[str, Job], step: Callable[[str], None]) -> tuple[dict[str, Job], dict[str, str]]:
    """Returns the jobs with their engines' int8 models by their names, and why those without a model have none; `step` is called with each name before."""
    ready: dict[str, Job] = {}
    missing: dict[str, str] = {}
    for name, job in jobs.items():
        step(name)
        try:
            ready[name] = quantized(job)
        except (NotOffered, WorkerFailed) as error:
            missing[name] = str(error)
    return ready, missing
