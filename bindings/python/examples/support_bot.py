"""A support agent that answers by itself: run a relay with --demo, then this, then write to “support” from a terminal.

    cargo run --release -p undertone-relay -- --demo
    python support_bot.py ws://127.0.0.1:8787 ./support
"""

import asyncio
import os
import sys
from pathlib import Path

from undertone import Config, Draft, MessageContent, Role, Store, Undertone, UserId, ref
from undertone.relay import Demo, RelayTransport

ANSWERS = {"hours": "We are here from 9 to 17 o'clock.", "price": "It costs nothing.", "human": "Somebody will write soon."}


def answer(text: str) -> str:
    for word, said in ANSWERS.items():
        if word in text.lower():
            return said
    return f"I know of {', '.join(ANSWERS)}: ask for one of these."


def host_key(folder: Path) -> bytes:
    """A platform keeps this in its keystore; a bot that is tried out keeps it in a file that only it can read."""
    file = folder / "host-key"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(os.urandom(32))
    return file.read_bytes()


async def main(relay: str, folder: Path) -> None:
    demo = Demo(relay)
    config = Config(user=UserId("support"), authorities=[await demo.public_key()])
    store = Store.SQLITE(path=str(folder / "store"), lock_wait_ms=1_000)
    certify = demo.certify(Role("support"))
    async with Undertone(config, store, host_key(folder), transport=RelayTransport(relay), certify=certify) as chat:
        await chat.online()
        print("support is online", flush=True)
        async for message in chat.incoming():
            if isinstance(message.content, MessageContent.TEXT):
                draft = Draft(text=answer(message.content.text), target=ref(message))
                await chat.messages.send(message.conversation, draft)
            await chat.messages.mark_read(message.conversation, message.key)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
    except KeyboardInterrupt:
        pass
