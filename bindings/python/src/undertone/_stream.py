"""Reads what the library gives: UniFFI's own reader with its bytes copied once and its formats compiled once.

Its reader slices the library's memory for every number, which is most of what a long list costs.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any, Callable

from ._native import undertone_ffi

# What is generated has parts that its stub does not tell of.
_native: Any = undertone_ffi
_PAST_END = "read past end of rust buffer"


class _Stream:
    """Takes the place of ``_UniffiRustBufferStream``, whose interface it has."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @classmethod
    def from_rust_buffer(cls, buffer: Any) -> _Stream:
        return cls(ctypes.string_at(buffer.data, buffer.len) if buffer.len else b"")

    def remaining(self) -> int:
        return len(self._data) - self._offset

    def read(self, size: int) -> bytes:
        start = self._offset
        end = self._offset = start + size
        if end > len(self._data):
            raise _native.InternalError(_PAST_END)
        return self._data[start:end]

    def read_u8(self) -> int:
        offset = self._offset
        self._offset = offset + 1
        try:
            return self._data[offset]
        except IndexError:
            raise _native.InternalError(_PAST_END) from None


def _reader(form: str) -> Callable[[_Stream], Any]:
    """A method that reads a number."""
    size, unpack = struct.calcsize(form), struct.Struct(form).unpack_from

    def read(self: _Stream) -> Any:
        offset = self._offset
        self._offset = offset + size
        try:
            return unpack(self._data, offset)[0]
        except struct.error:
            raise _native.InternalError(_PAST_END) from None

    return read


for _name, _form in [
    ("read_i8", ">b"),
    ("read_i16", ">h"),
    ("read_u16", ">H"),
    ("read_i32", ">i"),
    ("read_u32", ">I"),
    ("read_i64", ">q"),
    ("read_u64", ">Q"),
    ("read_float", ">f"),
    ("read_double", ">d"),
]:
    setattr(_Stream, _name, _reader(_form))

_length = struct.Struct(">i").unpack_from


def _text(buffer: _Stream) -> str:
    """Reads a text in one go."""
    start = buffer._offset + 4
    try:
        end = start + _length(buffer._data, start - 4)[0]
    except struct.error:
        raise _native.InternalError(_PAST_END) from None
    if not start <= end <= len(buffer._data):
        raise _native.InternalError(_PAST_END)
    buffer._offset = end
    return buffer._data[start:end].decode()


_native._UniffiRustBufferStream = _Stream
_native._UniffiFfiConverterString.read = staticmethod(_text)
