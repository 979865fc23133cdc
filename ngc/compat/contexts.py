"""Devices, as MXNet's scripts name them."""

from typing import Any

from ngc.errors import EngineError


def check_cpu(ctx: Any, function: str) -> None:
    """Raises EngineError for a context that is no CPU; None stands for the CPU."""
    kind = "cpu" if ctx is None else ctx if isinstance(ctx, str) else getattr(ctx, "device_type", repr(ctx))
    if not (isinstance(kind, str) and kind.startswith("cpu")):
        raise EngineError(f"ctx={ctx}: ngc.compat.{function} compiles for the CPU; pass ctx=mx.cpu() or None")
