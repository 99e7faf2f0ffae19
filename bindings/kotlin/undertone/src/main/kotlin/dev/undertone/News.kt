package dev.undertone

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch
import java.util.concurrent.atomic.AtomicInteger

/** What the host of a chat is told, in this order, and what its transport and services are asked to do. */
internal class News(private val scope: CoroutineScope) {
    val online = MutableStateFlow(false)
    val events = MutableSharedFlow<Event>(extraBufferCapacity = 10_000, onBufferOverflow = BufferOverflow.DROP_OLDEST)

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

    fun happened(event: Event) = tell { events.emit(event) }

    fun isOnline(now: Boolean) = tell { online.value = now }

    /** Begins at once, so that what goes to the transport goes in the order in which the engine gave it. */
    fun undispatched(task: suspend () -> Unit) {
        work.incrementAndGet()
        scope.launch(start = CoroutineStart.UNDISPATCHED) { task() }.invokeOnCompletion { work.decrementAndGet() }
    }

    /**
     * Tells the host something, away from the loop and the connection: whoever has no dispatcher goes on right where they are
     * told, with whatever comes then, like a line to be typed.
     */
    private fun tell(what: suspend () -> Unit) {
        work.incrementAndGet()
        queue.trySend(what)
    }
}
