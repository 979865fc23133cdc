"""Runs TensorRT engines on the GPU.

A run takes a lane: an execution context, a stream and device memory for every input and output, which grows with the batches it meets. Lanes wait in a pool,
so that as many runs go on at once as there are callers, and a caller alone uses the same lane over and over. A lane in which something failed is
thrown away, with its memory.

Arrays are copied from and to the caller's pageable memory: CUDA stages such copies itself.
"""

import contextlib
import math
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensor_spec import TensorSpec
from ngc.codegen.tensorrt.messages import cuda_reason, messages_of
from ngc.codegen.tensorrt.provider import PROVIDERS, load_library
from ngc.errors import EngineError, InputError
from ngc.ir.tensor_type import bind_shape
from ngc.runtime.engines.cuda import CudaDevice, open_device
from ngc.runtime.tensors import check_feeds, check_out, numpy_dtype


class TensorRtEngine:
    """One region's engine, ready to run."""

    def __init__(self, image: EngineImage, *, device: CudaDevice | None = None, library: Any = None) -> None:
        """Loads an engine onto the GPU.

        Args:
            image: what `build_tensorrt` made.
            device: the GPU, device 0 unless given.
            library: the TensorRT module, that of the image's engine unless given.

        Raises:
            EngineError: TensorRT, CUDA's bindings, the driver, a GPU or an engine for its compute capability is missing, or the engine is damaged or of
                another version; says which, and which compute capabilities the image holds.
        """
        self.image = image
        provider = PROVIDERS[image.engine]
        try:
            self._library = library or load_library(provider)
            self._device = device or open_device()
        except EngineError as error:
            raise EngineError(f"the {provider.title} engine {image.name} ({self._held()}) cannot run here: {error}") from error
        held = image.facts.get("capabilities") or ()
        if held and self._device.capability not in held:
            raise EngineError(f"the {provider.title} engine {image.name} ({self._held()}) cannot run here: the {self._device.name} is "
                              f"{self._device.capability}")
        self._messages = messages_of(self._library)
        self._device.make_current()
        with self._messages.alone():
            self._runtime = self._library.Runtime(self._messages.logger)
            engine = self._runtime.deserialize_cuda_engine(image.files["engine"])
            if engine is None:
                raise EngineError(f"the {provider.title} engine {image.name} ({self._held()}, made by version {image.facts.get('version')}) cannot be loaded "
                                  f"by version {self._library.__version__} on the {self._device.name} ({self._device.capability}): "
                                  f"{cuda_reason(self._messages.errors) or self._messages.quote()}")
        self._engine = engine
        self._idle: list[_Lane] = []
        self._lock = threading.Lock()
        # Nobody else frees what the lanes hold; it must not refer to the engine, which would then never go.
        weakref.finalize(self, _close_all, self._device, self._idle).atexit = False

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs for inputs in the order of the image's; may be called from any number of threads.

        Raises:
            InputError: arrays that do not fit, or a batch that the engine was not built for.
            EngineError: the GPU ran out of memory, or failed.
        """
        if len(inputs) != len(self.image.inputs):
            raise InputError(f"the engine {self.image.name} takes {len(self.image.inputs)} inputs, not {len(inputs)}")
        arrays, batch = check_feeds({spec.name: array for spec, array in zip(self.image.inputs, inputs, strict=True)}, self.image.inputs)
        built_for = self.image.facts.get("batch")
        if built_for and not built_for[0] <= batch <= built_for[-1]:
            raise InputError(f"batch {batch} is outside of {built_for[0]} to {built_for[-1]}, for which the engine {self.image.name} was built; "
                             "ngc.EngineOptions(batch=(smallest, usual, largest)) says for which")
        results = check_out(None, self.image.outputs, batch)
        with self._lane() as lane:
            lane.run(self.image, batch, arrays, results)
        return results

    def close(self) -> None:
        """Gives back the memory of all lanes that wait; the engine can still run."""
        with self._lock:
            _close_all(self._device, self._idle)

    def _held(self) -> str:
        held = self.image.facts.get("capabilities")
        return f"for {', '.join(held)}" if held else "for the GPU on which it was built"

    @contextlib.contextmanager
    def _lane(self) -> Iterator["_Lane"]:
        """Lends a lane to one run."""
        self._device.make_current()
        with self._lock:
            lane = self._idle.pop() if self._idle else None
        if lane is None:
            context = self._engine.create_execution_context()
            if context is None:
                raise EngineError(f"no execution context for {self.image.name}: {self._messages.quote()}")
            lane = _Lane(self._device, context, self._device.stream(), self._messages)
        try:
            yield lane
        except BaseException:
            lane.close()
            raise
        with self._lock:
            self._idle.append(lane)


def _close_all(device: CudaDevice, lanes: "list[_Lane]") -> None:
    """Closes lanes that no run uses, and empties the list."""
    if lanes:
        device.make_current()
    while lanes:
        lanes.pop().close()


@dataclass
class _Lane:
    """What one run at a time uses.

    Attributes:
        buffers: device memory by the names of inputs and outputs, with its size in bytes.
    """

    device: CudaDevice
    context: Any
    stream: Any
    messages: Any
    buffers: dict[str, tuple[Any, int]] = field(default_factory=dict)

    def run(self, image: EngineImage, batch: int, arrays: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> None:
        """Fills the results."""
        for spec, array in zip(image.inputs, arrays, strict=True):
            if not self.context.set_input_shape(spec.name, array.shape):
                raise EngineError(f"{image.name} does not take {spec.name!r} of shape {array.shape}: {self.messages.quote()}")
            self.device.upload(self._buffer(spec, batch), array, self.stream)
        for spec in image.outputs:
            self._buffer(spec, batch)
        if not self.context.execute_async_v3(int(self.stream)):
            raise EngineError(f"{image.name} failed on the GPU: {self.messages.quote()}")
        for spec, array in zip(image.outputs, results, strict=True):
            self.device.download(array, self.buffers[spec.name][0], self.stream)
        self.device.synchronize(self.stream)

    def close(self) -> None:
        """Gives everything back, the rest too where something fails."""
        with contextlib.suppress(EngineError):
            self.device.synchronize(self.stream)  # what was begun still uses the memory
        self.context = None
        for memory, _ in self.buffers.values():
            with contextlib.suppress(EngineError):
                self.device.free(memory)
        self.buffers.clear()
        with contextlib.suppress(EngineError):
            self.device.destroy_stream(self.stream)

    def _buffer(self, spec: TensorSpec, batch: int) -> Any:
        """Returns memory large enough for a tensor, and tells the context where it is."""
        size = math.prod(bind_shape(spec.shape, batch)) * numpy_dtype(spec.dtype).itemsize
        memory, held = self.buffers.get(spec.name, (None, -1))
        if held < size:
            if memory is not None:
                del self.buffers[spec.name]
                self.device.free(memory)
            memory = self.device.allocate(size)
            self.buffers[spec.name] = memory, size
        self.context.set_tensor_address(spec.name, int(memory))
        return memory
