"""What the library gives is read as UniFFI's own reader does it, to its end and no further (R41)."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from undertone import _stream
from undertone._native import undertone_ffi

native: Any = undertone_ffi
text = native._UniffiFfiConverterString


def of(data: bytes) -> Any:
    return _stream._Stream(data)


def test_numbers_are_read_in_their_order() -> None:
    stream = of(struct.pack(">BbHhIiQqfd", 200, -1, 65_535, -2, 4_000_000_000, -3, 2**64 - 1, -4, 0.5, 0.25))
    read = [stream.read_u8(), stream.read_i8(), stream.read_u16(), stream.read_i16(), stream.read_u32(), stream.read_i32()]
    assert read == [200, -1, 65_535, -2, 4_000_000_000, -3]
    assert [stream.read_u64(), stream.read_i64(), stream.read_float(), stream.read_double()] == [2**64 - 1, -4, 0.5, 0.25]
    assert stream.remaining() == 0


def test_a_text_is_as_long_as_it_says() -> None:
    data = "Grüße".encode()
    stream = of(struct.pack(">i", len(data)) + data + b"rest")
    assert text.read(stream) == "Grüße"
    assert stream.read(4) == b"rest"


@pytest.mark.parametrize("length", [-1, -4, 3, 2**31 - 1])
def test_a_text_that_claims_another_length_is_refused(length: int) -> None:
    with pytest.raises(native.InternalError):
        text.read(of(struct.pack(">i", length) + b"ab"))


@pytest.mark.parametrize("read", ["read_u8", "read_i8", "read_i16", "read_u32", "read_i64", "read_double"])
def test_nothing_is_read_past_the_end(read: str) -> None:
    with pytest.raises(native.InternalError):
        getattr(of(b""), read)()
    with pytest.raises(native.InternalError):
        of(b"abc").read(4)
    with pytest.raises(native.InternalError):
        text.read(of(b"abc"))
