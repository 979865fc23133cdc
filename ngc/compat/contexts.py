"""Devices, as MXNet's scripts name them, and what ngc compiles for when it is asked for one."""

import os
import re
from dataclasses import dataclass
from typing import Any

from ngc.errors import EngineError, InputError

NEURON_TARGET = "NGC_NEURON_TARGET"
"""The environment variable that says for which target Neuron's contexts stand, such as "neuron:cpu" for XLA's CPU client; "neuron" unless it is set."""

TENSORRT_TARGET = "NGC_TENSORRT_TARGET"
"""The same for GPU contexts; unless it is set, "tensorrt-rtx" for the GPU at hand, and where there is none for the capabilities of `WITHOUT_GPU`."""

WITHOUT_GPU = "tensorrt-rtx:sm86,sm89"
"""What engines are built for where there is no GPU to build them for."""

_NUMBERED = re.compile(r"^\w+[:(](\d+)\)?$")
"""A context as text: "gpu:1" or "gpu(1)"."""


@dataclass(frozen=True)
class Context:
    """A device as MXNet writes one: `neuron(0)`."""

    device_type: str
    device_id: int = 0

    def __str__(self) -> str:
        return f"{self.device_type}({self.device_id})"


def kind_of(ctx: Any) -> str:
    """Returns the kind of device that a context means: "cpu", "gpu", "neuron", or what else it says; None stands for the CPU."""
    kind = "cpu" if ctx is None else ctx if isinstance(ctx, str) else getattr(ctx, "device_type", repr(ctx))
    return str(kind).partition(":")[0].partition("(")[0]


def check_first(ctx: Any) -> None:
    """Raises EngineError for a GPU or Neuron device that is not the first: engines run on the first device that the process is shown."""
    number = getattr(ctx, "device_id", 0)
    if isinstance(ctx, str):
        number = int("".join(_NUMBERED.findall(ctx)[:1]) or 0)
    variable = {"gpu": "CUDA_VISIBLE_DEVICES", "neuron": "NEURON_RT_VISIBLE_CORES"}.get(kind_of(ctx))
    if variable and number:
        raise EngineError(f"ctx={ctx}: engines run on the first {kind_of(ctx)} device that the process is shown; pass {kind_of(ctx)}(0) and set "
                          f"{variable}={number} before the process starts")


def check_cpu(ctx: Any, function: str) -> None:
    """Raises EngineError for a context that is no CPU; None stands for the CPU."""
    if not kind_of(ctx).startswith("cpu"):
        raise EngineError(f"ctx={ctx}: ngc.compat.{function} compiles for the CPU; pass ctx=mx.cpu() or None")


def neuron_target(ctx: Any = None) -> str:
    """Returns the target that a Neuron context stands for; a text such as "neuron:cpu" stands for itself."""
    if isinstance(ctx, str) and ":" in ctx:
        return ctx
    target = os.environ.get(NEURON_TARGET, "neuron")
    if target.partition(":")[0] != "neuron":
        raise InputError(f"{NEURON_TARGET}={target!r}: expected neuron, or neuron: and an instance family or cpu")
    return target


def gpu_target() -> str:
    """Returns the target that a GPU context stands for: TensorRT for the GPU at hand; without a GPU, for the capabilities of `WITHOUT_GPU`."""
    return os.environ.get(TENSORRT_TARGET) or ("tensorrt-rtx" if has_gpu() else WITHOUT_GPU)


def has_gpu() -> bool:
    """Whether the NVIDIA driver is there, without which nothing runs on a GPU."""
    return os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/dxg")
