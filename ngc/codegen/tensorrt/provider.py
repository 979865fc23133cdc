"""The two TensorRTs: how their Python modules are called, how to get them, and in what they differ."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ngc.engines import ENGINES
from ngc.errors import EngineError


@dataclass(frozen=True)
class Provider:
    """One TensorRT.

    Attributes:
        engine: its key in `ENGINES`.
        module: the Python module.
        install: what to type to get it.
        named_capabilities: whether it builds for named compute capabilities, GPU or not; else it builds for, and on, the GPU at hand.
        has_timing_cache: whether the builder measures, so that its measurements are worth keeping.
    """

    engine: str
    module: str
    install: str
    named_capabilities: bool
    has_timing_cache: bool

    @property
    def title(self) -> str:
        """The library's name for people."""
        return ENGINES[self.engine]


PROVIDERS = {
    provider.engine: provider for provider in (
        Provider("tensorrt", "tensorrt", "pip install tensorrt-cu13", named_capabilities=False, has_timing_cache=True),
        # It comes as a source package that is built with the `wheel` at hand. Kernels are chosen when an engine first runs, not when it is built.
        Provider("tensorrt-rtx", "tensorrt_rtx", "pip install wheel setuptools && pip install --no-build-isolation tensorrt-rtx-cu13",
                 named_capabilities=True, has_timing_cache=False),
    )
}
"""Providers by the keys of their engines."""


def load_library(provider: Provider) -> Any:
    """Returns a provider's Python module.

    Raises:
        EngineError: it is not installed, or does not load; says what to do.
    """
    try:
        return importlib.import_module(provider.module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == provider.module
        needs = "" if provider.named_capabilities else "; it also needs an NVIDIA GPU and its driver, for which it builds"
        what = "is not installed" if missing else f"does not load ({error})"
        raise EngineError(f"{provider.title} {what}: {provider.install}{needs}") from error
    except OSError as error:
        raise EngineError(f"{provider.title} does not load ({error}): {provider.install}") from error


def known_capabilities(library: Any) -> tuple[str, ...]:
    """Returns the compute capabilities that a library can be told to build for, such as "sm86"."""
    members = getattr(library, "ComputeCapability", None)
    return tuple(name.lower() for name in members.__members__ if name.startswith("SM")) if members is not None else ()


def check_capabilities(provider: Provider, library: Any, wanted: Sequence[str]) -> None:
    """Raises EngineError where a library cannot be told to build for some compute capabilities; it lists those that it has."""
    known = known_capabilities(library)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise EngineError(f"{provider.title} {library.__version__} builds for {', '.join(known) or 'the GPU at hand only'}, not for {', '.join(unknown)}")
