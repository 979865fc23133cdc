"""Regions that XLA's runtimes execute through PJRT: its own CPU client, and the plugin of AWS Neuron.

One client a platform serves the whole process; it is made when it is first needed. The CPU client's threads are those of the process: as many as the
processors that the process may use when the client is made (XLA of jaxlib 0.4.38 takes no number for a client or a run).
"""

import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.stablehlo.hlo import jaxlib_client
from ngc.codegen.tensor_spec import TensorSpec
from ngc.errors import EngineError, InputError
from ngc.ir.tensor_type import DTYPES

PLUGIN_VARIABLE = "NEURON_LIBRARY_PATH"
"""The environment variable that names the Neuron PJRT plugin, as PyTorch/XLA reads it."""

PLUGIN = "libneuronpjrt.so"

_clients: dict[str, tuple[int, Any]] = {}
"""By platform, the process that a client was made in and the client."""

_lock = threading.Lock()


def _initialize(xla_client: Any) -> None:
    """Sets the state that JAX sets when it is imported, without which compiling ends the process; leaves JAX's own alone."""
    state = xla_client._xla.jax_jit.global_state()
    if "jax" in sys.modules or state.enable_memories is not None:
        return
    xla_client._xla.jax_jit.set_thread_local_state_initialization_callback(lambda: None)
    state.enable_memories, state.enable_x64, state.disable_jit = False, True, False


def _cpu_client(xla_client: Any) -> Any:
    return xla_client.make_cpu_client(asynchronous=False)


def find_neuron_plugin() -> Path | None:
    """Returns the Neuron PJRT plugin: what NEURON_LIBRARY_PATH names, else the one in the package libneuronxla; None where there is none."""
    named = os.environ.get(PLUGIN_VARIABLE)
    if named:
        return Path(named) if Path(named).is_file() else None
    package = importlib.util.find_spec("libneuronxla")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        if (Path(folder) / PLUGIN).is_file():
            return Path(folder) / PLUGIN
    return None


def _neuron_client(xla_client: Any) -> Any:
    plugin = find_neuron_plugin()
    if plugin is None:
        raise EngineError(f"the Neuron PJRT plugin (the package libneuronxla) and a Neuron device are missing: neither {PLUGIN_VARIABLE} nor an installed "
                          f"libneuronxla has {PLUGIN}")
    if not xla_client.pjrt_plugin_loaded("neuron"):
        xla_client.load_pjrt_plugin_dynamically("neuron", str(plugin))
    if not xla_client.pjrt_plugin_initialized("neuron"):
        xla_client.initialize_pjrt_plugin("neuron")
    client = xla_client.make_c_api_client("neuron")
    if not client.local_devices():
        raise EngineError(f"the Neuron PJRT plugin {plugin} finds no Neuron device")
    return client


_MAKERS: dict[str, Callable[[Any], Any]] = {"cpu": _cpu_client, "neuron": _neuron_client}


def client_for(platform: str) -> Any:
    """Returns the process's PJRT client of a platform, "cpu" or "neuron".

    Raises:
        EngineError: jaxlib, the plugin or the device is missing, or this process was forked from one that had made the client.
    """
    if platform not in _MAKERS:
        raise EngineError(f"there is no PJRT client for the platform {platform!r}, only for {' and '.join(_MAKERS)}")
    xla_client = jaxlib_client()
    with _lock:
        if platform not in _clients:
            _initialize(xla_client)
            try:
                _clients[platform] = os.getpid(), _MAKERS[platform](xla_client)
            except (RuntimeError, ValueError) as error:
                raise EngineError(f"the PJRT client of the platform {platform} cannot be made: {error}") from error
        process, client = _clients[platform]
    _check_process(process, platform)
    return client


def _check_process(process: int, platform: str) -> None:
    """Raises EngineError in a process that was forked after the client was made: the client's threads are only in its parent."""
    if process != os.getpid():
        raise EngineError(f"XLA's {platform} client belongs to the process {process}, from which this one was forked, and its threads are only there; start "
                          "processes with multiprocessing's \"spawn\", or fork before any engine has run")


