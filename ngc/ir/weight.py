"""Constant data: an array with a name and a content hash."""

import hashlib

import numpy as np


class Weight:
    """The data of a `const` node: read-only, hashed once. `array` is None where only the text of a graph was read."""

    __slots__ = ("_digest", "array", "name")

    def __init__(self, name: str, array: np.ndarray | None, digest: str | None = None) -> None:
        if array is not None:
            array = np.ascontiguousarray(array) if array.ndim else np.array(array)
            array = array.view()
            array.flags.writeable = False
        self.name, self.array, self._digest = name, array, digest

    @property
    def digest(self) -> str:
        """First 16 hexadecimal digits of the BLAKE2b hash of dtype, shape and bytes; empty where neither data nor hash is known."""
        if self._digest is None:
            array = self.array
            if array is None:
                return ""
            state = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=8)
            state.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
            self._digest = state.hexdigest()
        return self._digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weight) and self.name == other.name and self.digest == other.digest

    def __hash__(self) -> int:
        return hash((self.name, self.digest))
