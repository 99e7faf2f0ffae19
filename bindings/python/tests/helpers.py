"""What tests of engines and chats share."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, List

import pytest

from undertone import (
    Authority,
    Config,
    ConversationId,
    Cursor,
    Engine,
    MemoryDisk,
    Message,
    MessageContent,
    Role,
    Store,
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


async def acquainted(network: Network, **kwargs: Any) -> Any:
    """Ann, a client, has written to Bea, an escort, who has read it."""
    ann = await network.join("ann", "client", **kwargs)
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