class PjrtEngine:
    """One region on a PJRT device, its weights there already. `run` may be called from any number of threads at once."""

    def __init__(self, image: EngineImage, constants: Mapping[str, np.ndarray], platform: str) -> None:
        """Compiles the image's module for the device and puts the weights there.

        Args:
            constants: the data of the image's parameters, by name.
            platform: "cpu" for XLA's CPU client, "neuron".

        Raises:
            EngineError: jaxlib, a plugin or a device is missing, XLA does not compile the module, or a constant is missing.
        """
        if len(image.facts.get("parameter_dtypes", ())) != len(image.parameters):
            raise EngineError(f"the image {image.name} does not say what its {len(image.parameters)} parameters are; build it again")
        if missing := [name for name in image.parameters if name not in constants]:
            raise EngineError(f"the data of the constants {', '.join(missing[:8])} of the engine {image.name} is missing")
        try:
            client = client_for(platform)
        except EngineError as error:
            raise EngineError(f"{error}; the image {image.name} was built for {image.facts.get('family', 'an unknown family')} and holds "
                              f"{', '.join(sorted(image.files))}") from error
        self._process, self._platform, self._image = os.getpid(), platform, image
        xla_client = jaxlib_client()
        self._failure = xla_client._xla.XlaRuntimeError
        self._client, self._device = client, client.local_devices()[0]
        try:
            self._executable = client.compile(image.files["stablehlo"].decode(), xla_client.CompileOptions())
            dtypes = image.facts["parameter_dtypes"]
            self._weights = [self._put(to_device_dtype(constants[name], dtype)) for name, dtype in zip(image.parameters, dtypes, strict=True)]
        except self._failure as error:
            raise EngineError(f"XLA does not compile the engine {image.name} for the platform {platform}: {error}") from error

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns fresh arrays of the results, those of bf16 with the dtype of `ml_dtypes`.

        Args:
            inputs: arrays in the order of the image's inputs; bf16 as `ml_dtypes.bfloat16`, as its bits (uint16), or as floats that are rounded.

        Raises:
            InputError: the arrays do not fit the image's inputs.
            EngineError: the device failed, or this process was forked from the one that made the engine.
        """
        _check_process(self._process, self._platform)
        specs = self._image.inputs
        if len(inputs) != len(specs):
            raise InputError(f"the engine {self._image.name} takes {len(specs)} arrays, not {len(inputs)}")
        try:
            buffers = [self._put(_fitting(array, spec)) for array, spec in zip(inputs, specs, strict=True)]
            results = self._executable.execute([*buffers, *self._weights])
            return [_fetch(result) for result in results]
        except self._failure as error:
            raise EngineError(f"the engine {self._image.name} failed on the platform {self._platform}: {error}") from error

    def _put(self, array: np.ndarray) -> Any:
        return self._client.buffer_from_pyval(np.ascontiguousarray(array) if array.ndim else array, self._device)


def _fetch(result: Any) -> np.ndarray:
    """Returns a fresh array of what is in a device's buffer. jaxlib's arrays are no numpy arrays before JAX extends them; this is what JAX calls too."""
    return np.array(result._single_device_array_to_np_array())


def _fitting(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Returns an array in the dtype that an input has on the device."""
    array = np.asarray(array)
    if array.shape != spec.shape:
        raise InputError(f"the input {spec.name} has the shape {spec.shape}, not {array.shape}")
    return to_device_dtype(array, spec.dtype)


def to_device_dtype(array: np.ndarray, dtype: str) -> np.ndarray:
    """Returns an array in the numpy dtype of an IR dtype; for bf16, bits (uint16) are taken as they are and floats rounded to nearest even."""
    if dtype != "bf16":
        return np.asarray(array, DTYPES[dtype])
    import ml_dtypes  # comes with jaxlib

    return array.view(ml_dtypes.bfloat16) if array.dtype == np.uint16 else np.asarray(array, ml_dtypes.bfloat16)
