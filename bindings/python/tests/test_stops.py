"""What stops a chat, and fails or is interrupted: the chat goes on, or ends for everybody who waits (R41)."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any, List

import pytest

from undertone import (
    Answer,
    DeliveryId,
    Engine,
    Event,
    Link,
    Login,
    MailboxPage,
    MemoryDisk,
    Refused,
    Request,
    Store,
    TransmitResult,
    Transport,
    Undertone,
    UndertoneError,
)
from undertone.testing import Network

from helpers import KEY, Through, acquainted, arrives, code_of, configured, opened, reaches, soon


class Stuck(Through):
    """A transport that sends nothing while it is told so."""

    stuck = False

    async def send(self, envelopes: List[bytes]) -> TransmitResult:
        if self.stuck:
            raise OSError("stuck")
        return await super().send(envelopes)


class Slow(Through):
    """A transport that takes its time to hang up, and is run once at a time."""

    def __init__(self, whole: Transport) -> None:
        super().__init__(whole)
        self.ending = asyncio.Event()
        self.may_end = asyncio.Event()
        self.running = 0

    async def run(self, link: Link) -> None:
        self.running += 1
        assert self.running == 1
        try:
            await super().run(link)
        finally:
            self.ending.set()
            await self.may_end.wait()
            self.running -= 1


class Alone:
    """A transport whose relay refuses, as often as it is told to, and then takes nothing."""

    def __init__(self, refusals: int, code: str = "revoked") -> None:
        self.refusals = refusals
        self.code = code

    async def run(self, link: Link) -> None:
        if self.refusals > 0:
            self.refusals -= 1
            raise Refused(self.code)
        await link.connected(Login())
        await asyncio.Event().wait()

    async def send(self, envelopes: List[bytes]) -> TransmitResult:
        return TransmitResult.FAILED()

    async def acknowledge(self, deliveries: List[DeliveryId]) -> None:
        pass

    async def fetch(self, since: DeliveryId) -> MailboxPage:
        return MailboxPage()

    async def directory(self, request: Request) -> Answer:
        return Answer.FAILED()


async def test_logging_out_is_refused_while_something_waits_which_then_goes_out() -> None:
    made: List[Stuck] = []

    def stuck(plain: Transport) -> Transport:
        made.append(Stuck(plain))
        return made[-1]

    async with Network() as network:
        ann, bea, talk = await acquainted(network, {"transport": stuck})
        made[0].stuck = True
        await ann.messages.send(talk, "waits")
        assert await code_of(ann.wipe()) == "misuse.unsent"
        made[0].stuck = False
        await arrives(network, bea, talk, "waits")


async def test_logging_out_offline_is_refused_as_well_and_nobody_is_connected_for_it() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        await ann.disconnect()
        await ann.messages.send(talk, "waits")
        assert await code_of(ann.wipe()) == "misuse.unsent"
        await network.settle()
        assert not ann.is_online
        ann.connect()
        await arrives(network, bea, talk, "waits")


async def test_who_cannot_fall_asleep_connects_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleepless(_: Engine) -> None:
        raise UndertoneError.Misuse("misuse.test", "not now")

    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        with monkeypatch.context() as patched:
            patched.setattr(Engine, "suspend", sleepless)
            assert await code_of(ann.suspend()) == "misuse.test"
        await soon(ann.online())
        await reaches(network, ann, bea, talk, "still awake")


async def test_who_connects_while_the_last_connection_still_ends_has_one_that_lasts() -> None:
    made: List[Slow] = []

    def slow(plain: Transport) -> Transport:
        made.append(Slow(plain))
        return made[-1]

    async with Network() as network:
        ann, bea, talk = await acquainted(network, {"transport": slow})
        leaving = asyncio.create_task(ann.disconnect())
        await soon(made[0].ending.wait())
        ann.connect()
        made[0].may_end.set()
        await soon(leaving)
        await soon(ann.online())
        await network.settle()
        assert ann.is_online
        await reaches(network, ann, bea, talk, "again")
        # Nothing is left of it, either.
        await soon(ann.disconnect())
        assert not ann.is_online and made[0].running == 0


async def test_who_waits_to_be_online_is_told_that_the_chat_was_closed() -> None:
    async with Network() as network:
        ann, *_ = await acquainted(network)
        await ann.disconnect()
        waiting = [asyncio.create_task(ann.online()) for _ in range(3)]
        await asyncio.sleep(0)
        await ann.close()
        for waiter in waiting:
            assert await code_of(waiter) == "misuse.closed"
        assert await code_of(ann.online()) == "misuse.closed"
        assert await code_of(anext(ann.events())) == "misuse.closed"
        with pytest.raises(UndertoneError) as closed:
            ann.connect()
        assert closed.value.code == "misuse.closed"


async def test_who_waits_to_be_online_is_told_that_the_engine_has_failed() -> None:
    async with Network() as network:
        ann, *_ = await acquainted(network)
        await ann.disconnect()
        waiting = asyncio.create_task(ann.online())
        await asyncio.sleep(0)
        # Behind the chat's back, which is a failure to it.
        ann.engine.shut_down()
        assert await code_of(waiting) == "misuse.closed"
        assert await code_of(ann.online()) == "misuse.closed"


async def test_who_waits_to_be_online_is_told_that_the_relay_refuses_and_connects_anew_later() -> None:
    store = Store.MEMORY(disk=MemoryDisk())
    opened(store).shut_down()
    alone = Alone(refusals=2)
    chat = Undertone(configured(), store, KEY, transport=alone)
    async with chat:
        with pytest.raises(Refused, match="revoked"):
            await soon(chat.online())
        waiting = asyncio.create_task(chat.online())
        listening = asyncio.create_task(anext(chat.events(), None))
        await asyncio.sleep(0)
        chat.connect()
        for work in (waiting, chat.online()):
            with pytest.raises(Refused, match="revoked"):
                await soon(work)
        assert isinstance(await soon(listening), Event.CERTIFICATE_NEEDED)
        chat.connect()
        await soon(chat.online())
        assert chat.is_online and alone.refusals == 0


@pytest.mark.parametrize("reason", ["closing.replaced", "closing.version"])
async def test_what_is_no_matter_of_certificates_asks_for_none(reason: str) -> None:
    asked: List[bytes] = []

    async def certify(request: bytes) -> bytes:
        asked.append(request)
        raise OSError("not asked for")

    store = Store.MEMORY(disk=MemoryDisk())
    opened(store).shut_down()
    alone = Alone(refusals=1, code=reason)
    async with Undertone(configured(), store, KEY, transport=alone, certify=certify) as chat:
        with pytest.raises(Refused, match=reason):
            await soon(chat.online())
        assert asked == []
        chat.connect()
        await soon(chat.online())


async def test_a_chat_without_a_transport_says_so() -> None:
    store = Store.MEMORY(disk=MemoryDisk())
    opened(store).shut_down()
    async with Undertone(configured(), store, KEY) as chat:
        with pytest.raises(UndertoneError) as without:
            chat.connect()
        assert without.value.code == "misuse.transport"


async def test_a_chat_may_fall_asleep_in_its_own_connection() -> None:
    chats: List[Undertone] = []
    tired, asleep = asyncio.Event(), asyncio.Event()

    class Sleepy(Through):
        async def run(self, link: Link) -> None:
            whole = asyncio.create_task(super().run(link))
            try:
                await tired.wait()
                tired.clear()
                await chats[0].suspend()
            finally:
                asleep.set()
                whole.cancel()
                await asyncio.wait([whole])

    async with Network() as network:
        ann, bea, talk = await acquainted(network, {"transport": Sleepy})
        chats.append(ann)
        tired.set()
        await soon(asleep.wait())
        # It is for whoever wakes it to connect.
        ann.connect()
        await soon(ann.resume())
        await soon(ann.online())
        await reaches(network, ann, bea, talk, "awake")


@pytest.mark.parametrize("turns", range(10))
async def test_closing_may_be_cancelled_at_any_moment(turns: int, tmp_path: Path) -> None:
    store = Store.SQLITE(path=str(tmp_path / "store"), lock_wait_ms=0)
    opened(store).shut_down()
    chat = await Undertone(configured(), store, KEY, transport=Alone(refusals=0)).__aenter__()
    await soon(chat.online())
    listening = asyncio.create_task(anext(chat.events(), None))
    await asyncio.sleep(0)
    closing = asyncio.create_task(chat.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await closing
    await soon(chat.close())
    await soon(listening)
    opened(store).shut_down()


@pytest.mark.parametrize("end", [Undertone.close, lambda chat: chat.wipe(True)], ids=["close", "wipe"])
async def test_a_chat_may_be_ended_by_its_own_transport(end: Any) -> None:
    chats: List[Undertone] = []
    ended = asyncio.Event()

    class Ending(Through):
        async def send(self, envelopes: List[bytes]) -> TransmitResult:
            if chats:
                await end(chats[0])
                ended.set()
            return await super().send(envelopes)

    async with Network() as network:
        ann, bea, talk = await acquainted(network, {"transport": Ending})
        chats.append(ann)
        await ann.messages.send(talk, "the last word")
        await soon(ended.wait())
        await soon(ann.close())
        assert await code_of(ann.usage()) == "misuse.closed"
