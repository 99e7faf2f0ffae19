"""The engine without an event loop: bad input, many threads, and ends at any moment (R41)."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, List

import pytest

from undertone import (
    Config,
    ConversationId,
    Cursor,
    Delivery,
    DeliveryId,
    Draft,
    Engine,
    Login,
    ManualClock,
    MemoryDisk,
    Policy,
    Store,
    TransmitId,
    TransmitResult,
    UndertoneError,
    UserId,
    read_certificate,
)
from undertone._library import check_library

from helpers import KEY, NOW, all_texts, code, opened

def test_what_is_shown_of_values_has_no_content() -> None:
    engine = opened()
    talk = engine.conversations().start(UserId("bea"))
    draft = Draft(text="a secret")
    engine.messages().send(talk, draft)
    engine.conversations().set_draft(talk, "a secret")
    page = engine.messages().page(talk, Cursor.NEWEST(), 5)
    (message,) = page.messages
    assert str(message.content) == repr(message.content) == "MessageContent.TEXT(…)"
    assert "MessageContent.TEXT(…)" in str(message) and talk in str(message)
    for value in (draft, message, page, engine.conversations().page(), engine.drain(100)):
        assert "secret" not in f"{value} {value!r} {[value]}", value
    config = Config(user=UserId("ann"), authorities=[b"a secret"], identity=b"a secret")
    assert str(config) == repr(config) == "Config(…)"


def test_bad_input_is_an_error_with_a_code_and_harms_nothing() -> None:
    engine = opened()
    talk = engine.conversations().start(UserId("bea"))
    messages = engine.messages()
    assert code(engine.conversations().start, UserId("")) == "misuse.user_id"
    assert code(engine.conversations().start, UserId("x" * 129)) == "misuse.user_id"
    assert code(engine.conversations().start, UserId("ann")) == "misuse.oneself"
    assert code(messages.send, ConversationId("no hex"), Draft(text="x")) == "misuse.id"
    assert code(messages.send, ConversationId("00" * 16), Draft(text="x")) == "misuse.unknown_conversation"
    assert code(messages.send, talk, Draft(text="")) == "misuse.empty"
    assert code(messages.send, talk, Draft(text="x" * 1_000_000)) == "misuse.too_large"
    assert code(messages.send, talk, Draft(text="x", period=-2)) == "misuse.config"
    assert code(messages.page, talk, Cursor.NEWEST(), 0) == "misuse.too_large"
    assert code(engine.transmit_done, TransmitId(77), TransmitResult.FAILED()) == "misuse.unknown_request"
    assert code(engine.identity().enrol, b"\x01no certificate") == "peer.malformed"
    assert code(engine.identity().answer_challenge, b"short") == "misuse.challenge"
    assert code(Engine.open, Config(user=UserId("ann"), authorities=[]), Store.MEMORY(disk=MemoryDisk()), KEY) == "misuse.config"
    assert code(Policy.from_toml, "roles = 7") == "misuse.policy"
    messages.send(talk, Draft(text="still here"))
    assert len(messages.page(talk, Cursor.NEWEST(), 50).messages) == 1


def test_wrong_types_are_told_before_anything_happens() -> None:
    engine: Any = opened()
    talk = engine.conversations().start(UserId("bea"))
    messages = engine.messages()
    wrong: Any
    for wrong in (None, 7, b"bytes", "no draft", Draft):
        assert code(messages.send, talk, wrong) == "misuse.type"
        assert code(messages.page, talk, wrong, 1) == "misuse.type"
    for wrong in (None, 7, b"bytes", UserId, "half of a pair: \ud83d"):
        assert code(engine.conversations().start, wrong) == "misuse.type"
        assert code(messages.send, talk, Draft(text=wrong)) == "misuse.type"
    for wrong in (None, 7, "text", [1]):
        assert code(engine.identity().enrol, wrong) == "misuse.type"
        assert code(read_certificate, wrong, []) == "misuse.type"
        assert code(Engine.open, wrong, Store.MEMORY(disk=MemoryDisk()), KEY) == "misuse.type"
        assert code(ManualClock, wrong) == "misuse.type"
    assert code(engine.conversations().mute, talk, datetime(2030, 1, 1)) == "misuse.type"
    for number in (-1, 1 << 32, "1", None):
        assert code(messages.page, talk, Cursor.NEWEST(), number) == "misuse.type"
    assert code(messages.page) == "misuse.type"
    assert messages.page(talk, Cursor.NEWEST(), 50).messages == []


@pytest.mark.parametrize("span", [timedelta(milliseconds=-1), timedelta(days=-1), timedelta.min])
def test_a_negative_span_is_an_error_with_a_code(span: timedelta) -> None:
    config = Config(user=UserId("ann"), authorities=[bytes(32)], fallback_after=span)
    assert code(Engine.open, config, Store.MEMORY(disk=MemoryDisk()), KEY) == "misuse.duration"


def test_a_time_that_cannot_be_counted_is_an_error_with_a_code_and_harms_nothing() -> None:
    engine = opened()
    talk = engine.conversations().start(UserId("bea"))
    for time in (datetime(1969, 12, 31, tzinfo=timezone.utc), datetime.min.replace(tzinfo=timezone.utc)):
        assert code(engine.conversations().mute, talk, time) == "misuse.clock"
    assert engine.conversations().get(talk).id == talk


def test_a_library_of_another_version_is_refused() -> None:
    check_library()
    assert code(check_library, 2) == "misuse.library"


def test_bytes_that_are_no_envelope_are_acknowledged_and_counted() -> None:
    engine = opened()
    engine.connected(Login())
    deliveries = [
        Delivery(id=DeliveryId(number), accepted_at=NOW, envelope=garbage)
        for number, garbage in enumerate([b"", b"\x00", b"\x01garbage" * 100, bytes(70_000)], 1)
    ]
    engine.receive(deliveries)
    outputs: List[Any] = engine.drain(1_000).outputs
    assert [output.delivery for output in outputs if output.is_ACKNOWLEDGE()] == [1, 2, 3, 4]
    assert sum(refused.count for refused in engine.diagnose().refused) == 4
    assert code(engine.receive, [Delivery(id=DeliveryId(5), accepted_at=NOW, frank=b"x", envelope=b"")]) == "misuse.frank"


@pytest.mark.parametrize("kind", ["sled", "sqlite"])
def test_a_store_is_open_once_and_ends_when_it_is_told_to(kind: str, tmp_path: Path) -> None:
    path = str(tmp_path / "store")
    store: Any = Store.SLED(path=path) if kind == "sled" else Store.SQLITE(path=path, lock_wait_ms=50)
    engine = opened(store)
    assert code(opened, store) == "store.locked"
    engine.shut_down()
    engine.shut_down()
    assert code(engine.usage) == "misuse.closed"
    assert code(engine.messages().page, ConversationId("00" * 16), Cursor.NEWEST(), 5) == "misuse.closed"
    again = Engine.open(Config(user=UserId("ann"), authorities=[bytes(32)]), store, KEY)
    again.shut_down()
    assert code(Engine.open, Config(user=UserId("ann"), authorities=[bytes(32)]), store, bytes([1] * 32)) == "store.wrong_key"
    assert code(Engine.open, Config(user=UserId("ann"), authorities=[bytes(32)]), store, b"short") == "misuse.key_length"


# For how long many threads are at it; a minute before a release.
SECONDS = float(os.environ.get("UNDERTONE_SECONDS", "5"))


def test_eight_threads_do_what_one_would() -> None:
    engine = opened()
    talks = [engine.conversations().start(UserId(f"user {number}")) for number in range(8)]
    sent: Dict[ConversationId, int] = {}
    failures: List[BaseException] = []
    end = time.monotonic() + SECONDS

    def work(talk: ConversationId) -> None:
        try:
            number = 0
            while time.monotonic() < end:
                engine.messages().send(talk, Draft(text=f"{number} of {talk}"))
                number += 1
                engine.messages().page(talk, Cursor.NEWEST(), 20)
                engine.conversations().page()
                engine.drain(50)
                engine.diagnose()
            sent[talk] = number
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(talk,)) for talk in talks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=SECONDS + 120)
    assert not failures and not any(thread.is_alive() for thread in threads)
    print(f"{sum(sent.values())} messages by 8 threads in {SECONDS:.0f} s")
    for talk in talks:
        assert sent[talk] > 0
        assert all_texts(engine, talk) == [f"{number} of {talk}" for number in range(sent[talk])]


def test_what_is_collected_takes_nothing_with_it() -> None:
    engine = opened()
    talk = engine.conversations().start(UserId("bea"))
    for number in range(200):
        engine.messages().send(talk, Draft(text=str(number)))
        page = engine.conversations().page()
        del page
        gc.collect()
    messages = engine.messages()
    del engine
    gc.collect()
    assert len(messages.page(talk, Cursor.NEWEST(), 200).messages) == 200


ENDS = [
    "pass",
    "raise SystemExit(0)",
    "asyncio.get_running_loop().call_soon(lambda: (_ for _ in ()).throw(SystemExit(0)))\n    await asyncio.sleep(1)",
    "threading.Thread(target=lambda: [chat.engine.usage() for _ in range(10_000)], daemon=True).start()",
    "await chat.__aenter__()\n    tasks.append(asyncio.create_task(chat.run(chat.engine.ready)))\n    raise SystemExit(0)",
]


@pytest.mark.parametrize("end", ENDS)
def test_a_program_ends_whatever_is_under_way(end: str) -> None:
    program = """
    import asyncio, threading
    from undertone import *
    tasks = []
    async def main():
        config = Config(user=UserId("ann"), authorities=[bytes(32)])
        chat = Undertone(config, Store.MEMORY(disk=MemoryDisk()), bytes(32))
        if "__aenter__" not in END:
            await chat.__aenter__()
        END_HERE
    asyncio.run(main())
    """
    text = textwrap.dedent(program).replace("END_HERE", end).replace("END", repr(end), 1)
    done = subprocess.run([sys.executable, "-c", text], timeout=30, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
