"""Certificates that run out while a platform's server does not answer as it should (R41)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List

import pytest

from undertone import Certify, Link, ManualClock, MemoryDisk, Refused, Role, Store, Transport, Undertone, UserId
from undertone.testing import Network

from helpers import AUTHORITY, KEY, Through, acquainted, configured, reaches, soon, texts

AFTER_ALL = timedelta(days=91)


class Noting(Through):
    """A transport that notes when it was refused."""

    def __init__(self, whole: Transport, refused: asyncio.Event) -> None:
        super().__init__(whole)
        self._refused = refused

    async def run(self, link: Link) -> None:
        try:
            await super().run(link)
        except Refused:
            self._refused.set()
            raise


async def test_who_is_not_certified_anew_at_first_comes_back() -> None:
    asked: List[bytes] = []

    def failing(plain: Certify) -> Certify:
        async def certify(request: bytes) -> bytes:
            asked.append(request)
            if len(asked) == 2:
                raise OSError("not now")
            if len(asked) == 3:
                raise asyncio.TimeoutError
            return await plain(request)

        return certify

    async with Network() as network:
        ann, bea, talk = await acquainted(network, {"certify": failing})
        await comes_back(network, ann, bea, talk)
    assert len(asked) == 4


async def test_who_is_certified_anew_late_comes_back_and_is_certified_once() -> None:
    asked: List[bytes] = []
    refused = asyncio.Event()

    def slow(plain: Certify) -> Certify:
        async def certify(request: bytes) -> bytes:
            asked.append(request)
            if len(asked) > 1:
                # The relay has not let her in meanwhile.
                await soon(refused.wait())
            return await plain(request)

        return certify

    async with Network() as network:
        hers: Dict[str, Any] = {"certify": slow, "transport": lambda plain: Noting(plain, refused)}
        ann, bea, talk = await acquainted(network, hers)
        await comes_back(network, ann, bea, talk)
    assert len(asked) == 2


async def comes_back(network: Network, ann: Undertone, bea: Undertone, talk: Any) -> None:
    await network.advance(AFTER_ALL)
    await reaches(network, ann, bea, talk, "after all these days")
    state: Any = (await ann.diagnose()).certificate
    assert state.is_VALID() and ann.is_online


async def refusing(_: bytes) -> bytes:
    raise OSError("not now")


async def silent(_: bytes) -> bytes:
    await asyncio.Event().wait()
    return b""


async def test_a_new_chat_opens_only_with_a_certificate() -> None:
    chat = Undertone(configured(), Store.MEMORY(disk=MemoryDisk()), KEY, certify=refusing)
    with pytest.raises(OSError):
        await chat.__aenter__()


async def test_a_chat_whose_certificate_has_run_out_opens_whatever_its_platform_answers() -> None:
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=timezone.utc))
    store = Store.MEMORY(disk=MemoryDisk())
    serials = iter(range(1, 100))

    async def issuing(request: bytes) -> bytes:
        now = clock.now()
        return AUTHORITY.issue(request, Role("client"), next(serials), now - timedelta(minutes=1), now + timedelta(days=90))

    def chat(certify: Certify) -> Undertone:
        return Undertone(configured(), store, KEY, certify=certify, clock=clock)

    async with chat(issuing) as ann:
        talk = await ann.conversations.start(UserId("bea"))
        await ann.messages.send(talk, "kept")
    clock.set(clock.now() + AFTER_ALL)
    for certify in (refusing, silent):
        ann = await soon(chat(certify).__aenter__())
        state: Any = (await ann.diagnose()).certificate
        assert state.is_EXPIRED()
        assert await texts(ann, talk) == ["kept"]
        await soon(ann.close())
    async with chat(issuing) as ann:
        for _ in range(3_000):
            state = (await ann.diagnose()).certificate
            if state.is_VALID():
                break
            await asyncio.sleep(0.01)
        assert state.is_VALID()
