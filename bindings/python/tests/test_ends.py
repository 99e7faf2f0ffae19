"""Engines and chats that are forgotten, and programs that end with work under way (R41)."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from itertools import groupby
from pathlib import Path
from typing import Any, List

import pytest

from undertone import Draft, Store, Topic, Undertone, UserId

from ending import CONFIRMED, THREADS
from helpers import KEY, all_texts, configured, opened


def test_an_engine_that_is_forgotten_lets_its_store_go(tmp_path: Path) -> None:
    store = Store.SLED(path=str(tmp_path / "store"))
    engine = opened(store)
    talk = engine.conversations().start(UserId("bea"))
    nouns = [engine.messages(), engine.conversations(), engine.attachments(), engine.calls(), engine.subscriptions()]
    engine.messages().send(talk, Draft(text="before"))
    assert all_texts(engine, talk) == ["before"]
    kept = [weakref.ref(thing) for thing in [engine, *nouns]]
    del engine, nouns
    gc.collect()
    assert [reference() for reference in kept] == [None] * 6
    again = opened(store)
    assert all_texts(again, talk) == ["before"]


async def test_a_chat_that_is_closed_is_collected_with_all_that_listened(tmp_path: Path) -> None:
    store = Store.SQLITE(path=str(tmp_path / "store"), lock_wait_ms=0)
    opened(store).shut_down()
    for _ in range(10):
        async with Undertone(configured(), store, KEY) as chat:
            await chat.conversations.start(UserId("bea"))
            listening = [asyncio.create_task(anext(chat.updates(Topic.CONVERSATIONS()), None)) for _ in range(3)]
            kept: List[Any] = [weakref.ref(chat), weakref.ref(chat.engine), weakref.ref(chat.messages)]
            await asyncio.sleep(0)
        await asyncio.gather(*listening, return_exceptions=True)
        del chat, listening
        # What ran last is let go when its thread ends, and what a task has ended with by the next turn of the loop.
        for thread in threading.enumerate():
            if thread.name.startswith("undertone"):
                thread.join()
        await asyncio.sleep(0)
        gc.collect()
        assert [reference() for reference in kept] == [None] * 3


@pytest.mark.parametrize(("how", "status"), [("return", 0), ("exit", 3), ("halt", 7), ("error", 1)])
def test_what_a_program_had_confirmed_is_there_however_it_ended(how: str, status: int, tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("ending.py")), str(tmp_path / "store"), how]
    ended = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert ended.returncode == status and (ended.stderr == "") == (how != "error"), ended.stderr
    confirmed = ended.stdout.splitlines()
    assert len(confirmed) >= CONFIRMED * THREADS
    engine = opened(Store.SQLITE(path=str(tmp_path / "store"), lock_wait_ms=10_000))
    talk = engine.conversations().start(UserId("bea"))
    kept = all_texts(engine, talk)
    assert set(confirmed) <= set(kept)
    # Each thread sent in order: what was confirmed is there, and at most some after it.
    for thread, said in groupby(sorted(kept, key=lambda text: text.split()[0]), key=lambda text: text.split()[0]):
        numbers = [int(text.split()[1]) for text in said]
        assert numbers == list(range(len(numbers))), thread
    engine.messages().send(talk, Draft(text="still here"))
    assert all_texts(engine, talk)[-1] == "still here"
