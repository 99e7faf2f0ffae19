"""Faults in a host's transport: the engine is unharmed, and what failed is tried again (R41)."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from typing import Any, List

import pytest

from undertone import Answer, Delivery, DeliveryId, Link, MailboxPage, Request, Transport, TransmitResult, UserId
from undertone.testing import Network

from helpers import acquainted, soon, texts


class Faulty:
    """A transport of which one call raises, as long as there are faults."""

    def __init__(self, whole: Transport, call: str) -> None:
        self._whole = whole
        self._call = call
        self.faults: List[BaseException] = []

    async def run(self, link: Link) -> None:
        self._meet("run")
        await self._whole.run(link)

    async def send(self, envelopes: List[bytes]) -> TransmitResult:
        self._meet("send")
        return await self._whole.send(envelopes)

    async def acknowledge(self, deliveries: List[DeliveryId]) -> None:
        self._meet("acknowledge")
        await self._whole.acknowledge(deliveries)

    async def fetch(self, since: DeliveryId) -> MailboxPage:
        self._meet("fetch")
        return await self._whole.fetch(since)

    async def directory(self, request: Request) -> Answer:
        self._meet("directory")
        return await self._whole.directory(request)

    def _meet(self, call: str) -> None:
        if call == self._call and self.faults:
            raise self.faults.pop()


@pytest.mark.parametrize("call", ["run", "send", "acknowledge", "fetch", "directory"])
async def test_a_call_of_the_hosts_transport_that_raises_is_made_again(call: str) -> None:
    made: List[Faulty] = []

    def faulty(whole: Transport) -> Transport:
        made.append(Faulty(whole, call))
        return made[-1]

    async with Network() as network:
        ann, bea, talk = await acquainted(network, transport=faulty)
        hers = made[0]
        hers.faults = [RuntimeError("the host's own fault"), OSError("no route"), KeyError("what")]
        # Work of the host's own that was cancelled; before Python 3.11 it cannot be told from the end of the connection.
        if sys.version_info >= (3, 11) or call != "run":
            hers.faults.insert(1, asyncio.CancelledError())
        await ann.disconnect()
        for number in range(4):
            await ann.messages.send(talk, f"out {number}")
            await bea.messages.send(talk, f"early {number}")
            await ann.identity.look_up(UserId(f"user {number}"))
        await network.settle()
        # On this one connection, unless it is the connection that fails.
        ann.connect()
        await soon(ann.online())
        for number in range(4):
            await bea.messages.send(talk, f"late {number}")
            await network.settle()
        await network.advance(timedelta(minutes=10))
        assert hers.faults == []
        expected = {"Hello, Bea", *(f"{when} {number}" for when in ("out", "early", "late") for number in range(4))}
        shown = await texts(ann, talk)
        assert shown == await texts(bea, talk) and set(shown) == expected and len(shown) == len(expected)
        assert (await ann.diagnose()).refused == [] and ann.is_online


async def test_a_question_whose_asking_was_cancelled_by_the_host_is_asked_again() -> None:
    made: List[Faulty] = []

    def faulty(whole: Transport) -> Transport:
        made.append(Faulty(whole, "directory"))
        return made[-1]

    async with Network() as network:
        ann, *_ = await acquainted(network, {"transport": faulty})
        eve = await network.join("eve", "escort")
        made[0].faults = [asyncio.CancelledError()]
        await ann.identity.look_up(eve.user)
        await network.advance(timedelta(minutes=10))
        assert made[0].faults == []
        assert await ann.identity.role(eve.user) == "escort"


async def test_what_is_no_envelope_comes_through_a_transport_and_harms_nothing() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        garbage = Delivery(id=DeliveryId(1_000), accepted_at=network.clock.now(), envelope=b"\x01garbage")
        await ann.run(ann.engine.receive, [garbage])
        wrong: Any = [None, "no delivery"]
        with pytest.raises(Exception) as refused:
            await ann.run(ann.engine.receive, wrong)
        assert getattr(refused.value, "code", None) == "misuse.type"
        await bea.messages.send(talk, "still here")
        await network.settle()
        assert (await texts(ann, talk))[-1] == "still here"
        assert sum(refused.count for refused in (await ann.diagnose()).refused) == 1
