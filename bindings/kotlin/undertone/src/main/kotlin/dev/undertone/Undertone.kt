package dev.undertone

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import java.util.logging.Level
import java.util.logging.Logger
import kotlin.random.Random

/** What a platform does beside its relay. All of it is optional. */
public class Services(
    /** The platform's server: gives the certificate for an enrolment request. */
    public val certify: (suspend (request: ByteArray) -> ByteArray)? = null,
    /** Where encrypted files are. */
    public val blobs: Blobs? = null,
    /** Tells a user by another channel that messages wait; true when the platform has taken it over. */
    public val fallback: (suspend (request: Request.Fallback) -> Boolean)? = null,
)

/**
 * A chat: one device of one user, with coroutines, a transport, and the platform's services.
 *
 * Its nouns ([conversations], [messages], [calls], …) have every call of the engine, which runs off the threads that show
 * things. A call that is cancelled still comes to its end, and the engine is as it would be without that. Close it when it is
 * not needed any more: what waits to be sent goes out when it is opened again.
 */
public class Undertone private constructor(
    /** The engine itself, whose calls block. What they bring is done by this chat. */
    public val engine: Engine,
    private val worker: Worker,
    private val transport: Transport?,
    private val services: Services,
    private val clock: ManualClock?,
) : AutoCloseable {
    /** The conversations of this user. */
    public val conversations: ChatConversations = ChatConversations(engine.conversations(), worker)

    /** The messages of this user's conversations. */
    public val messages: ChatMessages = ChatMessages(engine.messages(), worker)

    /** The files of messages. */
    public val attachments: ChatAttachments = ChatAttachments(engine.attachments(), worker)

    /** Calls of this user. */
    public val calls: ChatCalls = ChatCalls(engine.calls(), worker)

    /** Users, devices and certificates. */
    public val identity: ChatIdentity = ChatIdentity(engine.identity(), worker)

    /** What others are told of this user, and what this user decided of them. */
    public val privacy: ChatPrivacy = ChatPrivacy(engine.privacy(), worker)

    /** What a system's notifications may say. */
    public val notifications: ChatNotifications = ChatNotifications(engine.notifications(), worker)

    /** Whose device this is. */
    public val user: UserId = engine.user()

    /** Which device this is. */
    public val device: DeviceId = engine.device()

    /** Whether there is a connection and this device is logged in. */
    public val online: StateFlow<Boolean> get() = isOnline

    /** What happens from now on. Who cannot keep up misses events, and reads everything anew. */
    public val events: SharedFlow<Event> get() = happened

    private val subscriptions = engine.subscriptions()
    private val isOnline = MutableStateFlow(false)
    private val happened = MutableSharedFlow<Event>(extraBufferCapacity = 10_000, onBufferOverflow = BufferOverflow.DROP_OLDEST)
    private val subscribers = ConcurrentHashMap<SubscriptionId, Channel<Unit>>()
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val failure = MutableStateFlow<Throwable?>(null)
    private var connecting: Job? = null
    private val work = AtomicInteger()

    /** What is to be told to the host, in this order. */
    private val news = Channel<suspend () -> Unit>(Channel.UNLIMITED)

    /** Held by the loop while it drains, and while the engine is suspended. */
    private val turn = Mutex()

    /** Held by whoever suspends, resumes or wipes the engine. */
    private val sleep = Mutex()
    private var asleep = false

    @Volatile
    private var waiting = false

    @Volatile
    private var connected = false

    @Volatile
    private var closed = false

    private suspend fun enrolIfNew() {
        if (services.certify == null || diagnose().certificate !is CertificateState.Unenrolled) return
        identity.enrol(services.certify.invoke(identity.enrolmentRequest()))
    }

    private fun start() {
        scope.launch { drive() }
        scope.launch {
            for (told in news) {
                told()
                work.decrementAndGet()
            }
        }
        if (transport != null) connect()
    }

    /** Connects, and connects anew whenever the connection ends. */
    @Synchronized
    public fun connect() {
        val transport = checkNotNull(transport) { "this chat has no transport" }
        if (connecting?.isActive != true) connecting = scope.launch { stayConnected(transport) }
    }

    /** Stays offline until [connect]. */
    public suspend fun disconnect() {
        connecting?.cancelAndJoin()
        online.first { !it }
    }

    /** How this engine does, in numbers and codes: without content, keys or ids. */
    public suspend fun diagnose(): Diagnosis = worker.run { engine.diagnose() }

    /** Bytes of the store's files, and of the rows that they hold. */
    public suspend fun usage(): Usage = worker.run { engine.usage() }

    /** Releases every lock and file, so that an operating system may freeze the process. It disconnects. */
    public suspend fun suspend() {
        disconnect()
        sleep.withLock {
            if (!asleep) stopping { engine.suspend() }
            asleep = true
        }
    }

    /** Takes the locks and files back, and connects. */
    public suspend fun resume() {
        sleep.withLock {
            if (asleep) toItsEnd { engine.resume() }
            if (asleep) turn.unlock()
            asleep = false
        }
        if (transport != null) connect()
    }

    /** Logs the user out: wipes everything that this device keeps of them, and closes the chat. */
    public suspend fun wipe(loseUnsent: Boolean = false) {
        disconnect()
        sleep.withLock {
            if (asleep) toItsEnd { engine.wipe(loseUnsent) } else stopping { engine.wipe(loseUnsent) }
            close()
        }
    }

    /** Whether this chat has nothing to do but to wait, for time or for others: what a test looks at. */
    public fun isIdle(): Boolean =
        closed || failure.value != null || (waiting && work.get() == 0 && !worker.isBusy && !engine.isReady())

    /** When the engine next wants to do something by itself; `null` for never. */
    public var wakeAt: Instant? = null
        private set

    /** Runs calls of the engine off the threads that show things: `chat.run { usage() }`. */
    public suspend fun <T> run(block: Engine.() -> T): T = worker.run { block(engine) }

    /** Sends a text. It is in the conversation at once, and goes out as soon as it can. */
    public suspend fun send(conversation: ConversationId, text: String): MessageId =
        messages.send(conversation, Draft(text))

    /**
     * What is unread in a conversation, oldest first, and then each message as it comes; with [own] those of this user as well,
     * from now on.
     */
    public fun messages(conversation: ConversationId, own: Boolean = false): Flow<Message> = flow {
        subscribed(Topic.Conversation(conversation)) { updates ->
            var last = messages.page(conversation, Cursor.Newest, 1u).messages.firstOrNull()?.key
            val shown = HashSet<MessageKey>()
            unread(conversation).forEach { message ->
                shown += message.key
                emit(message)
            }
            while (true) {
                for (update in updates() ?: break) {
                    val added = when (update) {
                        is Update.MessageAdded -> listOf(update.message)
                        is Update.Resync -> since(conversation, last)
                        else -> emptyList()
                    }
                    for (message in added) {
                        last = maxOf(last ?: message.key, message.key)
                        if (message.key !in shown && (own || !message.own)) emit(message)
                    }
                }
            }
        }
    }

    /**
     * Every unread message of every conversation, oldest first in each, once, as long as this is collected. Mark as read what
     * was dealt with: what was not is given again by the next program.
     */
    public fun incoming(): Flow<Message> = flow {
        subscribed(Topic.Conversations) { updates ->
            val given = HashMap<ConversationId, Set<MessageKey>>()
            var waiting = allUnread()
            while (true) {
                for (conversation in waiting) {
                    val before = given[conversation].orEmpty()
                    val unread = unread(conversation)
                    given[conversation] = unread.mapTo(HashSet()) { it.key }
                    unread.filter { it.key !in before }.forEach { emit(it) }
                }
                waiting = concerned(updates() ?: break)
            }
        }
    }

    /** What changes of a topic from now on, as it is when it is taken: who falls behind loses nothing. */
    public fun updates(topic: Topic): Flow<Update> = flow {
        subscribed(topic) { updates -> while (true) (updates() ?: break).forEach { emit(it) } }
    }

    /** Sends a message with the file at [path], and uploads it; returns when it is uploaded. */
    public suspend fun sendFile(
        conversation: ConversationId,
        attachment: Attachment,
        path: Path,
        draft: Draft = Draft(),
    ): MessageId {
        val message = attachments.send(conversation, attachment, draft)
        upload(conversation, message, path)
        return message
    }

    /** Uploads the file of a message, or goes on with it. */
    public suspend fun upload(conversation: ConversationId, message: MessageId, path: Path) {
        val blobs = blobs()
        val name = "${device.hex}-${message.hex}"
        while (true) {
            val transfer = attachments.transfer(conversation, MessageRef(user, message)) ?: return
            if (transfer.way != Way.UP) return
            val piece = transfer.next ?: return attachments.finish(conversation, message, blobs.location(name))
            val stored = attachments.sealFromPath(conversation, message, piece.number, path.toString())
            blobs.put(name, piece.stored.start, stored)
        }
    }

    /** Downloads the file of a message to [path], or goes on with it. */
    public suspend fun saveFile(conversation: ConversationId, message: MessageRef, path: Path) {
        val blobs = blobs()
        val content = messages.get(conversation, message).content
        attachments.download(conversation, message)
        val location = checkNotNull((content as? MessageContent.Attachment)?.attachment?.location) { "no file yet" }
        while (true) {
            val piece = attachments.transfer(conversation, message)?.next ?: return
            val stored = blobs.get(location, piece.stored.start, piece.stored.end)
            attachments.openToPath(conversation, message, piece.number, stored, path.toString())
        }
    }

    /** Ends the chat and releases its store. It waits for the call that is under way, and for nothing else. */
    override fun close() {
        closed = true
        scope.cancel()
        isOnline.value = false
        // What was called for is durable when it is closed; what this gives comes again when it is opened.
        runCatching { engine.drain(1u) }
        engine.shutDown()
        subscribers.values.forEach { it.close() }
    }

    /** Makes a call that stops the engine, and with it the loop: unless it fails, the loop stays where it waits. */
    private suspend fun stopping(call: () -> Unit) {
        turn.lock()
        try {
            toItsEnd(call)
        } catch (error: Throwable) {
            turn.unlock()
            throw error
        }
    }

    /** A call after which it is known what it came to, even if this is cancelled meanwhile. */
    private suspend fun toItsEnd(call: () -> Unit) = withContext(NonCancellable) { worker.run(call) }

    private fun blobs() = checkNotNull(services.blobs) { "this chat has no place for files" }

    /** Everything behind a place, oldest first. */
    private suspend fun since(conversation: ConversationId, from: MessageKey?): List<Message> {
        var last = from ?: return messages.page(conversation, Cursor.Newest, PAGE).messages.reversed()
        val found = ArrayList<Message>()
        while (true) {
            val page = messages.page(conversation, Cursor.After(last), PAGE)
            found += page.messages.reversed()
            if (!page.more || page.messages.isEmpty()) return found
            last = page.messages.first().key
        }
    }

    /** What is unread, oldest first. */
    private suspend fun unread(conversation: ConversationId): List<Message> {
        val found = ArrayList<Message>()
        var cursor: Cursor = Cursor.Newest
        while (true) {
            val page = messages.page(conversation, cursor, PAGE)
            found += page.messages.filter { it.unread }
            val first = page.firstUnread
            if (first == null || !page.more || page.messages.any { it.key <= first }) return found.reversed()
            cursor = Cursor.Before(page.messages.last().key)
        }
    }

    /** The conversations with something unread. */
    private suspend fun allUnread(): List<ConversationId> {
        val found = ArrayList<ConversationId>()
        var cursor: ConversationCursor? = null
        while (true) {
            val page = conversations.page(cursor)
            page.conversations.filter { it.unread > 0u }.mapTo(found) { it.id }
            cursor = page.next ?: return found
        }
    }

    /** The conversations in which messages may be new, by what has changed. */
    private suspend fun concerned(updates: List<Update>): List<ConversationId> =
        if (updates.any { it is Update.Resync }) {
            allUnread()
        } else {
            val changed = updates.filterIsInstance<Update.Conversation>().map { it.conversation }
            changed.filter { it.unread > 0u }.map { it.id }
        }

    /** Lets [body] take what has changed of a topic, again and again; that gives `null` when the chat was closed. */
    private suspend fun subscribed(topic: Topic, body: suspend (suspend () -> List<Update>?) -> Unit) {
        // What was begun is ended below, even if this is cancelled meanwhile.
        val number = withContext(NonCancellable) { worker.run { subscriptions.open(topic) } }
        val ready = Channel<Unit>(Channel.CONFLATED)
        subscribers[number] = ready
        ready.trySend(Unit)
        try {
            body body@{
                if (ready.receiveCatching().isClosed) return@body null
                failure.value?.let { throw it }
                unlessClosed { subscriptions.take(number) }
            }
        } finally {
            subscribers.remove(number)
            withContext(NonCancellable) { runCatching { worker.run { subscriptions.end(number) } } }
        }
    }

    private suspend fun <T> unlessClosed(call: () -> T): T? =
        try {
            worker.run(call)
        } catch (error: UndertoneException) {
            if (closed) null else throw error
        }

    /** Drains the engine, does what it says, and waits until there is more. */
    private suspend fun drive() {
        try {
            while (true) {
                val drained = turn.withLock { worker.run { engine.drain(BATCH) }.also { perform(it) } }
                if (drained.more) continue
                val wakeAt = drained.wakeAt
                this.wakeAt = wakeAt
                val wait = wakeAt?.let { waitUntil(it) }
                waiting = true
                if (wait == null) engine.ready() else withTimeoutOrNull(wait) { engine.ready() }
                waiting = false
                if (wakeAt != null && wakeAt <= now()) turn.withLock { worker.run { engine.handleTimeout() } }
            }
        } catch (cancelled: CancellationException) {
            throw cancelled
        } catch (error: Throwable) {
            if (closed) return
            log(Level.SEVERE, "the engine has ended", error)
            failure.value = error
            subscribers.values.forEach { it.trySend(Unit) }
            connecting?.cancel()
        }
    }

    private suspend fun perform(drained: Drained) {
        val acknowledged = ArrayList<DeliveryId>()
        var eventful = false
        for (output in drained.outputs) {
            when (output) {
                is Output.Transmit -> undispatched { transmit(output) }
                is Output.Acknowledge -> acknowledged += output.delivery
                is Output.Request -> undispatched { request(output) }
                is Output.Event -> {
                    eventful = true
                    tell { happened.emit(output.event) }
                    if (output.event is Event.CertificateNeeded) services.certify?.let { scope.launch { certify(it) } }
                }
            }
        }
        if (acknowledged.isNotEmpty() && transport != null) {
            // What is not acknowledged is delivered again, and then acknowledged again.
            undispatched { attempt("an acknowledgement") { transport.acknowledge(acknowledged) } }
        }
        if (eventful && subscribers.isNotEmpty()) {
            worker.run { subscriptions.ready() }.forEach { subscribers[it]?.trySend(Unit) }
        }
    }

    private suspend fun transmit(output: Output.Transmit) {
        val sent = attempt("a transmit") {
            if (transport != null && connected) transport.send(output.envelopes) else null
        }
        if (output.id.number != 0uL) {
            answer { engine.transmitDone(output.id, sent ?: TransmitResult.Failed) }
        }
    }

    private suspend fun request(output: Output.Request) {
        val answer = attempt("a request") {
            when (val request = output.request) {
                // Without another channel there is nobody to tell, now and later.
                is Request.Fallback -> if (services.fallback?.invoke(request) != false) Answer.Notified else Answer.Failed
                is Request.Fetch -> if (connected) fetch(request) else null
                else -> if (connected) transport?.directory(request) else null
            }
        }
        answer { engine.requestDone(output.id, answer ?: Answer.Failed) }
    }

    private suspend fun fetch(request: Request.Fetch): Answer? {
        val page = transport?.fetch(request.since) ?: return null
        worker.run { engine.receive(page.deliveries) }
        return Answer.Fetched(page.next)
    }

    /** An answer to what nobody waits for any more comes to nothing; a fault of the engine, the loop meets as well. */
    private suspend fun answer(call: () -> Unit) {
        try {
            worker.run(call)
        } catch (error: UndertoneException) {
            log(Level.FINE, "an answer came to nothing", error)
        }
    }

    private suspend fun <T> attempt(what: String, work: suspend () -> T): T? =
        try {
            work()
        } catch (error: Exception) {
            // A host's own cancellation, like that of `withTimeout`, is a failure like any other.
            currentCoroutineContext().ensureActive()
            log(Level.FINE, "$what failed and is tried again", error)
            null
        }

    private suspend fun certify(certify: suspend (ByteArray) -> ByteArray) {
        attempt("a certification") { identity.enrol(certify(identity.enrolmentRequest())) }
    }

    private suspend fun stayConnected(transport: Transport) {
        var wait = RETRY_FIRST
        while (true) {
            try {
                transport.run(ChatLink())
            } catch (refused: RefusedException) {
                log(Level.SEVERE, "the relay does not let this device in: ${refused.code}", null)
                tell { happened.emit(Event.CertificateNeeded) }
                return
            } catch (error: Exception) {
                currentCoroutineContext().ensureActive()
                log(Level.FINE, "the connection has ended", error)
            } finally {
                if (connected) {
                    wait = RETRY_FIRST
                    connected = false
                    tell { isOnline.value = false }
                    withContext(NonCancellable) { answer { engine.disconnected() } }
                }
            }
            delay((wait * Random.nextDouble(0.5, 1.0)).toLong())
            wait = minOf(wait * 2, RETRY_MOST)
        }
    }

    private inner class ChatLink : Link {
        override suspend fun certificate() = identity.certificate().bytes

        override suspend fun answerChallenge(challenge: ByteArray) = identity.answerChallenge(challenge)

        override suspend fun connected(login: Login) {
            connected = true
            tell { isOnline.value = true }
            worker.run { engine.connected(login) }
        }

        override suspend fun received(deliveries: List<Delivery>) = worker.run { engine.receive(deliveries) }

        override suspend fun mailWaiting() = worker.run { engine.mailWaiting() }

        override suspend fun directoryChanged(user: UserId) = worker.run { engine.directoryChanged(user) }

        override suspend fun revoked(list: ByteArray) = identity.revoke(list)
    }

    /**
     * Tells the host something, away from the loop and the connection: whoever has no dispatcher goes on right where they are
     * told, with whatever comes then, like a line to be typed.
     */
    private fun tell(what: suspend () -> Unit) {
        work.incrementAndGet()
        news.trySend(what)
    }

    /** Begins at once, so that what goes to the transport goes in the order in which the engine gave it. */
    private fun undispatched(task: suspend () -> Unit) {
        work.incrementAndGet()
        scope.launch(start = CoroutineStart.UNDISPATCHED) { task() }.invokeOnCompletion { work.decrementAndGet() }
    }

    private fun now(): Instant = clock?.now() ?: Instant.now()

    /** Milliseconds; `null` when a clock that a test moves wakes the engine itself. */
    private fun waitUntil(at: Instant): Long? {
        val left = Duration.between(now(), at).toMillis()
        if (clock != null && left > 0) return null
        // At most a while, so that a clock that was set is noticed.
        return left.coerceIn(5, 30_000)
    }

    private fun log(level: Level, what: String, error: Throwable?) {
        LOG.log(level) { if (error == null) what else "$what: ${codeOf(error)}" }
    }

    public companion object {
        private const val ABI = 1u
        private const val BATCH = 256u
        private const val PAGE = 50u
        private const val RETRY_FIRST = 500L
        private const val RETRY_MOST = 60_000L
        private val LOG: Logger = Logger.getLogger("dev.undertone")

        /**
         * Opens the chat of a device, or makes it the first time. [hostKey] is 32 bytes that the platform's keystore keeps.
         * Without a [transport] the chat is offline.
         */
        public suspend fun open(
            config: Config,
            store: Store,
            hostKey: ByteArray,
            transport: Transport? = null,
            services: Services = Services(),
            clock: ManualClock? = null,
        ): Undertone {
            val worker = Worker()
            // What was opened is closed below, even if this is cancelled meanwhile.
            val engine = withContext(NonCancellable) {
                worker.run {
                    check(abiVersion() == ABI) { "this library is of another version than its Kotlin code: install both together" }
                    if (clock == null) Engine.open(config, store, hostKey) else Engine.openWithClock(config, store, hostKey, clock)
                }
            }
            val chat = Undertone(engine, worker, transport, services, clock)
            try {
                currentCoroutineContext().ensureActive()
                chat.enrolIfNew()
            } catch (error: Throwable) {
                chat.close()
                throw error
            }
            chat.start()
            return chat
        }
    }
}
