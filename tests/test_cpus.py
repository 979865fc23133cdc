import os
from pathlib import Path

import pytest

from ngc import cpus


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 1 << 30),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, 1 << 30),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "400000 100000"}, 4),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"}, 1),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "20000 100000"}, 1),
        # The tightest of a group and its parents holds.
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "800000 100000", "sys/fs/cgroup/a/cpu.max": "300000 100000"}, 3),
        # The host's path, seen from inside a container.
        ({"proc/self/cgroup": "0::/docker/123", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2),
        # Version 1, alone and beside version 2.
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/x\n3:memory:/x",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "600000",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "200000",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/\n0::/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "500000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            5,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            1 << 30,
        ),
    ],
)
def test_quota(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert cpus._quota_cpus(write(tmp_path, files)) == expected


def test_hardware_threads_share_a_core(tmp_path: Path) -> None:
    files = {}
    for cpu, (package, core) in {0: (0, 0), 1: (0, 1), 2: (0, 0), 3: (0, 1), 4: (1, 0)}.items():
        folder = f"sys/devices/system/cpu/cpu{cpu}/topology"
        files |= {f"{folder}/physical_package_id": str(package), f"{folder}/core_id": str(core)}
    system = write(tmp_path, files)
    assert cpus._cores({0, 1, 2, 3, 4}, system) == 3
    assert cpus._cores({0, 2}, system) == 1
    assert cpus._cores({8, 9}, system) == 2  # no topology known


def test_this_machine() -> None:
    assert 1 <= cpus.physical_cores() <= cpus.available_cpus() <= len(os.sched_getaffinity(0))


def test_quota_bounds_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(cpus, "_quota_cpus", lambda system: 3)
    monkeypatch.setattr(cpus, "_cores", lambda numbers, system: 4)
    assert (cpus.available_cpus(), cpus.physical_cores()) == (3, 3)
