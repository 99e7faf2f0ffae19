package dev.undertone

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.Future
import java.util.concurrent.TimeUnit

/** Many threads of a host at one engine. The system property `undertone.seconds` says for how long, 5 if it says nothing (R41). */
class ThreadsTest {
    private val engine = Engines.open()
    private val shared = engine.conversations().start(UserId("everybody's"))
    private val span = TimeUnit.SECONDS.toNanos(Integer.getInteger("undertone.seconds", 5).toLong())

    @Test
    fun `eight threads do what one would`() {
        val talks = List(THREADS) { engine.conversations().start(UserId("user $it")) }
        val sent = together(talks.map { talk -> Callable { hammer(talk) } })
        println("${sent.sum()} messages by $THREADS threads in ${TimeUnit.NANOSECONDS.toSeconds(span)} s")
        assertTrue(sent.all { it > 0 })
        talks.zip(sent).forEach { (talk, count) -> assertEquals(said(talk, count), engine.texts(talk)) }
        assertAllInOrder(talks, sent)
        assertEquals(emptyList<Any>(), engine.diagnose().refused)
    }

    /** In the conversation of all, each thread's messages stand in the order in which it sent them. */
    private fun assertAllInOrder(talks: List<ConversationId>, sent: List<Int>) {
        val all = engine.texts(shared).groupBy { it.substringAfter(" of ") }
        talks.zip(sent).forEach { (talk, count) -> assertEquals(said(talk, count), all[talk.hex]) }
    }

    /** Everything that hosts do, until the time is over; how many messages were sent. */
    private fun hammer(talk: ConversationId): Int {
        val end = System.nanoTime() + span
        var count = 0
        while (System.nanoTime() < end) {
            val draft = Draft(text(talk, count++))
            engine.messages().send(talk, draft)
            engine.messages().send(shared, draft)
            engine.messages().page(talk, Cursor.Newest, 20u)
            engine.conversations().page().next?.close()
            engine.drain(50u)
            engine.diagnose()
        }
        return count
    }

    private fun said(talk: ConversationId, count: Int) = List(count) { text(talk, it) }

    private fun text(talk: ConversationId, number: Int) = "$number of ${talk.hex}"

    /** Does work on a thread each; a deadlock ends the test after a while. */
    private fun <T> together(work: List<Callable<T>>): List<T> {
        val threads = Executors.newFixedThreadPool(work.size)
        try {
            return threads.invokeAll(work, span + TimeUnit.MINUTES.toNanos(2), TimeUnit.NANOSECONDS).map(Future<T>::get)
        } finally {
            threads.shutdownNow()
        }
    }

    private companion object {
        const val THREADS = 8
    }
}
