"""A platform in one process: authority, relay, clock, and the chats of its users."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, AsyncIterator, Callable, Dict, List, Optional, Type

from .._ids import Role, UserId
from ..blobs import Blobs
from ..driver import Certify, Undertone
from ..relay import FrameTransport
from ..transport import Fallback, Transport
from .._native.undertone_ffi import Authority, Config, ManualClock, MemoryDisk, Policy, Store, TestRelay

__all__ = ["Network"]

_MINUTE = timedelta(minutes=1)


@dataclass
class _Seat:
    """What a chat is opened with, again after its process has ended."""

    config: Config
    certify: Certify
    transport: Transport
    blobs: Optional[Blobs]
    fallback: Optional[Fallback]
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    host_key: bytes = field(default_factory=lambda: os.urandom(32))


class Network:
    """A platform in one process: an authority, a relay, a clock, and the chats of its users."""

    def __init__(self, *, policy: Optional[Policy] = None, start: Optional[datetime] = None) -> None:
        """``policy`` is the preset one if it is not given; the clock shows ``start``, or the first of January 2030."""
        self.clock = ManualClock(start or datetime(2030, 1, 1, tzinfo=timezone.utc))
        self.authority = Authority.from_seed(os.urandom(32))
        self.policy = policy
        self.relay = TestRelay([self.authority.public_key()], policy, self.clock)
        self._serial = 0
        self._seats: Dict[Undertone, _Seat] = {}
        self._sockets: List[_Socket] = []

    async def __aenter__(self) -> Network:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        for chat in list(self._seats):
            await chat.close()

    async def join(
        self,
        user: str,
        role: str,
        *,
        identity: Optional[bytes] = None,
        blobs: Optional[Blobs] = None,
        fallback: Optional[Fallback] = None,
        transport: Callable[[Transport], Transport] = lambda plain: plain,
        certify: Callable[[Certify], Certify] = lambda plain: plain,
        **config: Any,
    ) -> Undertone:
        """A device of a user, certified in a role, connected and settled. Give ``identity`` for a further device of the same
        user, and put faults between the device and the relay with ``transport``, and between the device and what certifies it
        with ``certify``; ``config`` are other fields of :class:`undertone.Config`."""
        arguments = {
            "user": UserId(user),
            "identity": identity,
            "authorities": [self.authority.public_key()],
            "policy": self.policy,
            **config,
        }
        certified = certify(self.certify(Role(role)))
        seat = _Seat(Config(**arguments), certified, transport(FrameTransport(self._dial)), blobs, fallback)
        return await self._open(seat)

    async def restart(self, chat: Undertone) -> Undertone:
        """The process of a chat ends and begins anew, on the same disk."""
        seat = self._seats.pop(chat)
        await chat.close()
        return await self._open(seat)

    def certify(self, role: Role) -> Any:
        """What a platform's server does, for devices in a role."""

        async def certificate(request: bytes) -> bytes:
            self._serial += 1
            now = self.clock.now()
            return self.authority.issue(request, role, self._serial, now - _MINUTE, now + timedelta(days=90))

        return certificate

    async def advance(self, span: timedelta) -> None:
        """Lets time pass, and everybody do what is due meanwhile, in the order in which it is due."""
        await self.settle()
        end = self.clock.now() + span
        while True:
            due = [chat._wake_at for chat in self._seats if chat._wake_at is not None]
            next_one = min([at for at in due if at > self.clock.now()] + [end])
            if next_one >= end:
                break
            self.clock.set(next_one)
            self._wake()
            await self.settle()
        self.clock.set(end)
        self._wake()
        await self.settle()

    async def settle(self) -> None:
        """Waits until nobody has anything left to do but for what time brings."""
        quiet = 0
        while quiet < 3:
            # Work hops between threads and tasks: only what is quiet for several turns of the loop is quiet.
            await asyncio.sleep(0)
            busy = any(chat._is_busy() for chat in self._seats) or any(socket.is_busy() for socket in self._sockets)
            if busy:
                await asyncio.sleep(0.0005)
            quiet = 0 if busy else quiet + 1

    def cut(self) -> None:
        """Every connection ends, wherever it is. Those who want one connect anew."""
        for socket in list(self._sockets):
            socket.cut()

    async def _open(self, seat: _Seat) -> Undertone:
        chat = Undertone(
            seat.config,
            Store.MEMORY(disk=seat.disk),
            seat.host_key,
            transport=seat.transport,
            certify=seat.certify,
            blobs=seat.blobs,
            fallback=seat.fallback,
            clock=self.clock,
        )
        await chat.__aenter__()
        self._seats[chat] = seat
        await chat.online()
        await self.settle()
        return chat

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[_Socket]:
        socket = _Socket(self)
        self._sockets.append(socket)
        try:
            yield socket
        finally:
            self._sockets.remove(socket)
            self.relay.disconnect(socket.number)
            self._wake()

    def _wake(self) -> None:
        for socket in self._sockets:
            socket.woken.set()


class _Socket:
    """A connection to the relay in memory."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.number = network.relay.connect()
        self.woken = asyncio.Event()
        self._ended = False
        self._handing = False

    async def send(self, frame: bytes) -> None:
        if self._ended:
            raise ConnectionError("the connection has ended")
        self._network.relay.send(self.number, frame)
        self._network._wake()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self._ended:
            self.woken.clear()
            wire = self._network.relay.take(self.number)
            for frame in wire.frames:
                self._handing = True
                yield frame
                self._handing = False
            if wire.ended:
                return
            if not wire.frames:
                await self.woken.wait()

    def is_busy(self) -> bool:
        return self._handing or (self.woken.is_set() and not self._ended)

    def cut(self) -> None:
        self._ended = True
        self.woken.set()
