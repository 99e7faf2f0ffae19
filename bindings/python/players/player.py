"""Plays a device in a scenario: reads commands, a line each, and answers each with a line. `tests/mixed` conducts.

A line is words, each percent-encoded, with spaces between them. An answer is `ok` and what was asked for, or `error` and a
code.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Callable, List, Optional
from urllib.parse import quote, unquote

from undertone import (
    Action,
    Attachment,
    CallId,
    CallKind,
    Clock,
    Config,
    ConversationId,
    Cursor,
    Decision,
    Details,
    Draft,
    FolderBlobs,
    MessageContent,
    MessageId,
    MessageRef,
    PaymentRequest,
    PaymentState,
    Place,
    PrivacySettings,
    Role,
    Scope,
    Store,
    Structured,
    Undertone,
    UndertoneError,
    UserId,
)
from undertone.relay import Demo, RelayTransport


class Player:
    """A device, by the commands of a scenario."""

    def __init__(self) -> None:
        self.chat: Optional[Undertone] = None
        self.opening: Any = None

    @property
    def it(self) -> Undertone:
        assert self.chat is not None, "the scenario opens a device first"
        return self.chat

    async def open(self, relay: str, folder: str, user: str, role: str) -> List[str]:
        demo = Demo(relay)
        config = Config(user=UserId(user), authorities=[await demo.public_key()])
        store = Store.SQLITE(path=f"{folder}/{user}", lock_wait_ms=1_000)
        self.opening = lambda: Undertone(
            config,
            store,
            bytes(32),
            transport=RelayTransport(relay),
            certify=demo.certify(Role(role)),
            blobs=FolderBlobs(f"{folder}/blobs"),
        )
        self.chat = await self.opening().__aenter__()
        await self.it.online()
        return [self.it.device]

    async def restart(self) -> List[str]:
        await self.it.close()
        self.chat = await self.opening().__aenter__()
        return []

    async def offline(self) -> List[str]:
        await self.it.disconnect()
        return []

    async def online(self) -> List[str]:
        self.it.connect()
        await self.it.online()
        return []

    async def sleep(self) -> List[str]:
        await self.it.suspend()
        await self.it.resume()
        return []

    async def wipe(self) -> List[str]:
        await self.it.wipe(True)
        return []

    async def start(self, user: str) -> List[str]:
        return [await self.it.conversations.start(UserId(user))]

    async def may(self, action: str, user: str) -> List[str]:
        wanted = {"start": Action.START(), "reply": Action.REPLY(), "delete": Action.DELETE_OTHERS()}[action]
        decision = await self.it.conversations.can(wanted, UserId(user))
        if decision is None:
            await self.it.identity.look_up(UserId(user))
            return ["unknown"]
        return [decision.reason.code] if isinstance(decision, Decision.DENY) else ["allowed"]

    async def send(self, talk: str, text: str, period: str = "") -> List[str]:
        draft = Draft(text=text, period=int(period) if period else None)
        return [await self.it.messages.send(ConversationId(talk), draft)]

    async def answer(self, talk: str, author: str, id: str, text: str) -> List[str]:
        return [await self.it.messages.send(ConversationId(talk), Draft(text=text, target=message(author, id)))]

    async def texts(self, talk: str) -> List[str]:
        page = await self.it.messages.page(ConversationId(talk), Cursor.NEWEST(), 50)
        return [show(shown.content) for shown in reversed(page.messages)]

    async def state(self, talk: str, author: str, id: str) -> List[str]:
        return [(await self.it.messages.get(ConversationId(talk), message(author, id))).state.name]

    async def answers(self, talk: str, author: str, id: str) -> List[str]:
        target = (await self.it.messages.get(ConversationId(talk), message(author, id))).target
        return [] if target is None else [target.id]

    async def read(self, talk: str) -> List[str]:
        page = await self.it.messages.page(ConversationId(talk), Cursor.NEWEST(), 1)
        await self.it.messages.mark_read(ConversationId(talk), page.messages[0].key)
        return []

    async def unread(self, talk: str) -> List[str]:
        return [str((await self.it.conversations.get(ConversationId(talk))).unread)]

    async def react(self, talk: str, author: str, id: str, emoji: str) -> List[str]:
        await self.it.messages.react(ConversationId(talk), message(author, id), emoji)
        return []

    async def reactions(self, talk: str, author: str, id: str) -> List[str]:
        shown = await self.it.messages.get(ConversationId(talk), message(author, id))
        return [f"{reaction.user}:{reaction.emoji}" for reaction in shown.reactions]

    async def edit(self, talk: str, id: str, text: str) -> List[str]:
        await self.it.messages.edit(ConversationId(talk), MessageId(id), text)
        return []

    async def delete(self, talk: str, author: str, id: str) -> List[str]:
        await self.it.messages.delete_for_everyone(ConversationId(talk), message(author, id))
        return []

    async def forward(self, talk: str, author: str, id: str, to: str) -> List[str]:
        return [await self.it.messages.forward(ConversationId(talk), message(author, id), ConversationId(to))]

    async def forwarded(self, talk: str, author: str, id: str) -> List[str]:
        shown = await self.it.messages.get(ConversationId(talk), message(author, id))
        return ["on" if shown.forwarded else "off"]

    async def search(self, words: str) -> List[str]:
        return [show(hit.message.content) for hit in (await self.it.messages.search(words, Scope.ALL())).hits]

    async def typing(self, talk: str, on: str) -> List[str]:
        await self.it.conversations.set_typing(ConversationId(talk), on == "on")
        return []

    async def typers(self, talk: str) -> List[str]:
        return list(await self.it.conversations.typing(ConversationId(talk)))

    async def period(self, talk: str, minutes: str) -> List[str]:
        await self.it.conversations.set_period(ConversationId(talk), int(minutes), Clock.FROM_SEND)
        return []

    async def pin(self, talk: str, on: str) -> List[str]:
        await self.it.conversations.pin(ConversationId(talk), on == "on")
        return []

    async def draft(self, talk: str, text: str) -> List[str]:
        await self.it.conversations.set_draft(ConversationId(talk), text)
        return []

    async def kept(self, talk: str) -> List[str]:
        kept = await self.it.conversations.get(ConversationId(talk))
        return [str(kept.period), "pinned" if kept.pinned else "", kept.draft or ""]

    async def privacy(self, receipts: str, typing: str) -> List[str]:
        await self.it.privacy.set(PrivacySettings(read_receipts=receipts == "on", typing=typing == "on"))
        return []

    async def block(self, user: str, on: str) -> List[str]:
        await self.it.privacy.block(UserId(user), on == "on")
        return []

    async def place(self, talk: str, latitude: str, longitude: str, name: str) -> List[str]:
        place = Place(latitude=int(latitude), longitude=int(longitude), name=name)
        return [await self.it.messages.send_structured(ConversationId(talk), Structured.PLACE(place), Draft())]

    async def ask(self, talk: str, amount: str, currency: str) -> List[str]:
        request = PaymentRequest(amount=int(amount), currency=currency)
        return [await self.it.messages.send_structured(ConversationId(talk), Structured.PAYMENT(request), Draft())]

    async def pay(self, talk: str, author: str, id: str, state: str) -> List[str]:
        await self.it.messages.set_payment(ConversationId(talk), message(author, id), PaymentState[state])
        return []

    async def paid(self, talk: str, author: str, id: str) -> List[str]:
        shown = await self.it.messages.get(ConversationId(talk), message(author, id))
        return [shown.payment.name if shown.payment else "none"]

    async def file(self, talk: str, path: str, name: str) -> List[str]:
        size = Path(path).stat().st_size
        attachment = Attachment(details=Details.FILE(), media_type="application/octet-stream", name=name, size=size)
        return [await self.it.send_file(ConversationId(talk), attachment, path)]

    async def save(self, talk: str, author: str, id: str, path: str) -> List[str]:
        await self.it.save_file(ConversationId(talk), message(author, id), path)
        return []

    async def call(self, talk: str, kind: str, offer: str) -> List[str]:
        return [await self.it.calls.start(ConversationId(talk), CallKind[kind], offer.encode())]

    async def offer(self, call: str) -> List[str]:
        return [(await self.it.calls.description(CallId(call))).decode()]

    async def accept(self, call: str, answer: str) -> List[str]:
        await self.it.calls.accept(CallId(call), answer.encode())
        return []

    async def signal(self, call: str, payload: str) -> List[str]:
        await self.it.calls.signal(CallId(call), [payload.encode()])
        return []

    async def payloads(self, call: str) -> List[str]:
        return [payload.decode() for payload in await self.it.calls.take_payloads(CallId(call))]

    async def key(self, call: str) -> List[str]:
        return [(await self.it.calls.media_key(CallId(call))).hex()]

    async def hang_up(self, call: str) -> List[str]:
        await self.it.calls.hang_up(CallId(call))
        return []

    async def status(self, call: str) -> List[str]:
        return [(await self.it.calls.get(CallId(call))).status.name]

    async def safety(self, user: str) -> List[str]:
        number = await self.it.identity.safety_number(UserId(user))
        return [] if number is None else [number.digits]

    async def verify(self, user: str, on: str) -> List[str]:
        await self.it.identity.set_verified(UserId(user), on == "on")
        return []

    async def trust(self, user: str) -> List[str]:
        return [(await self.it.identity.trust(UserId(user))).name]

    async def hints(self) -> List[str]:
        return [hint.sender for hint in await self.it.notifications.hints()]

    async def quit(self) -> List[str]:
        if self.chat is not None:
            await self.chat.close()
        return []


def message(author: str, id: str) -> MessageRef:
    return MessageRef(author=UserId(author), id=MessageId(id))


def show(content: MessageContent) -> str:
    """A text as it is, anything else by its name."""
    return content.text if isinstance(content, MessageContent.TEXT) else f"[{name_of(content)}]"


def name_of(content: MessageContent) -> str:
    return type(content).__name__.rpartition(".")[2]


async def main() -> None:
    player = Player()
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, *words = [unquote(word) for word in line.rstrip("\n").split(" ")]
        act: Callable[..., Any] = getattr(player, command)
        try:
            answer = ["ok", *await act(*words)]
        except UndertoneError as error:
            answer = ["error", error.code]
        print(" ".join(quote(word, safe="") for word in answer), flush=True)
        if command == "quit":
            return


asyncio.run(main())
