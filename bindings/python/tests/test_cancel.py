"""Whoever is cancelled in the middle of a call: it comes to its end or never began, and all goes on (R41)."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from pathlib import Path
from typing import Any, AsyncGenerator, Callable, Dict, List, Optional

import pytest

from undertone import (
    Action,
    Attachment,
    CallId,
    CallKind,
    Clock,
    Cursor,
    Details,
    Draft,
    FolderBlobs,
    Message,
    MessageRef,
    PaymentRequest,
    PaymentState,
    PrivacySettings,
    Scope,
    Store,
    Structured,
    Topic,
    Undertone,
    UndertoneError,
    UserId,
    Way,
    ref,
)
from undertone.testing import Network

from helpers import KEY, acquainted, code, configured, opened, reaches, soon, text_of, texts


def arguments(call: Any, given: Dict[str, Any]) -> Dict[str, Any]:
    """Something that fits for each parameter that has to be given."""
    needed = [parameter for parameter in inspect.signature(call).parameters.values() if parameter.default is parameter.empty]
    return {parameter.name: given[parameter.name] for parameter in needed}


async def test_a_call_that_is_cancelled_at_any_moment_leaves_everything_usable(tmp_path: Path) -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        message = (await ann.messages.page(talk, Cursor.NEWEST(), 1)).messages[0]
        given: Dict[str, Any] = {
            "action": Action.REPLY(),
            "archived": False,
            "attachment": Attachment(details=Details.FILE(), media_type="text/plain", size=3),
            "blocked": False,
            "call": CallId("00" * 16),
            "certificate": b"no certificate",
            "challenge": bytes(32),
            "clock": Clock.FROM_SEND,
            "conversation": talk,
            "cursor": Cursor.NEWEST(),
            "description": b"offer",
            "draft": Draft(text="cancelled, perhaps"),
            "emoji": "+",
            "file": b"abc",
            "from_": talk,
            "id": message.id,
            "kind": CallKind.VOICE,
            "limit": 10,
            "list": b"no list",
            "location": "nowhere",
            "message": ref(message),
            "messages": [ref(message)],
            "name": "Bea",
            "newest": message.key,
            "path": str(tmp_path / "file"),
            "payloads": [b"candidate"],
            "period": -1,
            "piece": 0,
            "pinned": False,
            "place": None,
            "request": ref(message),
            "scanned": b"scanned",
            "scope": Scope.ALL(),
            "settings": PrivacySettings(read_receipts=True, typing=True),
            "state": PaymentState.PAID,
            "stored": b"stored",
            "structured": Structured.PAYMENT(PaymentRequest(amount=1, currency="EUR")),
            "text": "hello",
            "to": talk,
            "typing": False,
            "until": None,
            "up_to": message.key,
            "user": bea.user,
            "verified": False,
        }
        nouns = [ann.conversations, ann.messages, ann.attachments, ann.calls, ann.identity, ann.privacy, ann.notifications]
        cancelled = 0
        for noun in nouns:
            for name, call in inspect.getmembers(noun, inspect.iscoroutinefunction):
                if name.startswith("_"):
                    continue
                own = {**given, "draft": None} if name == "set_draft" else given
                for turns in range(4):
                    task = asyncio.create_task(call(**arguments(call, own)))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    cancelled += task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, UndertoneError):
                        await task
        assert cancelled > 100
        await ann.messages.send(talk, "still here")
        await network.settle()
        assert (await texts_of_any(bea, talk))[-1] == "still here"
        assert (await ann.conversations.get(talk)).id == talk


async def texts_of_any(chat: Undertone, talk: Any) -> List[str]:
    """Texts, and the names of what has none."""
    page = await chat.messages.page(talk, Cursor.NEWEST(), 200)
    return [getattr(message.content, "text", type(message.content).__name__) for message in reversed(page.messages)]


class Interrupted(FolderBlobs):
    """A place for files in which the work of a chat is cancelled, in the middle of one of its steps."""

    task: Optional[asyncio.Task[Any]] = None
    steps = 0

    async def put(self, name: str, start: int, data: bytes) -> None:
        self._step()
        await super().put(name, start, data)

    async def get(self, location: str, start: int, end: int) -> bytes:
        self._step()
        return await super().get(location, start, end)

    def _step(self) -> None:
        self.steps -= 1
        if self.steps == 0 and self.task is not None:
            self.task.cancel()

    async def cancel(self, step: int, work: Any) -> None:
        """Begins some work, which is cancelled within that step."""
        self.steps, self.task = step, asyncio.ensure_future(work)
        with pytest.raises(asyncio.CancelledError):
            await self.task
        self.task = None


@pytest.mark.parametrize("step", [1, 2, 3, 4])
async def test_a_file_whose_way_was_cancelled_at_any_piece_goes_on_from_there(step: int, tmp_path: Path) -> None:
    blobs = Interrupted(tmp_path / "blobs")
    content = bytes(range(256)) * 16 * 1_024
    (tmp_path / "file").write_bytes(content)
    attachment = Attachment(details=Details.FILE(), media_type="text/plain", size=len(content))
    async with Network() as network:
        ann, bea, talk = await acquainted(network, blobs=blobs)
        await blobs.cancel(step, ann.send_file(talk, attachment, tmp_path / "file"))
        await network.settle()
        (transfer,) = await ann.attachments.transfers()
        assert transfer.way == Way.UP
        await ann.upload(talk, transfer.message.id, tmp_path / "file")
        await network.settle()
        message = (await bea.messages.page(talk, Cursor.NEWEST(), 1)).messages[0]
        await blobs.cancel(step, bea.save_file(talk, ref(message), tmp_path / "saved"))
        await network.settle()
        await bea.save_file(talk, ref(message), tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == content
        assert await ann.attachments.transfers() == []


# More than an engine has subscriptions.
LISTENERS = 200
STREAMS: List[Callable[[Undertone, Any], AsyncGenerator[Any, None]]] = [
    lambda chat, talk: chat.messages(talk),
    lambda chat, _: chat.incoming(),
    lambda chat, talk: chat.updates(Topic.CONVERSATION(conversation=talk)),
    lambda chat, _: chat.events(),
]


@pytest.mark.parametrize("stream", STREAMS, ids=["messages", "incoming", "updates", "events"])
async def test_who_listens_may_be_cancelled_at_any_moment_and_leaves_nothing(stream: Any) -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)

        async def listen() -> None:
            async with contextlib.aclosing(stream(bea, talk)) as heard:
                async for _ in heard:
                    pass

        for number in range(LISTENERS):
            listener = asyncio.create_task(listen())
            for _ in range(number % 8):
                await asyncio.sleep(0)
            if number % 8 == 7:
                await network.settle()
            listener.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listener
        async with contextlib.aclosing(bea.incoming()) as incoming:
            assert text_of(await anext(incoming)) == "Hello, Bea"
            await ann.messages.send(talk, "after all of them")
            assert text_of(await anext(incoming)) == "after all of them"
        assert await texts(bea, talk) == ["Hello, Bea", "after all of them"]


# Enough for every step of the calls below.
TURNS = range(12)


async def cancelled(turns: int, work: Any) -> bool:
    """Begins some work, and cancels it after so many turns of the loop; whether it was cancelled before it had ended."""
    task: asyncio.Future[Any] = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=30)
    assert task.done()
    return task.cancelled()


def on_disk(folder: Path) -> Any:
    """A store that is refused at once while another has it."""
    return Store.SQLITE(path=str(folder / "store"), lock_wait_ms=0)


@pytest.mark.parametrize("turns", TURNS)
async def test_opening_may_be_cancelled_at_any_moment(turns: int, tmp_path: Path) -> None:
    store = on_disk(tmp_path)
    opened(store).shut_down()
    chat = Undertone(configured(), store, KEY)
    if not await cancelled(turns, chat.__aenter__()):
        await chat.close()
    async with Undertone(configured(), store, KEY) as again:
        await again.conversations.page()


async def test_opening_may_be_cancelled_while_the_platform_certifies(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def silent(_: bytes) -> bytes:
        asked.set()
        await asyncio.Event().wait()
        return b""

    opening = asyncio.create_task(Undertone(configured(), on_disk(tmp_path), KEY, certify=silent).__aenter__())
    await soon(asked.wait())
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(opening)
    opened(on_disk(tmp_path)).shut_down()


@pytest.mark.parametrize("turns", TURNS)
async def test_logging_out_may_be_cancelled_at_any_moment(turns: int, tmp_path: Path) -> None:
    store = on_disk(tmp_path)
    opened(store).shut_down()
    async with Undertone(configured(), store, KEY) as chat:
        if await cancelled(turns, chat.wipe(True)):
            # It never began, or came to its end.
            with contextlib.suppress(UndertoneError.Misuse):
                await chat.wipe(True)
        with pytest.raises(UndertoneError) as closed:
            await chat.usage()
        assert closed.value.code == "misuse.closed"
    # With another key: nothing is left of what the first one opened.
    async with Undertone(configured(), store, bytes([1] * 32)) as new:
        state: Any = (await new.diagnose()).certificate
        assert state.is_UNENROLLED()


async def test_waiting_to_be_online_and_disconnecting_may_be_cancelled_at_any_moment() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        for turns in TURNS:
            await cancelled(turns, ann.disconnect())
            await cancelled(turns, ann.online())
            ann.connect()
            await cancelled(turns, ann.online())
            await soon(ann.online())
        await reaches(network, ann, bea, talk, "still here")


@pytest.mark.parametrize("turns", TURNS)
async def test_compacting_may_be_cancelled_at_any_moment(turns: int, tmp_path: Path) -> None:
    store = on_disk(tmp_path)
    opened(store).shut_down()
    async with Undertone(configured(), store, KEY) as chat:
        talk = await chat.conversations.start(UserId("bea"))
        for number in range(20):
            await chat.messages.send(talk, str(number))
        await cancelled(turns, chat.compact(1))
        await soon(chat.compact())
        assert await texts(chat, talk) == [str(number) for number in range(20)]
    opened(store).shut_down()


@pytest.mark.parametrize("turns", TURNS)
async def test_replacing_the_host_key_may_be_cancelled_at_any_moment(turns: int, tmp_path: Path) -> None:
    store, new = on_disk(tmp_path), bytes([1] * 32)
    opened(store).shut_down()
    async with Undertone(configured(), store, KEY) as chat:
        talk = await chat.conversations.start(UserId("bea"))
        await chat.messages.send(talk, "kept")
        was_cancelled = await cancelled(turns, chat.replace_host_key(KEY, new))
        assert await texts(chat, talk) == ["kept"]
    # One of the two opens it, and only one.
    key, other = (new, KEY)
    if was_cancelled and code_or_none(store, new) == "store.wrong_key":
        key, other = KEY, new
    assert code(opened, store, other) == "store.wrong_key"
    async with Undertone(configured(), store, key) as chat:
        assert await texts(chat, talk) == ["kept"]


def code_or_none(store: Any, key: bytes) -> Optional[str]:
    """Why a key does not open a store."""
    try:
        opened(store, key).shut_down()
    except UndertoneError as error:
        return str(error.code)
    return None
