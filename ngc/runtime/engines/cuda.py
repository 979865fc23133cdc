"""The little of CUDA that running engines takes, through the driver interface of the package `cuda-bindings`: a device, its memory, streams.

Everything here works in the primary context of device 0, which is the one that TensorRT uses; a thread makes it current before it does anything.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ngc.errors import EngineError

INSTALL = "pip install cuda-bindings"


@dataclass(frozen=True)
class CudaDevice:
    """Device 0, opened.

    Attributes:
        driver: the module `cuda.bindings.driver`.
        context: the device's primary context.
        name: of the GPU.
        capability: its compute capability, such as "sm86".
    """

    driver: Any
    context: Any
    name: str
    capability: str

    @classmethod
    def open(cls, load: Callable[[], Any] | None = None) -> "CudaDevice":
        """Returns the device.

        Raises:
            EngineError: the package, the driver or a GPU is missing; says which.
        """
        driver = (load or load_driver)()
        try:
            _call(driver, driver.cuInit, 0)
        except (RuntimeError, OSError) as error:  # the package looks for the driver's library when it is first called
            said = str(error).partition("\n")[0]
            raise EngineError(f"no NVIDIA driver is installed: libcuda.so.1 is not found ({said})") from error
        except EngineError as error:
            raise EngineError(f"no GPU can be used: {error}") from error
        if _call(driver, driver.cuDeviceGetCount) < 1:
            raise EngineError("no GPU can be used: the driver sees none")
        device = _call(driver, driver.cuDeviceGet, 0)
        kinds = driver.CUdevice_attribute
        major, minor = (_call(driver, driver.cuDeviceGetAttribute, kind, device)
                        for kind in (kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR))
        name = _call(driver, driver.cuDeviceGetName, 256, device)
        context = _call(driver, driver.cuDevicePrimaryCtxRetain, device)
        return cls(driver, context, bytes(name).split(b"\0")[0].decode(errors="replace"), f"sm{major}{minor}")

    def make_current(self) -> None:
        """Lets the calling thread use the device."""
        self._call(self.driver.cuCtxSetCurrent, self.context)

    def stream(self) -> Any:
        """Returns a new stream, which waits for no other."""
        return self._call(self.driver.cuStreamCreate, self.driver.CUstream_flags.CU_STREAM_NON_BLOCKING)

    def destroy_stream(self, stream: Any) -> None:
        """Gives a stream back."""
        self._call(self.driver.cuStreamDestroy, stream)

    def allocate(self, size: int) -> Any:
        """Returns device memory of at least `size` bytes; never of none, since an engine takes no null pointer."""
        return self._call(self.driver.cuMemAlloc, max(size, 1))

    def free(self, memory: Any) -> None:
        """Gives device memory back."""
        self._call(self.driver.cuMemFree, memory)

    def upload(self, memory: Any, array: np.ndarray, stream: Any) -> None:
        """Copies a C-contiguous array to the device in a stream's order; the array must live until the stream is synchronized."""
        self._call(self.driver.cuMemcpyHtoDAsync, memory, array.ctypes.data, array.nbytes, stream)

    def download(self, array: np.ndarray, memory: Any, stream: Any) -> None:
        """Copies device memory into a C-contiguous array in a stream's order; it is there once the stream is synchronized."""
        self._call(self.driver.cuMemcpyDtoHAsync, array.ctypes.data, memory, array.nbytes, stream)

    def synchronize(self, stream: Any) -> None:
        """Waits for all that a stream was given."""
        self._call(self.driver.cuStreamSynchronize, stream)

    def _call(self, function: Any, *arguments: Any) -> Any:
        return _call(self.driver, function, *arguments)


@functools.cache  # its primary context is the process's, and lasts as long
def open_device() -> CudaDevice:
    """Returns the process's device; EngineError as `CudaDevice.open`, anew at each call until it is there."""
    return CudaDevice.open()


def load_driver() -> Any:
    """Returns the bindings of CUDA's driver interface.

    Raises:
        EngineError: the package is not installed.
    """
    try:
        from cuda.bindings import driver  # only who runs an engine needs it
    except ImportError as error:
        raise EngineError(f"the package cuda-bindings is missing, through which ngc speaks to the GPU: {INSTALL}") from error
    return driver


def _call(driver: Any, function: Any, *arguments: Any) -> Any:
    """Returns what a driver function gives beside its status; EngineError with CUDA's own words where that is no success."""
    status, *results = function(*arguments)
    if status != driver.CUresult.CUDA_SUCCESS:
        said, text = driver.cuGetErrorString(status)
        words = text.decode(errors="replace") if said == driver.CUresult.CUDA_SUCCESS and text else str(status)
        raise EngineError(f"CUDA's {getattr(function, '__name__', function)} failed: {words}")
    return results[0] if results else None
