"""How many processors this process may use: affinity, physical cores and the container's CPU quota."""

import math
import os
from pathlib import Path

_SYSTEM = Path("/")


def available_cpus() -> int:
    """Returns how many logical processors affinity and the CPU quota leave, at least 1."""
    return max(1, min(len(os.sched_getaffinity(0)), _quota_cpus(_SYSTEM)))


def physical_cores() -> int:
    """Returns how many physical cores affinity and the CPU quota leave, at least 1.

    Threads that share a core share its vector units, so a second one per core gives dense kernels nothing.
    """
    return max(1, min(_cores(os.sched_getaffinity(0), _SYSTEM), _quota_cpus(_SYSTEM)))


def _cores(cpus: set[int], system: Path) -> int:
    """Returns the number of distinct cores among logical processors; unknown topology counts each as a core."""
    cores = set()
    for cpu in cpus:
        folder = system / f"sys/devices/system/cpu/cpu{cpu}/topology"
        package, core = _read(folder / "physical_package_id"), _read(folder / "core_id")
        cores.add((package, core) if package and core else cpu)
    return len(cores)


def _quota_cpus(system: Path) -> int:
    """Returns the whole processors of the tightest CPU quota over this process's control groups, or a huge number.

    Rounded down: with half a processor more than that, the last thread would stall all others for half of the time.
    """
    quotas = [quota for folder in _control_groups(system) if (quota := _quota(folder)) is not None]
    return max(1, math.floor(min(quotas))) if quotas else 1 << 30


def _control_groups(system: Path) -> list[Path]:
    """Returns the folders of this process's control groups that may limit CPU time, with all their parents."""
    folders: list[Path] = []
    for line in _read(system / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"]
        elif "cpu" in controllers.split(","):
            mounts = [f"sys/fs/cgroup/{controllers}", "sys/fs/cgroup/cpu"]
        else:
            continue
        parts = Path(group.strip("/")).parts
        # Inside a container the path may be the host's and lead nowhere; its parents, down to the mount, are tried too.
        folders += [
            system / mount / Path(*parts[:depth]) for mount in mounts for depth in range(len(parts), -1, -1)
        ]
    return folders


def _quota(folder: Path) -> float | None:
    """Returns the processors that a control group's quota grants, or None without one (versions 2 and 1)."""
    words = _read(folder / "cpu.max").split()
    if len(words) != 2:
        words = [_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")]
    try:
        quota, period = int(words[0]), int(words[1])
    except ValueError:
        return None  # "max", or no such file
    return quota / period if quota > 0 and period > 0 else None


def _read(path: Path) -> str:
    """Returns a small system file's text, empty if it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
