package dev.undertone

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.IOException
import java.time.Duration
import java.time.Instant
import java.util.concurrent.atomic.AtomicInteger

/** Certificates that run out while a platform's server does not answer as it should (R41). */
class CertificatesTest {
    private val asked = AtomicInteger()

    @Test
    fun `who is not certified anew at first comes back`() {
        val failing: suspend (() -> ByteArray) -> ByteArray = { issue ->
            if (asked.incrementAndGet() in 2..3) throw IOException("not now") else issue()
        }
        acquainted(certify = failing) { assertComesBack() }
        assertEquals(4, asked.get())
    }

    @Test
    fun `who is certified anew late comes back, and is certified once`() {
        val slow: suspend (() -> ByteArray) -> ByteArray = { issue ->
            if (asked.incrementAndGet() > 1) delay(3_000)
            issue()
        }
        acquainted(certify = slow) { assertComesBack() }
        assertEquals(2, asked.get())
    }

    private suspend fun Acquainted.assertComesBack() {
        network.advance(Duration.ofDays(91))
        assertReaches("after all these days")
        assertTrue(ann.diagnose().certificate is CertificateState.Valid)
        assertTrue(ann.online.value)
    }

    private val clock = ManualClock(Instant.parse("2030-01-01T00:00:00Z"))
    private val store = Store.Memory(MemoryDisk())

    private suspend fun open(certify: suspend (ByteArray) -> ByteArray): Undertone =
        Undertone.open(Engines.config, store, Engines.KEY, services = Services(certify), clock = clock)

    private fun issue(request: ByteArray): ByteArray {
        val serial = asked.incrementAndGet().toULong()
        val from = clock.now() - Duration.ofMinutes(1)
        return Engines.authority.issue(request, Role("client"), serial, from, from + Duration.ofDays(90))
    }

    @Test
    fun `what is no matter of certificates asks for none`(): Unit = runBlocking {
        Engines.open(store).shutDown()
        for (reason in listOf("closing.replaced", "closing.version")) {
            val refused = CompletableDeferred<Unit>()
            val again = CompletableDeferred<Unit>()
            val certify: suspend (ByteArray) -> ByteArray = { again.complete(Unit).let { throw IOException("not asked for") } }
            Undertone.open(Engines.config, store, Engines.KEY, Refusing(reason, refused, again), Services(certify)).use {
                withTimeout(60_000) { refused.await() }
                // Longer than it takes to come again, or to ask.
                assertNull(withTimeoutOrNull(2_000) { again.await() })
            }
        }
    }

    /** A relay that lets nobody in. */
    private class Refusing(
        private val reason: String,
        private val first: CompletableDeferred<Unit>,
        private val again: CompletableDeferred<Unit>,
    ) : Transport {
        override suspend fun run(link: Link) {
            if (!first.complete(Unit)) again.complete(Unit)
            throw RefusedException(reason)
        }

        override suspend fun send(envelopes: List<ByteArray>) = TransmitResult.Failed

        override suspend fun acknowledge(deliveries: List<DeliveryId>) = Unit

        override suspend fun fetch(since: DeliveryId): MailboxPage = throw IOException("no connection")

        override suspend fun directory(request: Request) = Answer.Failed
    }

    @Test
    fun `a chat opens whose certificate has run out, whatever its platform answers`(): Unit = runBlocking {
        assertThrows<IOException> { runBlocking { open { throw IOException("not now") } } }
        val talk = open(::issue).use { chat -> chat.conversations.start(UserId("bea")).also { chat.send(it, "kept") } }
        clock.set(clock.now() + Duration.ofDays(91))
        for (certify in listOf<suspend (ByteArray) -> ByteArray>({ throw IOException("not now") }, { awaitCancellation() })) {
            open(certify).use { chat ->
                assertTrue(chat.diagnose().certificate is CertificateState.Expired)
                assertEquals(listOf("kept"), chat.texts(talk))
            }
        }
        open(::issue).use { chat ->
            withTimeout(60_000) { while (chat.diagnose().certificate !is CertificateState.Valid) delay(10) }
        }
    }
}
