package dev.undertone

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.io.IOException

/** What stops a chat, and fails or is interrupted: the chat goes on (R41). */
class StopsTest {
    /** A transport that takes its time to hang up. */
    private class Slow(private val whole: Transport) : Transport by whole {
        val ending = CompletableDeferred<Unit>()
        val mayEnd = CompletableDeferred<Unit>()

        override suspend fun run(link: Link) =
            try {
                whole.run(link)
            } finally {
                ending.complete(Unit)
                withContext(NonCancellable) { mayEnd.await() }
            }
    }

    private fun slowly(test: suspend Acquainted.(Slow) -> Unit) {
        lateinit var slow: Slow
        acquainted(transport = { Slow(it).also { made -> slow = made } }) { test(slow) }
    }

    @Test
    fun `who is woken while falling asleep is awake`() = slowly { slow ->
        coroutineScope {
            launch(start = CoroutineStart.UNDISPATCHED) { ann.suspend() }
            launch(start = CoroutineStart.UNDISPATCHED) { ann.resume() }
            slow.mayEnd.complete(Unit)
        }
        ann.online.first { it }
        assertReaches("awake")
    }

    @Test
    fun `who is kept from falling asleep connects again`() = slowly { slow ->
        coroutineScope {
            val falling = launch(start = CoroutineStart.UNDISPATCHED) { ann.suspend() }
            slow.ending.await()
            falling.cancel()
            slow.mayEnd.complete(Unit)
        }
        assertReaches("still awake")
    }

    @Test
    fun `who connects while the last connection still ends has one that lasts`() = slowly { slow ->
        coroutineScope {
            val leaving = launch(start = CoroutineStart.UNDISPATCHED) { ann.disconnect() }
            slow.ending.await()
            leaving.cancel()
            ann.connect()
            slow.mayEnd.complete(Unit)
        }
        ann.online.first { it }
        network.settle()
        assertEquals(true, ann.online.value)
        assertReaches("again")
    }

    /** A transport that sends nothing while it is told so. */
    private class Stuck(private val whole: Transport) : Transport by whole {
        @Volatile
        var stuck = false

        override suspend fun send(envelopes: List<ByteArray>): TransmitResult =
            if (stuck) throw IOException("stuck") else whole.send(envelopes)
    }

    @Test
    fun `logging out is refused while something waits, which then goes out`() {
        lateinit var stuck: Stuck
        acquainted(transport = { Stuck(it).also { made -> stuck = made } }) {
            stuck.stuck = true
            ann.send(talk, "waits")
            assertEquals("misuse.unsent", codeOf { runBlocking { ann.wipe() } })
            stuck.stuck = false
            assertArrives("waits")
        }
    }

    @Test
    fun `logging out offline is refused as well, and nobody is connected for it`() = acquainted {
        ann.disconnect()
        ann.send(talk, "waits")
        assertEquals("misuse.unsent", codeOf { runBlocking { ann.wipe() } })
        network.settle()
        assertEquals(false, ann.online.value)
        ann.connect()
        assertArrives("waits")
    }

    @Test
    fun `who has logged out is told so when it is done again`() = acquainted {
        ann.wipe(loseUnsent = true)
        assertEquals("misuse.closed", codeOf { runBlocking { ann.wipe(loseUnsent = true) } })
        assertEquals("misuse.closed", codeOf { runBlocking { ann.suspend() } })
        assertEquals("misuse.closed", codeOf { ann.connect() })
        ann.close()
    }

    @Test
    fun `a chat without a transport says so`(): Unit = runBlocking {
        val store = Store.Memory(MemoryDisk())
        Engines.open(store).shutDown()
        Undertone.open(Engines.config, store, Engines.KEY).use { chat ->
            assertEquals("misuse.transport", codeOf { chat.connect() })
        }
    }
}
