package dev.undertone.testing

import dev.undertone.Authority
import dev.undertone.Blobs
import dev.undertone.Config
import dev.undertone.FrameTransport
import dev.undertone.ManualClock
import dev.undertone.MemoryDisk
import dev.undertone.Policy
import dev.undertone.Request
import dev.undertone.Role
import dev.undertone.Services
import dev.undertone.Socket
import dev.undertone.Store
import dev.undertone.TestRelay
import dev.undertone.Transport
import dev.undertone.Undertone
import dev.undertone.UserId
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import java.io.IOException
import java.security.SecureRandom
import java.time.Duration
import java.time.Instant
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicLong

/**
 * A platform in one process, for tests of apps and servers: an authority, the reference relay's logic in memory, a clock that
 * stands still until the test moves it, and the chats of its users, each with a disk in memory.
 *
 * No time passes but by [advance], and [settle] returns when nobody has anything left to do, so such tests neither sleep nor
 * fail at random.
 */
public class Network(private val policy: Policy? = null, start: Instant = Instant.parse("2030-01-01T00:00:00Z")) :
    AutoCloseable {
    /** What everybody's time is. */
    public val clock: ManualClock = ManualClock(start)

    /** What certifies devices. */
    public val authority: Authority = Authority.fromSeed(secret())

    /** The relay itself. */
    public val relay: TestRelay = TestRelay(listOf(authority.publicKey()), policy, clock)

    private val serial = AtomicLong()
    private val seats = ConcurrentHashMap<Undertone, Seat>()
    private val sockets = CopyOnWriteArrayList<MemorySocket>()

    private class Seat(
        val config: Config,
        val services: Services,
        val disk: MemoryDisk,
        val hostKey: ByteArray,
        val transport: Transport,
    )

    /**
     * A device of a user, certified in a role, connected and settled. Give [identity] for a further device of the same user,
     * change other fields with [config], and put faults between the device and the relay with [transport], and between the
     * device and what certifies it with [certify].
     */
    public suspend fun join(
        user: String,
        role: String,
        identity: ByteArray? = null,
        blobs: Blobs? = null,
        fallback: (suspend (Request.Fallback) -> Boolean)? = null,
        transport: (Transport) -> Transport = { it },
        certify: suspend (issue: () -> ByteArray) -> ByteArray = { issue -> issue() },
        config: (Config) -> Config = { it },
    ): Undertone {
        val plain =
            Config(UserId(user), authorities = listOf(authority.publicKey()), policy = policy, identity = identity)
        val issued: suspend (ByteArray) -> ByteArray = { request -> certify { issue(request, Role(role)) } }
        val services = Services(certify = issued, blobs = blobs, fallback = fallback)
        return open(Seat(config(plain), services, MemoryDisk(), secret(), transport(FrameTransport(::dial))))
    }

    /** The process of a chat ends and begins anew, on the same disk. */
    public suspend fun restart(chat: Undertone): Undertone {
        val seat = checkNotNull(seats.remove(chat)) { "that chat is of another network" }
        chat.disconnect()
        chat.close()
        return open(seat)
    }

    /** Lets time pass, and everybody do what is due meanwhile, in the order in which it is due. */
    public suspend fun advance(span: Duration) {
        settle()
        val end = clock.now() + span
        while (true) {
            val next = seats.keys.mapNotNull { it.wakeAt }.filter { it > clock.now() }.minOrNull()
            if (next == null || next >= end) break
            moveTo(next)
        }
        moveTo(end)
    }

    /** Waits until nobody has anything left to do but for what time brings. */
    public suspend fun settle() {
        var quiet = 0
        while (quiet < QUIET) {
            // Work hops between threads: only what is quiet again and again is quiet.
            delay(1)
            quiet = if (seats.keys.all { it.isIdle() } && sockets.none { it.isBusy }) quiet + 1 else 0
        }
    }

    /** Every connection ends, wherever it is. Those who want one connect anew. */
    public fun cut() {
        sockets.forEach { it.cut() }
    }

    override fun close() {
        seats.keys.forEach { it.close() }
    }

    private suspend fun moveTo(time: Instant) {
        clock.set(time)
        wake()
        settle()
    }

    private suspend fun open(seat: Seat): Undertone {
        val store = Store.Memory(seat.disk)
        val chat = Undertone.open(seat.config, store, seat.hostKey, seat.transport, seat.services, clock)
        seats[chat] = seat
        chat.online.first { it }
        settle()
        return chat
    }

    private fun issue(request: ByteArray, role: Role): ByteArray {
        val now = clock.now()
        val from = now - Duration.ofMinutes(1)
        return authority.issue(request, role, serial.incrementAndGet().toULong(), from, now + Duration.ofDays(90))
    }

    private suspend fun dial(use: suspend (Socket) -> Unit) {
        val socket = MemorySocket()
        sockets += socket
        try {
            use(socket)
        } finally {
            sockets -= socket
            relay.disconnect(socket.number)
            wake()
        }
    }

    private fun wake() {
        sockets.forEach { it.wake() }
    }

    private inner class MemorySocket : Socket {
        val number: ULong = relay.connect()
        private val woken = Channel<Unit>(Channel.CONFLATED)
        private val due = AtomicLong()

        @Volatile
        private var ended = false

        @Volatile
        private var handing = false

        val isBusy: Boolean get() = handing || due.get() > 0

        override suspend fun send(frame: ByteArray) {
            if (ended) throw IOException("the connection has ended")
            relay.send(number, frame)
            this@Network.wake()
        }

        override val frames: Flow<ByteArray> = flow {
            while (!ended) {
                handing = true
                due.set(0)
                val wire = relay.take(number)
                wire.frames.forEach { emit(it) }
                handing = false
                if (wire.ended) return@flow
                if (wire.frames.isEmpty()) woken.receive()
            }
        }

        fun wake() {
            due.incrementAndGet()
            woken.trySend(Unit)
        }

        fun cut() {
            ended = true
            woken.trySend(Unit)
        }
    }

    private companion object {
        const val QUIET = 5

        fun secret() = ByteArray(32).also { SecureRandom().nextBytes(it) }
    }
}
