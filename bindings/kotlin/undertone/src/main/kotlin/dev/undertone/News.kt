package dev.undertone

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger

/** What the host of a chat is told, in this order, and what its transport and services are asked to do. */
internal class News(private val scope: CoroutineScope) {
    val online = MutableStateFlow(false)
    val events: Flow<Event> = flow {
        val own = Channel<Event>(KEPT)
        listeners += own
        try {
            if (ended) own.close(failure)
            for (event in own) emit(event)
        } finally {
            listeners -= own
        }
    }

    private val listeners = CopyOnWriteArrayList<Channel<Event>>()

    @Volatile
    private var ended = false

    @Volatile
    private var failure: Throwable? = null
    private val queue = Channel<suspend () -> Unit>(Channel.UNLIMITED)
    private val work = AtomicInteger()

    /** Whether something is still to be told or under way. */
    val isBusy: Boolean get() = work.get() > 0

    fun start() {
        scope.launch {
            for (told in queue) {
                told()
                work.decrementAndGet()
            }
        }
    }

    fun happened(event: Event) = tell { hand(event) }

    /** The loop has ended: whoever listens meets why, behind what happened before. */
    fun failed(error: Throwable) = tell { end(error) }

    /** Everybody's listening is over. */
    fun end(error: Throwable? = null) {
        failure = error
        ended = true
        listeners.forEach { it.close(error) }
    }

    fun isOnline(now: Boolean) = tell { online.value = now }

    /** Begins at once, so that what goes to the transport goes in the order in which the engine gave it. */
    fun undispatched(task: suspend () -> Unit) {
        work.incrementAndGet()
        scope.launch(start = CoroutineStart.UNDISPATCHED) { task() }.invokeOnCompletion { work.decrementAndGet() }
    }

    private fun hand(event: Event) {
        for (own in listeners) {
            val handed = own.trySend(event)
            if (handed.isSuccess || handed.isClosed) continue
            // Who falls behind reads everything anew: what was not taken yet says nothing more, and might mislead.
            do { val taken = own.tryReceive() } while (taken.isSuccess)
            own.trySend(Event.Resync)
        }
    }

    /**
     * Tells the host something, away from the loop and the connection: whoever has no dispatcher goes on right where they are
     * told, with whatever comes then, like a line to be typed.
     */
    private fun tell(what: suspend () -> Unit) {
        work.incrementAndGet()
        queue.trySend(what)
    }

    private companion object {
        /** So many events wait for who is slow to take them. */
        const val KEPT = 10_000
    }
}
