package dev.undertone

import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.IOException
import java.io.OutputStream
import java.net.InetAddress
import java.net.ServerSocket
import java.nio.ByteBuffer
import java.security.MessageDigest
import java.time.Instant
import java.util.Base64
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread

/** A relay that sends more than anybody can hold (R41). */
class RelayTransportTest {
    @Test
    fun `a frame that is too long ends the connection`(): Unit = runBlocking {
        // Parts of one frame, without end.
        Hostile(part(opcode = 2, last = false), part(opcode = 0, last = false)).use { relay ->
            val transport = relayTransport(relay.address)
            val error = assertThrows<IOException> { runBlocking { withTimeout(60_000) { transport.run(Silent) } } }
            assertTrue("too long" in error.message.orEmpty()) { "$error" }
        }
    }

    @Test
    fun `frames that nobody takes are not fetched`(): Unit = runBlocking {
        val challenge = TestRelay(listOf(Engines.authority.publicKey()), null, ManualClock(Instant.EPOCH))
            .run { take(connect()).frames.first() }
        Hostile(ByteArray(0), frame(challenge, opcode = 2, last = true).repeated()).use { relay ->
            // It is asked for its certificate, and never answers.
            val connection = launch { relayTransport(relay.address).run(Silent) }
            relay.stalls()
            assertTrue(relay.sent.get() in 1..<MOST) { "${relay.sent.get()} bytes" }
            connection.cancelAndJoin()
        }
    }

    private object Silent : Link {
        override suspend fun certificate(): ByteArray = awaitCancellation()

        override suspend fun answerChallenge(challenge: ByteArray): ByteArray = awaitCancellation()

        override suspend fun connected(login: Login) = Unit

        override suspend fun received(deliveries: List<Delivery>) = Unit

        override suspend fun mailWaiting() = Unit

        override suspend fun directoryChanged(user: UserId) = Unit

        override suspend fun revoked(list: ByteArray) = Unit
    }

    /** Takes one connection, and sends it [first] and then [again] and again, until it has sent a lot. */
    private class Hostile(private val first: ByteArray, private val again: ByteArray) : AutoCloseable {
        private val server = ServerSocket(0, 1, InetAddress.getLoopbackAddress())
        val address = "ws://127.0.0.1:${server.localPort}"
        val sent = AtomicLong()

        init {
            thread(isDaemon = true) { runCatching { serve() } }
        }

        private fun serve() = server.accept().use { socket ->
            val lines = socket.getInputStream().bufferedReader(Charsets.ISO_8859_1)
            val head = generateSequence { lines.readLine()?.ifEmpty { null } }.toList()
            val key = head.first { it.startsWith("Sec-WebSocket-Key", ignoreCase = true) }.substringAfter(':').trim()
            socket.getOutputStream().send(key)
            // It stays connected.
            do { val read = lines.read() } while (read >= 0)
        }

        private fun OutputStream.send(key: String) {
            val accept = MessageDigest.getInstance("SHA-1").digest("$key$GUID".encodeToByteArray())
            val answer = listOf(
                "HTTP/1.1 101 Switching Protocols",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Accept: ${Base64.getEncoder().encodeToString(accept)}",
            )
            write(answer.joinToString("\r\n", postfix = "\r\n\r\n").encodeToByteArray())
            write(first)
            while (sent.get() < MOST) {
                write(again)
                sent.addAndGet(again.size.toLong())
            }
        }

        /** Waits until nothing more is sent. */
        suspend fun stalls() {
            do {
                val before = sent.get()
                delay(1_000)
            } while (before == 0L || sent.get() != before)
        }

        override fun close() = server.close()
    }

    private companion object {
        const val GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

        /** Far more than a frame may hold, and than a system keeps of what is not read yet. */
        const val MOST = 64L shl 20

        fun part(opcode: Int, last: Boolean) = frame(ByteArray(1 shl 16), opcode, last)

        /** As a server writes it. */
        fun frame(content: ByteArray, opcode: Int, last: Boolean): ByteArray {
            val head = ByteBuffer.allocate(10).put(((if (last) 0x80 else 0) or opcode).toByte()).put(127)
            // The length takes no more room than it needs, or the client refuses it.
            when {
                content.size < 126 -> head.put(1, content.size.toByte())
                content.size < 1 shl 16 -> head.put(1, 126).putShort(content.size.toShort())
                else -> head.putLong(content.size.toLong())
            }
            return head.array().copyOf(head.position()) + content
        }

        fun ByteArray.repeated(): ByteArray {
            val all = ByteBuffer.allocate(size * 1_000)
            repeat(1_000) { all.put(this) }
            return all.array()
        }
    }
}
