"""Runs programs: executables, arenas, the thread team, profiles, artifacts."""

from ngc.runtime.executable import Executable, Memory
from ngc.runtime.profile import KernelTime, Profile
from ngc.runtime.tensors import TensorSpec

__all__ = ["Executable", "KernelTime", "Memory", "Profile", "TensorSpec"]
