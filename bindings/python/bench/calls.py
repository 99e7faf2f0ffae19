"""What a call from Python costs: nanoseconds for each of three calls, a line each, for `cargo xtask bindings bench`."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from statistics import median
from typing import Any, Callable, List

from undertone import Authority, Config, Cursor, Draft, Engine, MemoryDisk, Role, Store, UserId

MESSAGES = 1_000
ROUNDS = 15
NOW = datetime.now(timezone.utc)


def opened() -> Engine:
    """A client's engine, in memory."""
    authority = Authority.from_seed(bytes(range(32)))
    config = Config(user=UserId("ann"), authorities=[authority.public_key()])
    engine = Engine.open(config, Store.MEMORY(disk=MemoryDisk()), bytes(32))
    request = engine.identity().enrolment_request()
    certificate = authority.issue(request, Role("client"), 1, NOW - timedelta(minutes=1), NOW + timedelta(days=90))
    engine.identity().enrol(certificate)
    return engine


def nanoseconds(call: Callable[[], Any], times: int) -> float:
    """The median of some rounds, of one call."""
    rounds: List[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        for _ in range(times):
            call()
        rounds.append((time.perf_counter_ns() - start) / times)
    return median(rounds)


def drained() -> float:
    """A thousand events at once."""
    rounds: List[float] = []
    for _ in range(ROUNDS):
        engine = opened()
        talk = engine.conversations().start(UserId("bea"))
        engine.drain(10_000)
        messages = engine.messages()
        for number in range(MESSAGES):
            messages.send(talk, Draft(text=f"message {number}"))
        start = time.perf_counter_ns()
        count = len(engine.drain(MESSAGES).outputs)
        rounds.append(time.perf_counter_ns() - start)
        assert count == MESSAGES, count
    return median(rounds)


def main() -> None:
    engine = opened()
    talk = engine.conversations().start(UserId("bea"))
    messages = engine.messages()
    for number in range(MESSAGES):
        messages.send(talk, Draft(text=f"message {number}"))
    engine.drain(10_000)
    newest = Cursor.NEWEST()
    print("trivial", nanoseconds(engine.device, 20_000))
    print("page", nanoseconds(lambda: messages.page(talk, newest, 50), 100))
    print("drain", drained())


main()
