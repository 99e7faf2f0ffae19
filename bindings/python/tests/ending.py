"""A program that sends from several threads without end, prints what is durable, and ends in the middle of that:
``ending.py FOLDER how``."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from undertone import Draft, Store, Undertone, UserId

from helpers import KEY, configured, opened

# So many are confirmed by each of the threads before the program ends.
CONFIRMED = 10
THREADS = 4


async def main(folder: str, how: str) -> None:
    store = Store.SQLITE(path=folder, lock_wait_ms=10_000)
    opened(store).shut_down()
    chat = await Undertone(configured(), store, KEY).__aenter__()
    talk = await chat.conversations.start(UserId("bea"))
    begun = threading.Barrier(THREADS + 1)

    def send(thread: int) -> None:
        number = 0
        while True:
            chat.engine.messages().send(talk, Draft(text=f"{thread} {number}"))
            # What this gives rests on what was sent, which is durable then.
            chat.engine.drain(1)
            # Python's own stream would be in the way of a program that ends.
            os.write(1, f"{thread} {number}\n".encode())
            number += 1
            if number == CONFIRMED:
                begun.wait()

    async def listen() -> None:
        async for _ in chat.incoming():
            pass

    for thread in range(THREADS):
        threading.Thread(target=send, args=(thread,), daemon=True).start()
    listening = asyncio.create_task(listen())
    await asyncio.to_thread(begun.wait)
    if how == "exit":
        sys.exit(3)
    if how == "halt":
        os._exit(7)
    if how == "error":
        raise RuntimeError("the program has a fault")
    assert how == "return" and not listening.done()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
