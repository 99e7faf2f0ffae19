package dev.undertone

import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.withContext
import java.util.concurrent.ConcurrentHashMap

/** Who waits for what changes of topics, and what ends their waiting. */
internal class Subscribers(engine: Engine, private val worker: Worker) {
    private val subscriptions = engine.subscriptions()
    private val waiting = ConcurrentHashMap<SubscriptionId, Channel<Unit>>()

    /** What ended the loop: whoever waits meets it. */
    @Volatile
    var failure: Throwable? = null
        private set

    /** Whether the chat was closed, or is just being closed. */
    @Volatile
    var closed = false
        private set

    /** Lets [body] take what has changed of a topic, again and again; that gives `null` when the chat was closed. */
    suspend fun subscribed(topic: Topic, body: suspend (suspend () -> List<Update>?) -> Unit) {
        // What was begun is ended below, even if this is cancelled meanwhile.
        val number = withContext(NonCancellable) { worker.run { subscriptions.open(topic) } }
        val ready = Channel<Unit>(Channel.CONFLATED)
        waiting[number] = ready
        ready.trySend(Unit)
        try {
            body body@{
                if (ready.receiveCatching().isClosed) return@body null
                failure?.let { throw it }
                unlessClosed { subscriptions.take(number) }
            }
        } finally {
            waiting.remove(number)
            withContext(NonCancellable) { runCatching { worker.run { subscriptions.end(number) } } }
        }
    }

    /** Wakes those for whom something has changed. */
    suspend fun wake() {
        if (waiting.isNotEmpty()) worker.run { subscriptions.ready() }.forEach { waiting[it]?.trySend(Unit) }
    }

    /** The loop has ended. */
    fun fail(error: Throwable) {
        failure = error
        waiting.values.forEach { it.trySend(Unit) }
    }

    /** From here on, what an engine that is closed says is no failure. */
    fun closing() {
        closed = true
    }

    /** Everybody's waiting is over. */
    fun end() = waiting.values.forEach { it.close() }

    private suspend fun <T> unlessClosed(call: () -> T): T? =
        try {
            worker.run(call)
        } catch (error: UndertoneException) {
            if (closed) null else throw error
        }
}
