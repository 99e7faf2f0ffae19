"""The reference relay's WebSocket: ``pip install undertone[relay]``."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, List, Optional, Protocol

from ._ids import DeliveryId, Role, UserId
from .transport import Link, MailboxPage, Refused
from ._native.undertone_ffi import (
    Answer,
    DirectoryUser,
    FrameDown,
    FrameUp,
    Request,
    TransmitResult,
    decode_frame,
    demo_wish,
    encode_frame,
)

__all__ = ["Demo", "FrameTransport", "RelayTransport", "Socket"]

_PAGE = 256
_USERS = 64
_ACKNOWLEDGED = 1024


class Socket(Protocol):
    """A connection that carries whole frames."""

    async def send(self, frame: bytes) -> None:
        """Sends one."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Those that come, until the connection ends."""


class FrameTransport:
    """A transport that speaks the reference relay's frames over any socket."""

    def __init__(self, dial: Callable[[], Any]) -> None:
        """``dial`` gives an asynchronous context manager of a :class:`Socket`."""
        self._dial = dial
        self._socket: Optional[Socket] = None
        self._waiting: Dict[int, asyncio.Future[FrameDown]] = {}
        self._number = 0

    async def run(self, link: Link) -> None:
        """Connects, logs in and listens until the connection ends."""
        try:
            async with self._dial() as socket:
                async for frame in socket:
                    await self._take(socket, link, decode_frame(bytes(frame)))
        finally:
            self._socket = None
            waiting, self._waiting = self._waiting, {}
            for future in waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError("the connection has ended"))

    async def send(self, envelopes: List[bytes]) -> TransmitResult:
        """Stores envelopes, together or not at all."""
        answer = await self._ask(lambda number: FrameUp.TRANSMIT(id=number, envelopes=envelopes))
        return answer.result  # type: ignore[attr-defined, no-any-return]

    async def acknowledge(self, deliveries: List[DeliveryId]) -> None:
        """Drops deliveries that are durable on the device."""
        for start in range(0, len(deliveries), _ACKNOWLEDGED):
            await self._put(FrameUp.ACKNOWLEDGE(deliveries=deliveries[start : start + _ACKNOWLEDGED]))

    async def fetch(self, since: DeliveryId) -> MailboxPage:
        """A page of the mailbox."""
        page: Any = await self._ask(lambda number: FrameUp.FETCH(request=number, since=since, limit=_PAGE))
        return MailboxPage(page.deliveries, page.next)

    async def directory(self, request: Request) -> Answer:
        """Looks users up, publishes key packages, asks for a slot."""
        asked: Any = request
        if asked.is_LOOK_UP():
            users: List[DirectoryUser] = []
            for start in range(0, len(asked.users), _USERS):
                users += await self._look_up(asked.users[start : start + _USERS], asked.key_packages)
            return Answer.DIRECTORY(users=users)
        if asked.is_PUBLISH():
            done = await self._ask(
                lambda number: FrameUp.PUBLISH(
                    request=number, packages=asked.packages, last_resort=asked.last_resort, replace=asked.replace
                )
            )
            return Answer.PUBLISHED() if done.is_PUBLISHED() else Answer.FAILED()
        held: Any = await self._ask(lambda number: FrameUp.SLOT(request=number, name=asked.name))
        return Answer.SLOT(holder=held.holder) if held.is_SLOT_HELD() else Answer.FAILED()

    async def _look_up(self, users: List[UserId], key_packages: bool) -> List[DirectoryUser]:
        found: Any = await self._ask(
            lambda number: FrameUp.LOOK_UP(request=number, users=users, key_packages=key_packages)
        )
        if not found.is_DIRECTORY():
            raise ConnectionError("the relay refused to look users up")
        return found.users  # type: ignore[no-any-return]

    async def _ask(self, frame: Callable[[int], FrameUp]) -> FrameDown:
        self._number += 1
        number = self._number
        answer: asyncio.Future[FrameDown] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._put(frame(number))
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _put(self, frame: FrameUp) -> None:
        if self._socket is None:
            raise ConnectionError("there is no connection")
        await self._socket.send(encode_frame(frame))

    async def _take(self, socket: Socket, link: Link, frame: Any) -> None:
        if frame.is_CHALLENGE():
            signature = await link.answer_challenge(frame.challenge)
            login = FrameUp.LOGIN(certificate=await link.certificate(), signature=signature)
            await socket.send(encode_frame(login))
        elif frame.is_LOGGED_IN():
            self._socket = socket
            await link.connected(frame.login)
            if frame.revocations:
                await self._put(FrameUp.REVOCATIONS(request=0))
        elif frame.is_DELIVERED():
            await link.received([frame.delivery])
        elif frame.is_MAIL_WAITING():
            await link.mail_waiting()
        elif frame.is_DIRECTORY_CHANGED():
            await link.directory_changed(frame.user)
        elif frame.is_REVOCATIONS_CHANGED():
            await self._put(FrameUp.REVOCATIONS(request=0))
        elif frame.is_REVOCATIONS():
            for revocation_list in frame.lists:
                await link.revoked(revocation_list)
        elif frame.is_LOGIN_REFUSED():
            raise Refused(frame.code)
        elif frame.is_CLOSING():
            raise ConnectionError(frame.code) if frame.again else Refused(frame.code)
        elif not frame.is_UNKNOWN():
            number = frame.id if frame.is_TRANSMITTED() else frame.request
            answer = self._waiting.get(number)
            if answer is not None and not answer.done():
                answer.set_result(frame)


class RelayTransport(FrameTransport):
    """The reference relay at an address, like ``ws://127.0.0.1:8787``."""

    def __init__(self, address: str) -> None:
        from websockets.asyncio.client import connect

        path = address.rstrip("/") + "/v1"
        super().__init__(lambda: connect(path, max_size=32 * 1024 * 1024, compression=None))


class Demo:
    """The authority of a relay that was started with ``--demo``: it certifies whoever asks. For trying things out only."""

    def __init__(self, address: str) -> None:
        self._path = address.rstrip("/") + "/demo/enrol"

    async def public_key(self) -> bytes:
        """What an engine must trust."""
        from websockets.asyncio.client import connect

        async with connect(self._path) as socket:
            return bytes(await socket.recv(decode=False))

    def certify(self, role: Role) -> Callable[[bytes], Awaitable[bytes]]:
        """Certificates for devices in a role."""
        from websockets.asyncio.client import connect

        async def certificate(request: bytes) -> bytes:
            async with connect(self._path) as socket:
                await socket.recv(decode=False)
                await socket.send(demo_wish(role, request))
                return bytes(await socket.recv(decode=False))

        return certificate
