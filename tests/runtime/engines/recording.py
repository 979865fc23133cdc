"""Stand-ins for CUDA's driver bindings and for TensorRT's runtime that record what they are asked: only the order of calls, what is freed and what errors
become can be seen on them. Device memory is host memory here, and "running" an engine copies its inputs to its outputs.
"""

import ctypes
import threading
from types import SimpleNamespace
from typing import Any

from ngc.runtime.engines.cuda import CudaDevice


class RecordingDriver:
    """In place of `cuda.bindings.driver`. `fail` names functions that fail from then on."""

    CUresult = SimpleNamespace(CUDA_SUCCESS=0)
    CUdevice_attribute = SimpleNamespace(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR="major", CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR="minor")
    CUstream_flags = SimpleNamespace(CU_STREAM_NON_BLOCKING=1)

    def __init__(self, *, devices: int = 1, fail: tuple[str, ...] = ()) -> None:
        self.devices, self.fail = devices, set(fail)
        self.calls: list[str] = []
        self.memory: dict[int, Any] = {}
        self.streams: set[int] = set()
        self.lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("cu"):
            raise AttributeError(name)
        answer = getattr(self, f"_{name}")

        def call(*arguments: Any) -> tuple[Any, ...]:
            with self.lock:
                self.calls.append(name)
                if name in self.fail:
                    return (2, None)
                result = answer(*arguments)
                return (0,) if result is None else (0, result)

        call.__name__ = name
        return call

    def cuGetErrorString(self, status: int) -> tuple[int, bytes]:
        return 0, b"out of memory"

    def _cuInit(self, flags: int) -> None:
        return None

    def _cuDeviceGetCount(self) -> int:
        return self.devices

    def _cuDeviceGet(self, number: int) -> int:
        return number

    def _cuDeviceGetAttribute(self, kind: str, device: int) -> int:
        return {"major": 8, "minor": 6}[kind]

    def _cuDeviceGetName(self, size: int, device: int) -> bytes:
        return b"Recording GPU".ljust(size, b"\0")

    def _cuDevicePrimaryCtxRetain(self, device: int) -> str:
        return "context"

    def _cuCtxSetCurrent(self, context: str) -> None:
        return None

    def _cuStreamCreate(self, flags: int) -> int:
        stream = len(self.streams) + 1
        self.streams.add(stream)
        return stream

    def _cuStreamDestroy(self, stream: int) -> None:
        self.streams.discard(stream)

    def _cuStreamSynchronize(self, stream: int) -> None:
        return None

    def _cuMemAlloc(self, size: int) -> int:
        block = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(block)] = block
        return ctypes.addressof(block)

    def _cuMemFree(self, memory: int) -> None:
        del self.memory[memory]

    def _cuMemcpyHtoDAsync(self, memory: int, host: int, size: int, stream: int) -> None:
        ctypes.memmove(memory, host, size)

    def _cuMemcpyDtoHAsync(self, host: int, memory: int, size: int, stream: int) -> None:
        ctypes.memmove(host, memory, size)

    def device(self) -> CudaDevice:
        """Returns the device behind it."""
        return CudaDevice.open(lambda: self)


class RecordingLibrary:
    """In place of the TensorRT module: an engine copies input number i to output number i."""

    __version__ = "0.recording"

    class ILogger:
        """The base of loggers."""

    def __init__(self, driver: RecordingDriver, pairs: dict[str, str], *, loads: bool = True, runs: bool = True, contexts: bool = True,
                 takes: bool = True) -> None:
        self.driver, self.pairs = driver, pairs
        self.loads, self.runs, self.contexts, self.takes = loads, runs, contexts, takes
        self.__name__ = f"recording{id(self)}"
        self.made = 0

    def Runtime(self, logger: Any) -> Any:  # the library's own name
        return SimpleNamespace(deserialize_cuda_engine=lambda data: self._engine(logger))

    def _engine(self, logger: Any) -> Any:
        if not self.loads:
            logger.log(SimpleNamespace(name="ERROR"), "the plan is of another version")
            return None
        return SimpleNamespace(create_execution_context=lambda: self._context(logger))

    def _context(self, logger: Any) -> Any:
        if not self.contexts:
            logger.log(SimpleNamespace(name="ERROR"), "out of device memory")
            return None
        self.made += 1
        shapes: dict[str, tuple[int, ...]] = {}
        places: dict[str, int] = {}

        def set_input_shape(name: str, shape: tuple[int, ...]) -> bool:
            shapes[name] = shape
            if not self.takes:
                logger.log(SimpleNamespace(name="ERROR"), "the profile is another")
            return self.takes

        def execute(stream: int) -> bool:
            self.driver.calls.append("execute")
            if not self.runs:
                logger.log(SimpleNamespace(name="ERROR"), "an illegal address was met")
                return False
            for source, result in self.pairs.items():
                size = 4
                for dim in shapes[source]:
                    size *= dim
                ctypes.memmove(places[result], places[source], size)
            return True

        return SimpleNamespace(set_input_shape=set_input_shape, set_tensor_address=places.__setitem__, execute_async_v3=execute)
