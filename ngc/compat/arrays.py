"""What stands where MXNet has an NDArray: arguments that take assignments, and outputs that can be read."""

from typing import Any

import numpy as np

from ngc.errors import InputError


def as_numpy(value: Any, name: str) -> np.ndarray:
    """Returns an NDArray, an array, a number or a nested list as a numpy array.

    Raises:
        InputError: the value is no array of numbers.
    """
    if isinstance(value, BoundArray | OutputArray) or (hasattr(value, "asnumpy") and not isinstance(value, np.ndarray)):
        return np.asarray(value.asnumpy())
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name!r} takes an array: {error}") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name!r} takes an array of numbers, not {type(value).__name__}")
    return array


class Parameters:
    """Counts the assignments to the parameters that executors share, so that each knows when its code is out of date."""

    def __init__(self) -> None:
        self.version = 0


class _Readable:
    """What MXNet's scripts ask of an NDArray that they read."""

    @property
    def _data(self) -> np.ndarray:
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the array."""
        return self._data.shape

    @property
    def dtype(self) -> Any:
        """The element type, as MXNet gives it: numpy's scalar type."""
        return self._data.dtype.type

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def asnumpy(self) -> np.ndarray:
        """Returns a copy of the data."""
        return self._data.copy()

    def asscalar(self) -> Any:
        """Returns the only element."""
        if self.size != 1:
            raise InputError(f"asscalar takes an array of one element, not of shape {self.shape}")
        return self._data.reshape(-1)[0]

    def wait_to_read(self) -> None:
        """Returns at once: a forward pass is complete when `forward` returns."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._data, dtype=dtype)

    def __len__(self) -> int:
        return self.shape[0]


class OutputArray(_Readable):
    """One output of a forward pass."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    @property
    def _data(self) -> np.ndarray:
        return self._array

    def __getitem__(self, key: Any) -> "OutputArray":
        return OutputArray(np.asarray(self._array[key]))

    def __repr__(self) -> str:
        return f"{self._array}\n<OutputArray {'x'.join(map(str, self.shape))} @cpu(0)>"


class BoundArray(_Readable):
    """One argument or auxiliary state of an executor: `array[:] = values` sets it."""

    def __init__(self, name: str, shape: tuple[int, ...] | None, dtype: np.dtype[Any], parameters: Parameters | None) -> None:
        """Makes an array without values.

        Args:
            name: of the argument, for messages.
            shape: None where it follows from the first values.
            dtype: values are converted to it, as MXNet does.
            parameters: hears of assignments; None for inputs, which may change between runs.
        """
        self.name = name
        self._shape, self._dtype, self._parameters = shape, dtype, parameters
        self._array: np.ndarray | None = None

    @property
    def is_set(self) -> bool:
        """Whether values were assigned."""
        return self._array is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the array; InputError where they are not known yet."""
        if self._shape is None:
            raise InputError(f"the shape of {self.name!r} follows from its values, and it has none yet; assign them or call copy_params_from")
        return self._shape

    @property
    def dtype(self) -> Any:
        """The element type, as MXNet gives it: numpy's scalar type."""
        return self._dtype.type

    @property
    def _data(self) -> np.ndarray:
        if self._array is None:
            self._array = np.zeros(self.shape, self._dtype)  # what MXNet's fresh arrays hold
        return self._array

    def __setitem__(self, key: Any, value: Any) -> None:
        array = as_numpy(value, self.name)
        whole = key is Ellipsis or (isinstance(key, slice) and key == slice(None))
        if self._shape is None and whole:
            self._shape = array.shape
        if whole and array.shape != self.shape and array.size != 1:
            raise InputError(f"{self.name!r} has shape {self.shape}; the values have {array.shape}")
        try:
            self._data[key] = array
        except (ValueError, IndexError) as error:
            raise InputError(f"{self.name!r} has shape {self.shape}: {error}") from error
        if self._parameters is not None:
            self._parameters.version += 1

    def __getitem__(self, key: Any) -> OutputArray:
        return OutputArray(np.asarray(self._data[key]))

    def __repr__(self) -> str:
        extents = "?" if self._shape is None else "x".join(map(str, self._shape))
        return f"<BoundArray {self.name} {extents} @cpu(0)>"
