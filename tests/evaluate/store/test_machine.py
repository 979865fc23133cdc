"""What is found out about the machine."""

import platform
import socket
from pathlib import Path

import psutil
import pytest

from ngc.errors import CodegenError
from ngc.evaluate.store import machine, this_machine
from ngc.target import host_target


def test_this_machine_is_described() -> None:
    found = this_machine()
    assert (found.hostname, found.architecture, found.python) == (socket.gethostname(), platform.machine(), platform.python_version())
    assert found.memory == psutil.virtual_memory().total
    assert found.features == host_target().provided
    assert found.cores >= 1
    assert found.system.startswith("Linux")


def test_the_processors_name_is_that_of_linux_where_it_has_one(tmp_path: Path) -> None:
    information = tmp_path / "cpuinfo"
    assert machine._cpu(information) == platform.processor()
    information.write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")
    assert machine._cpu(information) == platform.processor()
    information.write_text("processor\t: 0\nmodel name\t: A Processor @ 2.00GHz\nmodel name\t: Another\n")
    assert machine._cpu(information) == "A Processor @ 2.00GHz"


def test_a_machine_that_ngc_does_not_run_on_has_no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise CodegenError("another system")

    monkeypatch.setattr(machine, "host_target", refuse)
    assert this_machine().features == ()


@pytest.mark.parametrize(("script", "found"), [
    ("echo 'NVIDIA H100 80GB HBM3, 550.54.15'", ("NVIDIA H100 80GB HBM3", "550.54.15")),
    ("echo 'NVIDIA L4, 535.1'; echo 'NVIDIA L4, 535.1'; echo 'NVIDIA T4, 535.1'", ("NVIDIA L4, NVIDIA T4", "535.1")),
    ("echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9", ("", "")),
    ("true", ("", "")),
    ("exec sleep 60", ("", "")),
    (None, ("", "")),
])  # fmt: skip
def test_gpus_are_those_that_nvidia_smi_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None, found: tuple[str, str]) -> None:
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin" if script else str(tmp_path))
    monkeypatch.setattr(machine, "_GPU_SECONDS", 0.5 if script and "sleep" in script else 10)
    assert (this_machine().gpu, this_machine().gpu_driver) == found
