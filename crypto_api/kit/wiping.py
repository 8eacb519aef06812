"""Overwriting what a secret stood in. CPython frees `bytes` without doing so, and gives no way to it but its memory address."""

import ctypes

_BYTES_HEADER = bytes.__basicsize__ - 1  # what stands before the first of them; the 1 is the NUL at the end


def wipe(*buffers: bytes | bytearray | memoryview) -> None:
    """Only for what nobody else holds. `bytes` of one character or none are shared by the whole interpreter and stay as they are."""
    for buffer in buffers:
        if isinstance(buffer, bytes):
            if len(buffer) > 1:
                ctypes.memset(id(buffer) + _BYTES_HEADER, 0, len(buffer))
        else:
            view = memoryview(buffer).cast("B")
            view[:] = bytes(len(view))
