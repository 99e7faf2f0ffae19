package dev.undertone

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Instant

/** Events of a chat, as a host takes them (R41). */
class EventsTest {
    @Test
    fun `who falls behind is told to read everything anew`() = acquainted {
        val goOn = CompletableDeferred<Unit>()
        val events = coroutineScope {
            val listener = async(start = CoroutineStart.UNDISPATCHED) { bea.events.onEach { goOn.await() }.toList() }
            repeat(BATCHES) { refuse(it) }
            goOn.complete(Unit)
            bea.close()
            listener.await()
        }
        assertEquals(1, events.indexOfFirst { it is Event.Resync })
        assertEquals(1, events.count { it is Event.Resync })
        assertTrue(events.size in 3..<BATCHES * BATCH)
    }

    @Test
    fun `who keeps up is told everything`() = acquainted {
        val events = coroutineScope {
            val listener = async(start = CoroutineStart.UNDISPATCHED) { bea.events.toList() }
            repeat(2) { refuse(it) }
            bea.close()
            listener.await()
        }
        assertEquals(2 * BATCH, events.count { it is Event.Refused })
        assertTrue(events.none { it is Event.Resync })
        assertEquals(emptyList<Event>(), bea.events.toList())
    }

    @Test
    fun `who listens meets what has ended the engine`() = acquainted {
        coroutineScope {
            val listener = async(start = CoroutineStart.UNDISPATCHED) { runCatching { bea.events.toList() } }
            bea.engine.shutDown()
            assertEquals("misuse.closed", (listener.await().exceptionOrNull() as UndertoneException).code)
        }
        val late = runCatching { bea.events.toList() }
        assertEquals("misuse.closed", (late.exceptionOrNull() as UndertoneException).code)
    }

    /** Makes an event for each of a batch of envelopes that are none, all of which are handed on. */
    private suspend fun Acquainted.refuse(batch: Int) {
        val first = (1_000 + batch * BATCH).toULong()
        val garbage = "\u0001garbage".encodeToByteArray()
        bea.run { receive(List(BATCH) { Delivery(DeliveryId(first + it.toULong()), Instant.now(), envelope = garbage) }) }
        network.settle()
    }

    private companion object {
        const val BATCH = 500
        const val BATCHES = 22
    }
}
