"""The driver: an engine with an event loop, a transport, and the platform's services."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Dict, List, Optional, ParamSpec, Set, Tuple, Type, TypeVar, Union

from . import _nouns
from ._ids import CallId, ConversationId, DeliveryId, DeviceId, MessageId, MessageKey, RequestId, SubscriptionId, TransmitId, UserId
from .blobs import Blobs
from .transport import Fallback, Link, Refused, Transport
from ._native.undertone_ffi import (
    Answer,
    Attachment,
    Config,
    Cursor,
    Delivery,
    Diagnosis,
    Draft,
    Drained,
    Engine,
    Event,
    Login,
    ManualClock,
    Message,
    MessageRef,
    Output,
    Piece,
    Progress,
    Request,
    Store,
    Topic,
    TransmitResult,
    UndertoneError,
    Update,
    Usage,
    Way,
)

__all__ = ["Certify", "Messages", "Undertone"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

Certify = Callable[[bytes], Awaitable[bytes]]
"""The platform's server: gives the certificate for an enrolment request, and a newer one for a certificate that runs out."""

_log = logging.getLogger("undertone")
_BATCH = 256
_PAGE = 50
_RETRY_FIRST = 0.5
_RETRY_MOST = 60.0
# Another copy of this device has come, or the relay speaks another version: no certificate helps, and two copies that came
# again and again would only throw each other out.
_NO_MATTER_OF_CERTIFICATES = ("closing.replaced", "closing.version")


class Messages(_nouns.ChatMessages):
    """The messages of this user's conversations.

    ``async for message in chat.messages(conversation)`` gives what is unread there, oldest first, and then each message as it
    comes.
    """

    def __init__(self, chat: Undertone, run: _nouns._Run) -> None:
        super().__init__(chat.engine.messages(), run)
        self._chat = chat

    async def send(
        self, conversation: ConversationId, draft: Union[str, Draft]
    ) -> MessageId:
        """Sends a message: a text, or a draft. It is in the conversation at once, and goes out as soon as it can."""
        return await super().send(conversation, Draft(text=draft) if isinstance(draft, str) else draft)

    async def __call__(self, conversation: ConversationId, *, own: bool = False) -> AsyncGenerator[Message, None]:
        """What is unread, oldest first, and then each message as it comes; with ``own`` those of this user as well, from
        now on."""
        async with self._chat._subscribed(Topic.CONVERSATION(conversation=conversation)) as updates:
            last = await self._newest(conversation)
            shown: Set[MessageKey] = set()
            for message in await self._unread(conversation):
                shown.add(message.key)
                yield message
            async for update in updates:
                for message in await self._added(conversation, update, last):
                    last = message.key if last is None else max(last, message.key)
                    if message.key in shown or (message.own and not own):
                        continue
                    yield message

    async def _added(self, conversation: ConversationId, update: Any, last: Optional[MessageKey]) -> List[Message]:
        if update.is_MESSAGE_ADDED():
            return [update.message]
        if update.is_RESYNC():
            return await self._since(conversation, last)
        return []

    async def _newest(self, conversation: ConversationId) -> Optional[MessageKey]:
        page = await self.page(conversation, Cursor.NEWEST(), 1)
        return page.messages[0].key if page.messages else None

    async def _since(self, conversation: ConversationId, last: Optional[MessageKey]) -> List[Message]:
        """Everything behind a place, oldest first."""
        found: List[Message] = []
        while True:
            if last is None:
                page = await self.page(conversation, Cursor.NEWEST(), _PAGE)
                return list(reversed(page.messages))
            page = await self.page(conversation, Cursor.AFTER(key=last), _PAGE)
            found += reversed(page.messages)
            if not page.more or not page.messages:
                return found
            last = page.messages[0].key

    async def _unread(self, conversation: ConversationId) -> List[Message]:
        """What is unread, oldest first."""
        found: List[Message] = []
        cursor: Cursor = Cursor.NEWEST()
        while True:
            page = await self.page(conversation, cursor, _PAGE)
            found += [message for message in page.messages if message.unread]
            first = page.first_unread
            if first is None or not page.more or any(message.key <= first for message in page.messages):
                return list(reversed(found))
            cursor = Cursor.BEFORE(key=page.messages[-1].key)


