"""Places in texts: the engine counts bytes of UTF-8, Python counts characters."""

from __future__ import annotations

from ._native.undertone_ffi import TextRange


def part(text: str, place: TextRange) -> str:
    """The part of a text that a range stands for."""
    return text.encode()[place.start : place.end].decode(errors="replace")


def span(text: str, place: TextRange) -> slice:
    """A range as a slice of a text: ``text[span(text, place)]`` is the part."""
    encoded = text.encode()
    start = len(encoded[: place.start].decode(errors="replace"))
    return slice(start, start + len(encoded[place.start : place.end].decode(errors="replace")))


def range_of(text: str, start: int, end: int) -> TextRange:
    """The range of ``text[start:end]``, for a mention for instance."""
    before, within = text[:start].encode(), text[start:end].encode()
    return TextRange(start=len(before), end=len(before) + len(within))
