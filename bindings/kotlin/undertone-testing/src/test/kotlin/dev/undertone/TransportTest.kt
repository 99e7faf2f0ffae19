package dev.undertone

import dev.undertone.testing.Network
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Duration
import java.util.concurrent.atomic.AtomicInteger

/** Faults in a host's transport: the engine is unharmed, and what failed is tried again (R41). */
class TransportTest {
    /** A transport whose next calls throw, as many as were asked for, whichever they are. */
    private class Faulty(private val whole: Transport, private val fault: suspend () -> Nothing) : Transport {
        val faults = AtomicInteger()
        val met = AtomicInteger()
        private val broken = CompletableDeferred<Unit>()

        /** Says that a new connection has failed. */
        val again = Channel<Unit>(Channel.CONFLATED)

        /** The connection ends by the fault while it is in use. */
        fun breakDown() = broken.complete(Unit)

        override suspend fun run(link: Link): Unit = coroutineScope {
            if (broken.isCompleted) again.trySend(Unit)
            meet()
            val connection = launch { whole.run(link) }
            if (!broken.isCompleted) {
                broken.await()
                met.incrementAndGet()
                fault()
            }
            connection.join()
        }

        override suspend fun send(envelopes: List<ByteArray>): TransmitResult = meet().let { whole.send(envelopes) }

        override suspend fun acknowledge(deliveries: List<DeliveryId>) = meet().let { whole.acknowledge(deliveries) }

        override suspend fun fetch(since: DeliveryId): MailboxPage = meet().let { whole.fetch(since) }

        override suspend fun directory(request: Request): Answer = meet().let { whole.directory(request) }

        private suspend fun meet() {
            if (faults.getAndUpdate { maxOf(it - 1, 0) } > 0) {
                met.incrementAndGet()
                fault()
            }
        }
    }

    private val unchecked: suspend () -> Nothing = { throw IllegalStateException("a fault of the host") }

    /** A cancellation that nobody asked for: what `withTimeout` throws in a host's transport. */
    private val late: suspend () -> Nothing = { withTimeout(1) { CompletableDeferred<Nothing>().await() } }

    @Test
    fun `calls that throw are made again`() = faults(unchecked) { met(it) }

    @Test
    fun `calls that take too long are made again`() = faults(late) { met(it) }

    @Test
    fun `a connection that throws is made again`() = faults(unchecked) { broken(it) }

    @Test
    fun `a connection that takes too long is made again`() = faults(late) { broken(it) }

    private class Pair(val network: Network, val ann: Undertone, val bea: Undertone, val talk: ConversationId)

    private fun faults(fault: suspend () -> Nothing, test: suspend Pair.(Faulty) -> Unit) = runBlocking {
        Network().use { network ->
            lateinit var faulty: Faulty
            val ann = network.join("ann", "client", transport = { Faulty(it, fault).also { made -> faulty = made } })
            val bea = network.join("bea", "escort")
            Pair(network, ann, bea, ann.conversations.start(bea.user)).test(faulty)
        }
    }

    /** Whatever Ann's engine asks of its transport, from the first look into the directory on, fails for a while. */
    private suspend fun Pair.met(faulty: Faulty) {
        faulty.faults.set(FAULTS)
        ann.send(talk, "out")
        until { faulty.faults.get() == 0 && texts(bea) == listOf("out") }
        faulty.faults.set(FAULTS)
        bea.send(talk, "in")
        until { texts(ann) == listOf("out", "in") && stateOfNewest(bea) == SendState.DELIVERED }
        assertTrue(faulty.met.get() > FAULTS)
        assertUnharmed()
    }

    /** The connection ends by a fault, and the next ones fail at once, until there are no more faults. */
    private suspend fun Pair.broken(faulty: Faulty) {
        ann.send(talk, "before")
        network.settle()
        faulty.faults.set(Int.MAX_VALUE)
        faulty.breakDown()
        ann.online.first { !it }
        ann.send(talk, "while it is broken")
        faulty.again.receive()
        faulty.faults.set(0)
        ann.online.first { it }
        until { texts(bea) == listOf("before", "while it is broken") }
        assertUnharmed()
    }

    private suspend fun Pair.assertUnharmed() {
        ann.send(talk, "at last")
        bea.send(talk, "really")
        until { texts(bea).size == texts(ann).size && texts(bea).containsAll(listOf("at last", "really")) }
        assertEquals(emptyList<Any>(), ann.diagnose().refused + bea.diagnose().refused)
        assertTrue(ann.online.value)
    }

    /** Lets time pass until that is so: failed work is done again after a while. */
    private suspend fun Pair.until(condition: suspend () -> Boolean) = withTimeout(60_000) {
        network.settle()
        while (!condition()) network.advance(Duration.ofSeconds(10))
    }

    private suspend fun Pair.texts(chat: Undertone): List<String> =
        if (chat.conversations.page().conversations.isEmpty()) emptyList() else chat.run { texts(talk) }

    private suspend fun Pair.stateOfNewest(chat: Undertone) =
        chat.messages.page(talk, Cursor.Newest, 1u).messages.single().state

    private companion object {
        const val FAULTS = 5
    }
}
