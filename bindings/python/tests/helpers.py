"""What tests of engines and chats share."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Optional

import pytest

from undertone import (
    Answer,
    Authority,
    Config,
    ConversationId,
    Cursor,
    DeliveryId,
    Engine,
    Link,
    MailboxPage,
    MemoryDisk,
    Message,
    MessageContent,
    Request,
    Role,
    Store,
    TransmitResult,
    Transport,
    Undertone,
    UndertoneError,
    UserId,
)
from undertone.testing import Network

KEY = bytes(32)
NOW = datetime.now(timezone.utc)


AUTHORITY = Authority.from_seed(bytes(range(32)))


def configured() -> Config:
    """What Ann's engine is opened with."""
    return Config(user=UserId("ann"), authorities=[AUTHORITY.public_key()])


def opened(store: Any = None, key: bytes = KEY) -> Engine:
    """Ann's engine, certified as a client if it is new."""
    engine = Engine.open(configured(), store or Store.MEMORY(disk=MemoryDisk()), key)
    state: Any = engine.diagnose().certificate
    if not state.is_UNENROLLED():
        return engine
    request = engine.identity().enrolment_request()
    certificate = AUTHORITY.issue(request, Role("client"), 1, NOW - timedelta(minutes=1), NOW + timedelta(days=90))
    engine.identity().enrol(certificate)
    return engine


def code(call: Any, *arguments: Any) -> str:
    with pytest.raises(UndertoneError) as error:
        call(*arguments)
    assert error.value.text
    return str(error.value.code)


def all_texts(engine: Engine, talk: ConversationId) -> List[str]:
    """Of a conversation, oldest first."""
    texts: List[str] = []
    cursor: Any = Cursor.NEWEST()
    while True:
        page: Any = engine.messages().page(talk, cursor, 200)
        texts += [message.content.text for message in page.messages]
        if not page.more:
            return texts[::-1]
        cursor = Cursor.BEFORE(key=page.messages[-1].key)


async def acquainted(network: Network, hers: Optional[Dict[str, Any]] = None, **kwargs: Any) -> Any:
    """Ann, a client, has written to Bea, an escort, who has read it. What is hers is for Ann alone."""
    ann = await network.join("ann", "client", **kwargs, **(hers or {}))
    bea = await network.join("bea", "escort", **kwargs)
    talk = await ann.conversations.start(bea.user)
    await ann.messages.send(talk, "Hello, Bea")
    await network.settle()
    return ann, bea, talk


async def texts(chat: Undertone, talk: Any) -> List[str]:
    page = await chat.messages.page(talk, Cursor.NEWEST(), 50)
    return [text_of(message) for message in reversed(page.messages)]


def text_of(message: Message) -> str:
    assert isinstance(message.content, MessageContent.TEXT)
    return message.content.text


async def reaches(network: Network, sender: Undertone, reader: Undertone, talk: ConversationId, text: str) -> None:
    """What is sent gets there."""
    await sender.messages.send(talk, text)
    await arrives(network, reader, talk, text)


async def arrives(network: Network, chat: Undertone, talk: ConversationId, text: str) -> None:
    """It gets there sooner or later: time passes until then."""
    for _ in range(400):
        if text in await texts(chat, talk):
            return
        await network.advance(timedelta(seconds=10))
        # Connections are made anew by the time of the machine.
        await asyncio.sleep(0.05)
    pytest.fail(f"“{text}” never came")


class Through:
    """A transport that hands everything on to another one."""

    def __init__(self, whole: Transport) -> None:
        self._whole = whole

    async def run(self, link: Link) -> None:
        await self._whole.run(link)

    async def send(self, envelopes: List[bytes]) -> TransmitResult:
        return await self._whole.send(envelopes)

    async def acknowledge(self, deliveries: List[DeliveryId]) -> None:
        await self._whole.acknowledge(deliveries)

    async def fetch(self, since: DeliveryId) -> MailboxPage:
        return await self._whole.fetch(since)

    async def directory(self, request: Request) -> Answer:
        return await self._whole.directory(request)


async def soon(work: Any) -> Any:
    """What it gives, or a failure instead of a test that hangs."""
    return await asyncio.wait_for(work, timeout=30)


async def code_of(work: Any) -> str:
    with pytest.raises(UndertoneError) as error:
        await soon(work)
    return str(error.value.code)
