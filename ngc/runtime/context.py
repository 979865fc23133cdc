"""The native context: what a compiled program gets, one copy per thread.

The layout is frozen: a program in a saved artifact reads the same offsets, and a C caller fills the same struct.
"""

import ctypes

ABI = 2
"""Value of `Context.abi` that today's programs expect."""


class Context(ctypes.Structure):
    """struct ngc_ctx, 128 bytes."""

    _fields_ = (
        ("abi", ctypes.c_int32),
        ("thread", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("flags", ctypes.c_int32),
        ("n", ctypes.c_int64),
        ("arena", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("inputs", ctypes.c_void_p),  # ptr[], one per input
        ("outputs", ctypes.c_void_p),  # ptr[], one per output
        ("stamps", ctypes.c_void_p),  # i64[], two per kernel and thread, or null
        ("team", ctypes.c_void_p),  # state of the thread team, or null for one thread
        ("scratch_bytes", ctypes.c_int64),
        ("reserved", ctypes.c_void_p * 6),
    )

    def __init__(self, **fields: int | None) -> None:
        super().__init__(abi=ABI, threads=1, **fields)
