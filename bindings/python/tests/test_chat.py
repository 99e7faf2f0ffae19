"""Chats of several users, over the relay's logic in memory (R41)."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, List

import pytest

from undertone import (
    Action,
    Attachment,
    Authority,
    CallId,
    CallKind,
    Clock,
    Config,
    Cursor,
    Details,
    Draft,
    FolderBlobs,
    MemoryDisk,
    MessageContent,
    MessageRef,
    PaymentRequest,
    PaymentState,
    PrivacySettings,
    Role,
    Scope,
    SendState,
    Store,
    Structured,
    Topic,
    Undertone,
    UndertoneError,
    UserId,
    ref,
)
from undertone.testing import Network

from helpers import KEY, acquainted, configured, opened, soon, text_of, texts

HOUR = timedelta(hours=1)


async def test_a_message_arrives_is_read_and_answered() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        assert await texts(bea, talk) == ["Hello, Bea"]
        page = await bea.messages.page(talk, Cursor.NEWEST(), 1)
        await bea.messages.mark_read(talk, page.messages[0].key)
        await bea.messages.send(talk, Draft(text="Hello, Ann", target=ref(page.messages[0])))
        await network.advance(timedelta(seconds=30))
        newest, first = (await ann.messages.page(talk, Cursor.NEWEST(), 2)).messages
        assert text_of(newest) == "Hello, Ann" and newest.target is not None and newest.unread
        assert first.state == SendState.READ
        assert (await ann.conversations.get(talk)).unread == 1


async def test_new_messages_are_iterated_with_what_is_unread_first() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)

        async def listen() -> List[str]:
            heard = []
            async for message in bea.messages(talk):
                heard.append(text_of(message))
                if len(heard) == 3:
                    return heard
            return heard

        listener = asyncio.create_task(listen())
        await network.settle()
        await ann.messages.send(talk, "one")
        await bea.messages.send(talk, "not this, it is one's own")
        await network.settle()
        await ann.messages.send(talk, "two")
        await network.settle()
        assert await listener == ["Hello, Bea", "one", "two"]


async def test_the_rules_refuse_with_a_reason_that_can_be_shown() -> None:
    async with Network() as network:
        bea = await network.join("bea", "escort")
        ann = await network.join("ann", "client")
        await bea.identity.look_up(ann.user)
        await network.settle()
        with pytest.raises(UndertoneError.Denied) as denied:
            await bea.conversations.start(ann.user)
        assert denied.value.code == "denied.start"
        assert denied.value.reason.action == Action.START()
        decision: Any = await bea.conversations.can(Action.START(), ann.user)
        assert decision.is_DENY() and "client" in decision.reason.sentence


async def test_what_is_sent_offline_goes_out_after_a_restart() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        await ann.disconnect()
        await ann.messages.send(talk, "from a tunnel")
        ann = await network.restart(ann)
        await network.settle()
        assert await texts(bea, talk) == ["Hello, Bea", "from a tunnel"]


async def test_connections_that_end_at_any_moment_lose_and_double_nothing() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        for number in range(20):
            await ann.messages.send(talk, str(number))
            if number % 4 == 3:
                network.cut()
        for _ in range(200):
            await asyncio.sleep(0.05)
            await network.advance(timedelta(seconds=5))
            if len(await texts(bea, talk)) == 21:
                break
        assert await texts(bea, talk) == ["Hello, Bea", *map(str, range(20))]


async def test_messages_go_when_their_time_is_over() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        await ann.messages.send(talk, Draft(text="for five minutes", period=5))
        await network.settle()
        assert "for five minutes" in await texts(bea, talk)
        await network.advance(timedelta(minutes=6))
        assert await texts(ann, talk) == await texts(bea, talk) == ["Hello, Bea"]
        assert (await bea.conversations.get(talk)).expired_unseen == 1


async def test_search_finds_words_with_their_places() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        await ann.messages.send(talk, "Un café à São Paulo ☕")
        await network.settle()
        hits = (await bea.messages.search("sao cafe", Scope.ALL())).hits
        assert len(hits) == 1
        from undertone.text import part

        words = {part(text_of(hits[0].message), place) for place in hits[0].highlights}
        assert words == {"café", "São"}


async def test_a_file_of_any_size_arrives(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    async with Network() as network:
        ann, bea, talk = await acquainted(network, blobs=blobs)
        content = bytes(range(256)) * 20_000
        (tmp_path / "file").write_bytes(content)
        attachment = Attachment(
            details=Details.FILE(), media_type="application/pdf", name="plan.pdf", size=len(content)
        )
        message = await ann.send_file(talk, attachment, tmp_path / "file", Draft(text="the plan"))
        await network.settle()
        content_shown = (await bea.messages.page(talk, Cursor.NEWEST(), 1)).messages[0].content
        assert isinstance(content_shown, MessageContent.ATTACHMENT)
        shown = content_shown.attachment
        assert (shown.name, shown.caption, shown.size) == ("plan.pdf", "the plan", len(content))
        reference = MessageRef(author=ann.user, id=message)
        await bea.save_file(talk, reference, tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == content
        stored = b"".join(file.read_bytes() for file in (tmp_path / "blobs").iterdir())
        assert content[:64] not in stored


async def test_a_call_rings_is_answered_and_ends() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        call = await ann.calls.start(talk, CallKind.VOICE, b"offer")
        await network.settle()
        assert await bea.calls.description(call) == b"offer"
        await bea.calls.accept(call, b"answer")
        await network.settle()
        assert await ann.calls.media_key(call) == await bea.calls.media_key(call)
        await network.advance(timedelta(seconds=65))
        await ann.calls.hang_up(call)
        await network.settle()
        assert [(await chat.calls.get(call)).duration for chat in (ann, bea)] == [65, 65]


async def test_updates_tell_what_a_screen_shows() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        seen: List[str] = []

        async def watch() -> None:
            update: Any
            async for update in bea.updates(Topic.CONVERSATION(conversation=talk)):
                seen.append(type(update).__name__)

        watcher = asyncio.create_task(watch())
        await network.settle()
        await ann.conversations.set_typing(talk, True)
        await network.settle()
        await ann.messages.send(talk, "here")
        await network.settle()
        watcher.cancel()
        assert seen[:2] == ["Update.TYPING", "Update.MESSAGE_ADDED"]


async def test_a_fallback_is_asked_for_and_not_twice() -> None:
    asked: List[UserId] = []

    async def mail(request: Any) -> bool:
        asked.append(request.user)
        return True

    async with Network() as network:
        ann, bea, talk = await acquainted(network, fallback=mail, fallback_after=HOUR)
        await network.advance(3 * HOUR)
        assert asked == ["bea"]


async def test_logging_out_leaves_nothing() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        await ann.wipe()
        with pytest.raises(UndertoneError.Misuse) as closed:
            await ann.conversations.page()
        assert closed.value.code == "misuse.closed"


async def test_a_chat_sleeps_and_goes_on() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        await ann.suspend()
        with pytest.raises(UndertoneError.Misuse) as asleep:
            await ann.messages.send(talk, "asleep")
        assert asleep.value.code == "misuse.suspended"
        await bea.messages.send(talk, "while she sleeps")
        # Who sleeps has nothing to do, whatever time it gets.
        await soon(network.advance(timedelta(minutes=1)))
        await ann.resume()
        await ann.online()
        await network.settle()
        assert await texts(ann, talk) == ["Hello, Bea", "while she sleeps"]


async def test_a_chat_sleeps_once_wakes_once_and_can_be_wiped_asleep() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        await ann.resume()
        await ann.suspend()
        await ann.suspend()
        await ann.resume()
        await ann.resume()
        for turns in range(6):
            for change in (ann.suspend, ann.resume):
                task = asyncio.create_task(change())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await ann.resume()
        await ann.messages.send(talk, "awake")
        await network.settle()
        assert (await texts(bea, talk))[-1] == "awake"
        await ann.suspend()
        await soon(network.settle())
        await soon(ann.wipe(True))


async def test_what_comes_while_unread_messages_are_read_is_given_as_well() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        heard: List[str] = []
        async with contextlib.aclosing(bea.incoming()) as incoming:
            async for message in incoming:
                heard.append(text_of(message))
                if len(heard) == 1:
                    # It comes before the second one is asked for.
                    await ann.messages.send(talk, "in between")
                    await network.settle()
                if len(heard) == 2:
                    break
        assert heard == ["Hello, Bea", "in between"]


async def test_what_was_sent_right_before_the_end_is_there_again(tmp_path: Path) -> None:
    authority = Authority.from_seed(bytes(range(32)))
    config = Config(user=UserId("ann"), authorities=[authority.public_key()])
    for store in (Store.SQLITE(path=str(tmp_path / "sqlite"), lock_wait_ms=1_000), Store.SLED(path=str(tmp_path / "sled"))):
        async with Undertone(config, store, bytes(32)) as chat:
            now = datetime.now(timezone.utc)
            request = await chat.identity.enrolment_request()
            await chat.enrol(authority.issue(request, Role("client"), 1, now - HOUR, now + HOUR))
            talk = await chat.conversations.start(UserId("bea"))
            await chat.messages.send(talk, "the last word")
        async with Undertone(config, store, bytes(32)) as chat:
            assert await texts(chat, talk) == ["the last word"]


async def test_a_chat_is_entered_once_and_who_does_it_again_is_told_why_not() -> None:
    store = Store.MEMORY(disk=MemoryDisk())
    opened(store).shut_down()
    async with Undertone(configured(), store, KEY) as chat:
        with pytest.raises(RuntimeError, match="open already"):
            await chat.__aenter__()
        await chat.conversations.page()
    with pytest.raises(RuntimeError, match="closed"):
        await chat.__aenter__()


async def test_a_chat_whose_store_was_locked_is_entered_once_it_is_not(tmp_path: Path) -> None:
    store = Store.SQLITE(path=str(tmp_path / "store"), lock_wait_ms=0)
    engine = opened(store)
    chat = Undertone(configured(), store, KEY)
    with pytest.raises(UndertoneError.Store) as locked:
        await chat.__aenter__()
    assert locked.value.code == "store.locked"
    engine.shut_down()
    async with chat:
        await chat.conversations.page()
    opened(store).shut_down()
