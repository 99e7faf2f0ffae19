"""Instants and spans, as the engine counts them and as Python shows them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)

FOREVER = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)
"""The last instant that can be shown, which stands for ever: as in ``mute(conversation, FOREVER)``."""


def from_ms(ms: int) -> datetime:
    """The instant of milliseconds since 1970, in UTC."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970. A time without a zone would be another instant on every machine, and is refused."""
    if time.tzinfo is None:
        raise ValueError("a time needs a zone: datetime.now(timezone.utc), for instance")
    return (time - _EPOCH) // _MILLISECOND


def span_to_ms(span: timedelta) -> int:
    """Milliseconds of a span, the part of one left out."""
    return span // _MILLISECOND
