package dev.undertone

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import java.nio.file.Path
import java.time.Instant

/**
 * A chat: one device of one user, with coroutines, a transport, and the platform's services.
 *
 * Its nouns ([conversations], [messages], [calls], …) have every call of the engine, which runs off the threads that show
 * things. A call that is cancelled once it has begun still comes to its end, and the engine is as it would be without that.
 * Close it when it is not needed any more: what waits to be sent goes out when it is opened again.
 */
public class Undertone private constructor(
    /** The engine itself, whose calls block. What they bring is done by this chat. */
    public val engine: Engine,
    private val worker: Worker,
    transport: Transport?,
    private val services: Services,
    clock: ManualClock?,
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

    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val news = News(scope)
    private val subscribers = Subscribers(engine, worker)
    private val streams = Streams(conversations, messages, subscribers)
    private val files = Files(user, device, attachments, messages, services.blobs)
    private val certifier = services.certify?.let { Certifier(identity, it) }
    private val connection = transport?.let { Connection(engine, worker, identity, it, certifier, news, scope) }
    private val loop =
        Loop(engine, worker, services, certifier, transport, connection, news, subscribers, clock, scope)

    /** Held by whoever suspends, resumes or wipes the engine. */
    private val sleep = Mutex()

    @Volatile
    private var asleep = false

    /** Whether there is a connection and this device is logged in. */
    public val online: StateFlow<Boolean> get() = news.online

    /**
     * What happens from now on, until the chat is closed. Who falls far behind is given [Event.Resync] instead of what was not
     * taken yet, and reads everything anew.
     */
    public val events: Flow<Event> get() = news.events

    /** When the engine next wants to do something by itself; `null` for never. */
    public val wakeAt: Instant? get() = loop.wakeAt

    /** A new device is of no use without a certificate; one whose certificate is of no use any more still shows what it has. */
    private suspend fun certify(certifier: Certifier) {
        when (diagnose().certificate) {
            is CertificateState.Unenrolled -> certifier.enrol()
            is CertificateState.Expired, is CertificateState.Revoked -> scope.launch { certifier.replace() }
            else -> {}
        }
    }

    private fun start() {
        loop.start()
        news.start()
        connection?.connect()
    }

    /** Connects, and connects anew whenever the connection ends. A chat that is suspended connects when it is resumed. */
    public fun connect() {
        connection ?: throw UndertoneException.Misuse("misuse.transport", "this chat has no transport: open it with one")
        if (subscribers.closed) throw UndertoneException.Misuse("misuse.closed", "the engine is closed: open it again")
        if (!asleep) connection.connect()
    }

    /** Stays offline until [connect]. */
    public suspend fun disconnect() {
        connection?.disconnect()
        online.first { !it }
    }

    /** How this engine does, in numbers and codes: without content, keys or ids. */
    public suspend fun diagnose(): Diagnosis = worker.run { engine.diagnose() }

    /** Bytes of the store's files, and of the rows that they hold. */
    public suspend fun usage(): Usage = worker.run { engine.usage() }

    /** Releases every lock and file, so that an operating system may freeze the process. It disconnects. */
    public suspend fun suspend() {
        sleep.withLock {
            stopping { if (!asleep) loop.stopping { engine.suspend() } }
            asleep = true
        }
    }

    /** Takes the locks and files back, and connects. */
    public suspend fun resume() {
        sleep.withLock {
            if (asleep) worker.toItsEnd { engine.resume() }
            if (asleep) loop.goOn()
            asleep = false
            connection?.connect()
        }
    }

    /** Logs the user out: wipes everything that this device keeps of them, and closes the chat. */
    public suspend fun wipe(loseUnsent: Boolean = false) {
        sleep.withLock {
            stopping {
                if (asleep) worker.toItsEnd { engine.wipe(loseUnsent) } else loop.stopping { engine.wipe(loseUnsent) }
            }
            close()
            if (!asleep) loop.goOn()
        }
    }

    /** Disconnects and does what stops the engine. If that fails, the chat goes on, and what waits to be sent with it. */
    private suspend fun stopping(work: suspend () -> Unit) {
        val wasConnecting = connection?.isConnecting == true
        try {
            disconnect()
            work()
        } catch (error: Throwable) {
            if (wasConnecting) connection.connect()
            throw error
        }
    }

    /** Whether this chat has nothing to do but to wait, for time or for others: what a test looks at. */
    public fun isIdle(): Boolean =
        subscribers.closed || subscribers.failure != null || (!news.isBusy && !worker.isBusy && (asleep || isDrained()))

    private fun isDrained() = loop.isWaiting && !engine.isReady()

    /** Runs calls of the engine off the threads that show things: `chat.run { usage() }`. */
    public suspend fun <T> run(block: Engine.() -> T): T = worker.run { block(engine) }

    /** Sends a text. It is in the conversation at once, and goes out as soon as it can. */
    public suspend fun send(conversation: ConversationId, text: String): MessageId =
        messages.send(conversation, Draft(text))

    /**
     * What is unread in a conversation, oldest first, and then each message as it comes; with [own] those of this user as well,
     * from now on.
     */
    public fun messages(conversation: ConversationId, own: Boolean = false): Flow<Message> =
        streams.messages(conversation, own)

    /**
     * Every unread message of every conversation, oldest first in each, once, as long as this is collected. Mark as read what
     * was dealt with: what was not is given again by the next program.
     */
    public fun incoming(): Flow<Message> = streams.incoming()

    /** What changes of a topic from now on, as it is when it is taken: who falls behind loses nothing. */
    public fun updates(topic: Topic): Flow<Update> = streams.updates(topic)

    /** Sends a message with the file at [path], and uploads it; returns when it is uploaded. */
    public suspend fun sendFile(
        conversation: ConversationId,
        attachment: Attachment,
        path: Path,
        draft: Draft = Draft(),
    ): MessageId {
        val message = attachments.send(conversation, attachment, draft)
        files.upload(conversation, message, path)
        return message
    }

    /** Uploads the file of a message, or goes on with it. */
    public suspend fun upload(conversation: ConversationId, message: MessageId, path: Path) {
        files.upload(conversation, message, path)
    }

    /** Downloads the file of a message to [path], or goes on with it. */
    public suspend fun saveFile(conversation: ConversationId, message: MessageRef, path: Path) {
        files.save(conversation, message, path)
    }

    /** Ends the chat and releases its store. It waits for the call that is under way, and for nothing else. */
    override fun close() {
        subscribers.closing()
        scope.cancel()
        news.online.value = false
        // What was called for is durable when it is closed; what this gives comes again when it is opened.
        runCatching { engine.drain(1u) }
        engine.shutDown()
        subscribers.end()
        news.end()
    }

    public companion object {
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
            val engine = worker.toItsEnd {
                checkLibrary()
                if (clock == null) Engine.open(config, store, hostKey) else Engine.openWithClock(config, store, hostKey, clock)
            }
            val chat = Undertone(engine, worker, transport, services, clock)
            try {
                currentCoroutineContext().ensureActive()
                chat.certifier?.let { chat.certify(it) }
            } catch (error: Throwable) {
                chat.close()
                throw error
            }
            chat.start()
            return chat
        }
    }
}