class Undertone:
    """A chat: one device of one user, with an event loop, a transport, and the platform's services.

    Use it as an asynchronous context manager. Its nouns (:attr:`conversations`, :attr:`messages`, :attr:`calls`, …) have
    every call of the engine, which runs on a thread of its own so that the event loop never waits for a disk. A call that is
    cancelled once it has begun still comes to its end, and the engine is as it would be without that.
    """

    conversations: _nouns.ChatConversations
    messages: Messages
    attachments: _nouns.ChatAttachments
    calls: _nouns.ChatCalls
    identity: _nouns.ChatIdentity
    privacy: _nouns.ChatPrivacy
    notifications: _nouns.ChatNotifications

    def __init__(
        self,
        config: Config,
        store: Store,
        host_key: bytes,
        *,
        transport: Optional[Transport] = None,
        certify: Optional[Certify] = None,
        blobs: Optional[Blobs] = None,
        fallback: Optional[Fallback] = None,
        clock: Optional[ManualClock] = None,
    ) -> None:
        """``host_key`` is 32 bytes that the platform's keystore keeps. Without a ``transport`` the chat is offline. A new device
        opens only once ``certify`` has certified it; one whose certificate is of no use any more opens with what it has, and
        asks again whenever the relay does not let it in."""
        self._open = partial(_open, config, store, host_key, clock)
        self._clock = clock
        self._transport = transport
        self._certify = certify
        self._blobs = blobs
        self._fallback = fallback
        self._engine: Optional[Engine] = None
        self._worker: Optional[ThreadPoolExecutor] = None
        self._main: Optional[asyncio.Task[None]] = None
        self._connecting: Optional[asyncio.Task[None]] = None
        # The same, and those that were told to end and still do.
        self._connections: Set[asyncio.Task[Any]] = set()
        # Held by the one whose turn it is: a transport is run once at a time.
        self._line = asyncio.Lock()
        # Held while the platform is asked for a certificate.
        self._certifying = asyncio.Lock()
        self._closing: Optional[asyncio.Task[None]] = None
        # Whom the closing waits for.
        self._ending: Set[asyncio.Task[Any]] = set()
        self._tasks: Set[asyncio.Task[Any]] = set()
        self._listeners: Set[asyncio.Queue[Optional[Event]]] = set()
        self._subscribers: Dict[int, asyncio.Event] = {}
        self._failure: Optional[BaseException] = None
        self._online = False
        # Why the relay does not let this device in, when nothing is done about it.
        self._refusal: Optional[str] = None
        self._stirred = asyncio.Event()
        self._wake_at: Optional[datetime] = None
        self._calls = 0
        self._waiting = False
        # Held by the loop while it drains, and while the engine is suspended.
        self._turn = asyncio.Lock()
        # Held while the engine is suspended, resumed or wiped: one after the other.
        self._changing = asyncio.Lock()
        self._suspended = False

    # Its life.

    async def __aenter__(self) -> Undertone:
        if self._worker is not None:
            raise RuntimeError("this chat is open already")
        if self._engine is not None:
            raise RuntimeError("this chat was closed: make another one")
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="undertone")
        try:
            await self._off_loop(self._begin)
            await self._set_up()
        except BaseException:
            await self.close()
            raise
        if self._transport is not None:
            self.connect()
        return self

    def _begin(self) -> None:
        # On the engine's thread, so that the closing finds an engine whose opening nobody waited for any more.
        self._engine = self._open()

    async def _set_up(self) -> None:
        engine = self.engine
        self.conversations = _nouns.ChatConversations(engine.conversations(), self.run)
        self.messages = Messages(self, self.run)
        self.attachments = _nouns.ChatAttachments(engine.attachments(), self.run)
        self.calls = _nouns.ChatCalls(engine.calls(), self.run)
        self.identity = _nouns.ChatIdentity(engine.identity(), self.run)
        self.privacy = _nouns.ChatPrivacy(engine.privacy(), self.run)
        self.notifications = _nouns.ChatNotifications(engine.notifications(), self.run)
        self._subscriptions = engine.subscriptions()
        self._main = asyncio.create_task(self._drive(), name="undertone")
        if self._certify is not None:
            await self._certify_at_first(self._certify)

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the chat and releases its store. What waits to be sent goes out when it is opened again. Who is cancelled here
        leaves it to be closed by itself, and may wait for that by closing it again."""
        self._start_closing(asyncio.current_task())
        # A task that the closing waits for would wait for itself.
        if self._closing is not None and asyncio.current_task() not in self._ending:
            await asyncio.shield(self._closing)

    def _start_closing(self, caller: Optional[asyncio.Task[Any]]) -> None:
        """Ends all that the chat does but for the task that wants it so."""
        if self._worker is None:
            return
        worker, self._worker = self._worker, None
        main = set() if self._main is None else {self._main}
        self._ending = {task for task in main | self._connections | self._tasks if task is not caller}
        for task in self._ending:
            task.cancel()
        self._end_listeners()
        self._closing = asyncio.create_task(self._shut_down(worker), name="undertone closing")

    async def _shut_down(self, worker: ThreadPoolExecutor) -> None:
        try:
            await _done(self._ending)
        finally:
            # Whatever happens to those who wait for it: the store is released.
            ended = asyncio.get_running_loop().run_in_executor(worker, self._end)
            worker.shutdown(wait=False)
            await asyncio.shield(ended)

    def _end(self) -> None:
        if self._engine is not None:
            self._engine.shut_down()

    def connect(self) -> None:
        """Connects, and connects anew whenever the connection ends. A chat that is suspended connects when it is resumed."""
        if self._transport is None:
            raise UndertoneError.Misuse("misuse.transport", "this chat has no transport: open it with one")
        self._check()
        self._check_open()
        if self._is_connecting() or self._suspended:
            return
        self._refusal = None
        self._connecting = asyncio.create_task(self._stay_connected(self._transport), name="undertone connection")
        self._connections.add(self._connecting)
        self._connecting.add_done_callback(self._disconnected)

    def _is_connecting(self) -> bool:
        return self._connecting is not None and not self._connecting.done()

    def _disconnected(self, task: asyncio.Task[Any]) -> None:
        self._connections.discard(task)
        self._note_failure(task)

    async def disconnect(self) -> None:
        """Stays offline until :meth:`connect`."""
        await self._hang_up(asyncio.current_task())

    async def _hang_up(self, caller: Optional[asyncio.Task[Any]]) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            # Who connects while this one still ends wants another one.
            self._connecting = None
        # A connection that wants its own end would wait for itself.
        await _done({task for task in self._connections if task is not caller})

    async def online(self) -> None:
        """Waits until there is a connection and this device is logged in. Raises what keeps that from coming: the chat was
        closed or has failed, or the relay does not let this device in."""
        while not self._online:
            self._check()
            self._check_open()
            if self._refusal is not None:
                raise Refused(self._refusal)
            await self._stirred.wait()

    @property
    def is_online(self) -> bool:
        """Whether there is a connection and this device is logged in."""
        return self._online

    @property
    def engine(self) -> Engine:
        """The engine itself, whose calls block. What they bring is done by this chat."""
        if self._engine is None:
            raise RuntimeError("this chat is not open: use it with “async with”")
        return self._engine

    @property
    def user(self) -> UserId:
        """Whose device this is."""
        return self.engine.user()

    @property
    def device(self) -> DeviceId:
        """Which device this is."""
        return self.engine.device()

    # What the engine does as a whole.

    async def enrol(self, certificate: bytes) -> None:
        """Takes the certificate of this device: the first one, or a renewed one."""
        await self.identity.enrol(certificate)

    async def diagnose(self) -> Diagnosis:
        """How this engine does, in numbers and codes: without content, keys or ids."""
        return await self.run(self.engine.diagnose)

    async def usage(self) -> Usage:
        """Bytes of the store's files, and of the rows that they hold."""
        return await self.run(self.engine.usage)

    async def compact(self, budget: int = 1 << 20) -> None:
        """Gives space back to the disk, in steps that copy about ``budget`` bytes each."""
        while await self.run(self.engine.compact, budget) == Progress.MORE:
            pass

    async def suspend(self) -> None:
        """Releases every lock and file, so that an operating system may freeze the process. It disconnects."""
        await _to_its_end(self._suspend(asyncio.current_task()))

    async def _suspend(self, caller: Optional[asyncio.Task[Any]]) -> None:
        async with self._changing:
            if self._suspended:
                return
            async with self._disconnecting(caller):
                await self._turn.acquire()
                try:
                    await self.run(self.engine.suspend)
                except BaseException:
                    self._turn.release()
                    raise
            self._suspended = True

    @contextlib.asynccontextmanager
    async def _disconnecting(self, caller: Optional[asyncio.Task[Any]]) -> AsyncIterator[None]:
        """Disconnects for what stops the engine. If that fails, the chat goes on, and what waits to be sent with it."""
        connecting = self._is_connecting()
        try:
            await self._hang_up(caller)
            yield
        except BaseException:
            if connecting and self._worker is not None and self._failure is None:
                self.connect()
            raise

    async def resume(self) -> None:
        """Takes the locks and files back, and connects."""
        await _to_its_end(self._resume())

    async def _resume(self) -> None:
        async with self._changing:
            if not self._suspended:
                return
            await self.run(self.engine.resume)
            self._suspended = False
            self._turn.release()
            if self._transport is not None:
                self.connect()

    async def replace_host_key(self, old: bytes, new: bytes) -> None:
        """Puts another host key in the place of the one that opens this store."""
        await self.run(self.engine.replace_host_key, old, new)

    async def wipe(self, lose_unsent: bool = False) -> None:
        """Logs the user out: wipes everything that this device keeps of them, and closes the chat."""
        try:
            await _to_its_end(self._wipe(lose_unsent, asyncio.current_task()))
        finally:
            if self._worker is None:
                await self.close()

    async def _wipe(self, lose_unsent: bool, caller: Optional[asyncio.Task[Any]]) -> None:
        async with self._changing, self._disconnecting(caller):
            if not self._suspended:
                await self._turn.acquire()
            try:
                await self.run(self.engine.wipe, lose_unsent)
                # Before its turn: the loop would find nothing there.
                self._start_closing(caller)
            finally:
                if not self._suspended:
                    self._turn.release()

    # What happens.

    async def events(self) -> AsyncGenerator[Event, None]:
        """What happens from now on. Who cannot keep up with 10,000 events is told to read everything anew."""
        queue: asyncio.Queue[Optional[Event]] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            self._check()
            self._check_open()
            while True:
                event = await queue.get()
                if event is None:
                    self._check()
                    return
                yield event
        finally:
            self._listeners.discard(queue)

    async def updates(self, topic: Topic) -> AsyncGenerator[Update, None]:
        """What changes of a topic from now on, as it is when it is taken: who falls behind loses nothing."""
        async with self._subscribed(topic) as updates:
            async for update in updates:
                yield update

    @contextlib.asynccontextmanager
    async def _subscribed(self, topic: Topic) -> AsyncIterator[AsyncIterator[Update]]:
        """Subscribes at once, and not only when the first update is asked for."""
        opening = asyncio.ensure_future(self.run(self._subscriptions.open, topic))
        try:
            number = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._end_unused)
            raise
        ready = self._subscribers[number] = asyncio.Event()
        updates = self._taken(number, ready)
        try:
            yield updates
        finally:
            await updates.aclose()
            self._subscribers.pop(number, None)
            self._end_subscription(number)

    async def _taken(self, number: SubscriptionId, ready: asyncio.Event) -> AsyncGenerator[Update, None]:
        while True:
            for update in await self.run(self._subscriptions.take, number):
                yield update
            await ready.wait()
            ready.clear()
            self._check()
            if self._worker is None:
                return

    def _end_unused(self, opening: asyncio.Future[SubscriptionId]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._end_subscription(opening.result())

    def _end_subscription(self, number: SubscriptionId) -> None:
        if self._worker is not None:
            self._worker.submit(_quietly, self._subscriptions.end, number)

    async def incoming(self) -> AsyncGenerator[Message, None]:
        """Every unread message of every conversation, oldest first in each, once, as long as this is iterated. Mark as read
        what was dealt with: what was not is given again by the next program."""
        # By conversation, what was given and is unread still: a message may stand below others that came before it.
        given: Dict[ConversationId, Set[MessageId]] = {}
        async with self._subscribed(Topic.CONVERSATIONS()) as updates:
            waiting = [conversation.id for conversation in await self._all_unread()]
            while True:
                for conversation in waiting:
                    unread = await self.messages._unread(conversation)
                    known = given.get(conversation, set())
                    given[conversation] = {message.id for message in unread}
                    for message in unread:
                        if message.id not in known:
                            yield message
                try:
                    update: Any = await anext(updates)
                except StopAsyncIteration:
                    return
                if update.is_CONVERSATION():
                    waiting = [update.conversation.id] if update.conversation.unread else []
                elif update.is_RESYNC():
                    waiting = [conversation.id for conversation in await self._all_unread()]

    async def _all_unread(self) -> List[Any]:
        found: List[Any] = []
        cursor = None
        while True:
            page = await self.conversations.page(cursor)
            found += [conversation for conversation in page.conversations if conversation.unread]
            cursor = page.next
            if cursor is None:
                return found

    # Files.

    async def send_file(
        self, conversation: ConversationId, attachment: Attachment, path: Union[str, Path], draft: Optional[Draft] = None
    ) -> MessageId:
        """Sends a message with the file at ``path``, and uploads it; returns when it is uploaded. After a restart,
        :meth:`upload` goes on."""
        message = await self.attachments.send(conversation, attachment, draft or Draft())
        await self.upload(conversation, message, path)
        return message

    async def upload(self, conversation: ConversationId, message: MessageId, path: Union[str, Path]) -> None:
        """Uploads the file of a message, or goes on with it."""
        blobs = self._need_blobs()
        reference = MessageRef(author=self.user, id=message)
        name = f"{self.device}-{message}"

        async def put(piece: Piece) -> None:
            stored = await self.attachments.seal_from_path(conversation, message, piece.number, str(path))
            await blobs.put(name, piece.stored.start, stored)

        transfer = await self.attachments.transfer(conversation, reference)
        # The last piece was sealed, and perhaps never stored: who goes on does it again.
        if transfer is not None and transfer.way == Way.UP and transfer.last is not None:
            await put(transfer.last)
        while transfer is not None and transfer.way == Way.UP:
            if transfer.next is None:
                await self.attachments.finish(conversation, message, await blobs.location(name))
                return
            await put(transfer.next)
            transfer = await self.attachments.transfer(conversation, reference)

    async def save_file(self, conversation: ConversationId, message: MessageRef, path: Union[str, Path]) -> None:
        """Downloads the file of a message to ``path``, or goes on with it."""
        blobs = self._need_blobs()
        shown: Any = (await self.messages.get(conversation, message)).content
        await self.attachments.download(conversation, message)

        async def get(piece: Piece) -> None:
            stored = await blobs.get(shown.attachment.location, piece.stored.start, piece.stored.end)
            await self.attachments.open_to_path(conversation, message, piece.number, stored, str(path))

        transfer = await self.attachments.transfer(conversation, message)
        # The last piece was opened, and perhaps never written.
        if transfer is not None and transfer.last is not None:
            await get(transfer.last)
        while transfer is not None and transfer.next is not None:
            await get(transfer.next)
            transfer = await self.attachments.transfer(conversation, message)

    def _need_blobs(self) -> Blobs:
        if self._blobs is None:
            raise UndertoneError.Misuse("misuse.blobs", "this chat has no place for files: give it “blobs”")
        return self._blobs

    # The engine's thread.

    async def run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Runs a call of the engine on the engine's thread: ``await chat.run(chat.engine.usage)``. A call that is cancelled
        once it has begun still comes to its end."""
        return await self._off_loop(call, *args, **kwargs)

    async def _off_loop(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        worker = self._check_open()
        loop = asyncio.get_running_loop()
        self._calls += 1
        future = loop.run_in_executor(worker, partial(call, *args, **kwargs))
        future.add_done_callback(self._called)
        return await future

    def _called(self, _: asyncio.Future[Any]) -> None:
        self._calls -= 1

    def _is_busy(self) -> bool:
        """Whether there is more to do than to wait for time or for others."""
        if self._worker is None or self._failure is not None:
            return False
        if self._calls > 0 or self._tasks:
            return True
        # Who is suspended drains nothing, whatever there is.
        return not self._suspended and (not self._waiting or self.engine.is_ready())

    # The loop.

    async def _drive(self) -> None:
        """Drains the engine, does what it says, and waits until there is more."""
        engine = self.engine
        ready: Optional[asyncio.Task[None]] = None
        try:
            while True:
                async with self._turn:
                    drained = await self._off_loop(engine.drain, _BATCH)
                    await self._do(drained)
                if drained.more:
                    continue
                if ready is None:
                    ready = asyncio.create_task(engine.ready())
                self._wake_at = drained.wake_at
                self._waiting = True
                await asyncio.wait({ready}, timeout=self._seconds_until(drained.wake_at))
                self._waiting = False
                if ready.done():
                    ready.result()
                    ready = None
                if drained.wake_at is not None and drained.wake_at <= self._now():
                    async with self._turn:
                        await self._off_loop(engine.handle_timeout)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._failure = error
            self._end_listeners()
            if self._connecting is not None:
                self._connecting.cancel()
            _log.error("the engine has ended: %s", _code(error))
        finally:
            if ready is not None:
                ready.cancel()

    async def _do(self, drained: Drained) -> None:
        acknowledged: List[DeliveryId] = []
        news = False
        output: Any
        for output in drained.outputs:
            if output.is_TRANSMIT():
                self._spawn(self._transmit(output.id, output.envelopes))
            elif output.is_ACKNOWLEDGE():
                acknowledged.append(output.delivery)
            elif output.is_REQUEST():
                self._spawn(self._request(output.id, output.request))
            else:
                news = True
                self._tell(output.event)
                if output.event.is_CERTIFICATE_NEEDED() and self._certify is not None:
                    self._spawn(self._certify_anew(self._certify))
        if acknowledged and self._transport is not None:
            self._spawn(self._acknowledge(self._transport, acknowledged))
        if news and self._subscribers:
            for number in await self._off_loop(self._subscriptions.ready):
                if number in self._subscribers:
                    self._subscribers[number].set()

    def _tell(self, event: Event) -> None:
        for queue in self._listeners:
            if queue.qsize() < 10_000:
                queue.put_nowait(event)
            elif queue.qsize() == 10_000:
                queue.put_nowait(Event.RESYNC())

    async def _transmit(self, number: TransmitId, envelopes: List[bytes]) -> None:
        result: TransmitResult = TransmitResult.FAILED()
        if self._transport is not None and self.is_online:
            try:
                result = await self._transport.send(envelopes)
            except asyncio.CancelledError:
                # The chat ends, or the host's own work was cancelled: the engine waits for an answer all the same.
                pass
            except Exception as error:
                _log.warning("a transmit failed and is tried again: %s", _code(error))
        if number:
            await self._answer(self.engine.transmit_done, number, result)

    async def _request(self, number: RequestId, request: Any) -> None:
        answer: Answer = Answer.FAILED()
        try:
            if request.is_FALLBACK():
                # Without another channel there is nobody to tell, now and later.
                told = self._fallback is None or await self._fallback(request)
                answer = Answer.NOTIFIED() if told else Answer.FAILED()
            elif self._transport is not None and self.is_online:
                if request.is_FETCH():
                    page = await self._transport.fetch(request.since)
                    await self._off_loop(self.engine.receive, page.deliveries)
                    answer = Answer.FETCHED(next=page.next)
                else:
                    answer = await self._transport.directory(request)
        except asyncio.CancelledError:
            # As above.
            pass
        except Exception as error:
            _log.warning("a request failed and is made again: %s", _code(error))
        await self._answer(self.engine.request_done, number, answer)

    async def _acknowledge(self, transport: Transport, deliveries: List[DeliveryId]) -> None:
        # What is not acknowledged is delivered again, and then acknowledged again.
        with contextlib.suppress(Exception):
            await transport.acknowledge(deliveries)

    async def _answer(self, call: Callable[..., None], *args: Any) -> None:
        try:
            await self._off_loop(call, *args)
        except UndertoneError as error:
            # An answer to what nobody waits for any more, or a fault that the loop meets as well.
            _log.info("an answer came to nothing: %s", _code(error))

    async def _certify_at_first(self, certify: Certify) -> None:
        """A new device is of no use without a certificate; one whose certificate is of no use any more still shows what it
        has, whatever the platform answers."""
        state: Any = (await self.diagnose()).certificate
        if state.is_UNENROLLED():
            await self._enrol_by(certify)
        elif state.is_EXPIRED() or state.is_REVOKED():
            self._spawn(self._certify_anew(certify))

    async def _certify_anew(self, certify: Certify, old: Optional[bytes] = None) -> None:
        """Gets another certificate than the old one, or than the one that there is, unless there is another by now: the
        engine and the relay may both say, at about the same time, that it is of no use any more."""
        try:
            former = (await self.identity.certificate()).bytes if old is None else old
            async with self._certifying:
                if (await self.identity.certificate()).bytes == former:
                    await self._enrol_by(certify)
        except BaseException as error:
            if _is_own_end(error):
                raise
            _log.warning("a certification failed: %s", _code(error))

    async def _enrol_by(self, certify: Certify) -> None:
        await self.enrol(await certify(await self.identity.enrolment_request()))

    async def _stay_connected(self, transport: Transport) -> None:
        wait = _RETRY_FIRST
        async with self._line:
            while True:
                link = _Link(self)
                try:
                    await self._run_once(transport, link)
                except Refused as refused:
                    _log.error("the relay does not let this device in: %s", refused.code)
                    self._tell(Event.CERTIFICATE_NEEDED())
                    if self._certify is None or refused.code in _NO_MATTER_OF_CERTIFICATES:
                        self._refusal = refused.code
                        self._stir()
                        return
                    # Another certificate is what a platform can do about it.
                    await self._certify_anew(self._certify, link.shown)
                except BaseException as error:
                    if _is_own_end(error):
                        raise
                    _log.info("the connection has ended: %s", _code(error))
                if link.was_online:
                    wait = _RETRY_FIRST
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(wait * 2, _RETRY_MOST)

    async def _run_once(self, transport: Transport, link: _Link) -> None:
        try:
            await transport.run(link)
        finally:
            if self._online:
                self._online = False
                await asyncio.shield(self._answer(self.engine.disconnected))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._note_failure(task)

    def _note_failure(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _log.error("work of the chat failed: %s", _code(task.exception()))

    def _end_listeners(self) -> None:
        for queue in self._listeners:
            queue.put_nowait(None)
        for ready in self._subscribers.values():
            ready.set()
        self._stir()

    def _stir(self) -> None:
        """Whoever waits to be online looks again."""
        self._stirred.set()
        self._stirred = asyncio.Event()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _check_open(self) -> ThreadPoolExecutor:
        if self._worker is None:
            raise UndertoneError.Misuse("misuse.closed", "the engine is closed: open it again")
        return self._worker

    def _now(self) -> datetime:
        return datetime.now(timezone.utc) if self._clock is None else self._clock.now()

    def _seconds_until(self, wake_at: Optional[datetime]) -> Optional[float]:
        # A clock that a test moves wakes the engine itself.
        if wake_at is None or self._clock is not None and wake_at > self._now():
            return None
        # At most a while, so that a clock that was set is noticed.
        return min(max((wake_at - self._now()).total_seconds(), 0.005), 30.0)


class _Link(Link):
    """What a transport tells this chat's engine."""

    def __init__(self, chat: Undertone) -> None:
        self._chat = chat
        self._engine = chat.engine
        # The certificate that the relay was shown.
        self.shown: Optional[bytes] = None
        self.was_online = False

    async def certificate(self) -> bytes:
        self.shown = (await self._chat.identity.certificate()).bytes
        return self.shown

    async def answer_challenge(self, challenge: bytes) -> bytes:
        return await self._chat.identity.answer_challenge(challenge)

    async def connected(self, login: Login) -> None:
        self._chat._online = self.was_online = True
        self._chat._stir()
        await self._chat.run(self._engine.connected, login)

    async def received(self, deliveries: List[Delivery]) -> None:
        await self._chat.run(self._engine.receive, deliveries)

    async def mail_waiting(self) -> None:
        await self._chat.run(self._engine.mail_waiting)

    async def directory_changed(self, user: UserId) -> None:
        await self._chat.run(self._engine.directory_changed, user)

    async def revoked(self, revocation_list: bytes) -> None:
        await self._chat.identity.revoke(revocation_list)


def _open(config: Config, store: Store, host_key: bytes, clock: Optional[ManualClock]) -> Engine:
    if clock is None:
        return Engine.open(config, store, host_key)
    return Engine.open_with_clock(config, store, host_key, clock)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Does something that would leave the loop and the engine of two minds if it were cancelled in its middle."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _done(tasks: Set[asyncio.Task[Any]]) -> None:
    """Waits until they have ended. Who is cancelled here leaves them alone: they end by themselves."""
    if tasks:
        await asyncio.wait(set(tasks))


def _is_own_end(error: BaseException) -> bool:
    """Whether the task that meets an error is to end. If a host's own work was cancelled, its caller was not."""
    if isinstance(error, asyncio.CancelledError):
        # Before Python 3.11 nobody can tell.
        cancelling = getattr(asyncio.current_task(), "cancelling", None)
        return cancelling is None or cancelling() > 0
    return not isinstance(error, Exception)


def _quietly(call: Callable[..., Any], *args: Any) -> None:
    with contextlib.suppress(UndertoneError):
        call(*args)


def _code(error: Optional[BaseException]) -> str:
    """What a log may say of an error: its code or its kind, never what a person or a host wrote."""
    return str(getattr(error, "code", type(error).__name__))
