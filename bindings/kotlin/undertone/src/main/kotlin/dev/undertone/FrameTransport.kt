package dev.undertone

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.flow.Flow
import java.io.IOException
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong

/** A connection that carries whole frames. */
public interface Socket {
    /** Sends one. */
    public suspend fun send(frame: ByteArray)

    /** Those that come; it ends when the connection does. */
    public val frames: Flow<ByteArray>
}

/** A transport that speaks the reference relay's frames over any socket. [dial] connects, and hangs up when it is left. */
public class FrameTransport(private val dial: suspend (suspend (Socket) -> Unit) -> Unit) : Transport {
    @Volatile
    private var socket: Socket? = null
    private val waiting = ConcurrentHashMap<ULong, CompletableDeferred<FrameDown>>()
    private val number = AtomicLong()

    override suspend fun run(link: Link) {
        try {
            dial { socket -> socket.frames.collect { frame -> take(socket, link, decodeFrame(frame)) } }
        } finally {
            socket = null
            val ended = IOException("the connection has ended")
            waiting.keys.toList().forEach { waiting.remove(it)?.completeExceptionally(ended) }
        }
    }

    override suspend fun send(envelopes: List<ByteArray>): TransmitResult =
        when (val answer = ask { FrameUp.Transmit(it, envelopes) }) {
            is FrameDown.Transmitted -> answer.result
            else -> throw IOException("the relay answered something else")
        }

    override suspend fun acknowledge(deliveries: List<DeliveryId>) {
        deliveries.chunked(ACKNOWLEDGED).forEach { put(FrameUp.Acknowledge(it)) }
    }

    override suspend fun fetch(since: DeliveryId): MailboxPage =
        when (val page = ask { FrameUp.Fetch(it, since, PAGE) }) {
            is FrameDown.Fetched -> MailboxPage(page.deliveries, page.next)
            else -> throw IOException("the relay refused to fetch")
        }

    override suspend fun directory(request: Request): Answer = when (request) {
        is Request.LookUp ->
            Answer.Directory(request.users.chunked(USERS).flatMap { lookUp(it, request.keyPackages) })
        is Request.Publish -> {
            val publish = { number: ULong ->
                FrameUp.Publish(number, request.packages, request.lastResort, request.replace)
            }
            if (ask(publish) is FrameDown.Published) Answer.Published else Answer.Failed
        }
        is Request.Slot -> {
            val held = ask { FrameUp.Slot(it, request.name) }
            if (held is FrameDown.SlotHeld) Answer.Slot(held.holder) else Answer.Failed
        }
        is Request.Fetch, is Request.Fallback -> Answer.Failed
    }

    private suspend fun lookUp(users: List<UserId>, keyPackages: Boolean): List<DirectoryUser> =
        when (val found = ask { FrameUp.LookUp(it, users, keyPackages) }) {
            is FrameDown.Directory -> found.users
            else -> throw IOException("the relay refused to look users up")
        }

    private suspend fun ask(frame: (ULong) -> FrameUp): FrameDown {
        val number = number.incrementAndGet().toULong()
        val answer = CompletableDeferred<FrameDown>()
        waiting[number] = answer
        try {
            put(frame(number))
            return answer.await()
        } finally {
            waiting.remove(number)
        }
    }

    private suspend fun put(frame: FrameUp) {
        (socket ?: throw IOException("there is no connection")).send(encodeFrame(frame))
    }

    private suspend fun take(socket: Socket, link: Link, frame: FrameDown) {
        when (frame) {
            is FrameDown.Challenge -> {
                val login = FrameUp.Login(link.certificate(), link.answerChallenge(frame.challenge))
                socket.send(encodeFrame(login))
            }
            is FrameDown.LoggedIn -> {
                this.socket = socket
                link.connected(frame.login)
                if (frame.revocations) put(FrameUp.Revocations(0u))
            }
            is FrameDown.LoginRefused -> throw RefusedException(frame.code)
            is FrameDown.Closing ->
                throw if (frame.again) IOException(frame.code) else RefusedException(frame.code)
            is FrameDown.Delivered -> link.received(listOf(frame.delivery))
            is FrameDown.MailWaiting -> link.mailWaiting()
            is FrameDown.DirectoryChanged -> link.directoryChanged(frame.user)
            is FrameDown.RevocationsChanged -> put(FrameUp.Revocations(0u))
            is FrameDown.Revocations -> frame.lists.forEach { link.revoked(it) }
            is FrameDown.Transmitted -> answer(frame.id, frame)
            is FrameDown.Fetched -> answer(frame.request, frame)
            is FrameDown.Directory -> answer(frame.request, frame)
            is FrameDown.Published -> answer(frame.request, frame)
            is FrameDown.SlotHeld -> answer(frame.request, frame)
            is FrameDown.RequestRefused -> answer(frame.request, frame)
            is FrameDown.Unknown -> {}
        }
    }

    private fun answer(number: ULong, frame: FrameDown) {
        waiting.remove(number)?.complete(frame)
    }

    private companion object {
        const val PAGE = 256u
        const val USERS = 64
        const val ACKNOWLEDGED = 1_024
    }
}
