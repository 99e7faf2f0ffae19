package dev.undertone

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.withContext
import java.util.concurrent.atomic.AtomicInteger

/** Runs calls of one engine, one after the other, off the threads that show things. */
internal class Worker {
    @OptIn(ExperimentalCoroutinesApi::class)
    private val dispatcher: CoroutineDispatcher = Dispatchers.IO.limitedParallelism(1)

    private val calls = AtomicInteger()

    /** Whether a call waits or runs. */
    val isBusy: Boolean get() = calls.get() > 0

    /** A call that is cancelled while it runs still comes to its end. */
    suspend fun <T> run(call: () -> T): T {
        calls.incrementAndGet()
        try {
            return withContext(dispatcher) { call() }
        } finally {
            calls.decrementAndGet()
        }
    }
}
