"""Which processors a measurement is pinned to."""

import os
from pathlib import Path


def pick_cores(threads: int) -> list[int]:
    """Returns that many of the processors that this process may use, on distinct physical cores as far as they go."""
    allowed = sorted(os.sched_getaffinity(0))
    seen: set[str] = set()
    first: list[int] = []
    others: list[int] = []
    for cpu in allowed:
        core = _siblings(cpu)
        (others if core in seen else first).append(cpu)
        seen.add(core)
    return (first + others)[:threads]


def processor_name() -> str:
    """Returns the processor's name as the system tells it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def has_vnni() -> bool:
    """Returns whether the processor sums products of bytes without saturation; on others, quantizers take a bit off the weights."""
    return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def _siblings(cpu: int) -> str:
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text(encoding="utf-8")
    except OSError:
        return str(cpu)  # unknown topology: a core of its own
