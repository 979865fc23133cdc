"""What machine this is."""

import platform
import socket
import subprocess
from pathlib import Path

import psutil

from ngc.cpus import physical_cores
from ngc.errors import CodegenError
from ngc.evaluate.records import Machine
from ngc.target import host_target

_GPU_SECONDS = 10
"""How long nvidia-smi may take; on a machine whose driver hangs it never ends."""


def this_machine() -> Machine:
    """Returns what can be found out about this machine."""
    gpu, driver = _gpu()
    return Machine(
        hostname=socket.gethostname(),
        architecture=platform.machine(),
        cpu=_cpu(Path("/proc/cpuinfo")),
        cores=physical_cores(),
        memory=psutil.virtual_memory().total,
        system=platform.platform(),
        python=platform.python_version(),
        features=_features(),
        gpu=gpu,
        gpu_driver=driver,
    )


def _cpu(information: Path) -> str:
    """Returns the processor's name as Linux has it, or as the platform module does."""
    try:
        lines = information.read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _features() -> tuple[str, ...]:
    try:
        return host_target().provided
    except CodegenError:
        return ()  # a machine that ngc compiles nothing for can still read and report


def _gpu() -> tuple[str, str]:
    """Returns the names of NVIDIA's GPUs, each once, and their driver's version; empty without."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_GPU_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "", ""
    found = [[word.strip() for word in line.rsplit(",", 1)] for line in answer.splitlines() if "," in line]
    return ", ".join(dict.fromkeys(name for name, _ in found)), found[0][1] if found else ""
