"""What a host plugs in: how a device speaks to its relay, and what else a platform does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, List, Optional, Protocol, runtime_checkable

from ._ids import DeliveryId, UserId
from ._native.undertone_ffi import Answer, Delivery, Login, Request, TransmitResult

__all__ = ["Link", "MailboxPage", "Refused", "Transport"]


class Refused(Exception):
    """The relay does not let this device in, and connecting again would not help. ``code`` is a stable name."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class MailboxPage:
    """A page of what waits in a device's mailbox."""

    deliveries: List[Delivery] = field(default_factory=list)
    """The envelopes, oldest first."""
    next: Optional[DeliveryId] = None
    """Where it goes on; ``None`` at the mailbox's end."""


class Link(Protocol):
    """What a transport tells the engine, while it is connected."""

    async def certificate(self) -> bytes:
        """This device's certificate, for a login."""

    async def answer_challenge(self, challenge: bytes) -> bytes:
        """Signs a relay's challenge of 32 bytes."""

    async def connected(self, login: Login) -> None:
        """This device is logged in: the engine begins to send and to ask."""

    async def received(self, deliveries: List[Delivery]) -> None:
        """Envelopes came."""

    async def mail_waiting(self) -> None:
        """More waits in the mailbox than comes by itself."""

    async def directory_changed(self, user: UserId) -> None:
        """A device of a user came or went."""

    async def revoked(self, revocation_list: bytes) -> None:
        """The authority has a newer list of revoked certificates."""


@runtime_checkable
class Transport(Protocol):
    """How a device speaks to its relay. :class:`undertone.relay.RelayTransport` speaks to the reference relay.

    Whatever raises, or is given up because a connection ended, is tried again by the engine: nothing is lost, and nothing
    is sent twice to anybody. Calls overlap; put on the wire what they hand over in the order in which they are made.
    """

    async def run(self, link: Link) -> None:
        """Connects, logs in, tells ``link`` what comes, and returns or raises when the connection has ended. It is run
        anew after a while, unless it raises :class:`Refused`."""

    async def send(self, envelopes: List[bytes]) -> TransmitResult:
        """Stores envelopes, together or not at all."""

    async def acknowledge(self, deliveries: List[DeliveryId]) -> None:
        """These are durable on the device: the relay may forget them."""

    async def fetch(self, since: DeliveryId) -> MailboxPage:
        """A page of the mailbox behind a position."""

    async def directory(self, request: Request) -> Answer:
        """Answers ``Request.LOOK_UP``, ``PUBLISH`` and ``SLOT``."""


Fallback = Callable[[Any], Awaitable[bool]]
"""Tells a user by another channel that messages wait (a ``Request.FALLBACK``); true when the platform has taken it over."""
