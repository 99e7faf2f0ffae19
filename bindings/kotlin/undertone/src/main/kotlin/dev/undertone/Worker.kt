package dev.undertone

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext
import java.nio.charset.CharacterCodingException
import java.util.concurrent.atomic.AtomicInteger
import java.util.logging.Level
import kotlin.coroutines.ContinuationInterceptor

/** Runs calls of one engine, one after the other, off the threads that show things. */
internal class Worker {
    @OptIn(ExperimentalCoroutinesApi::class)
    private val dispatcher: CoroutineDispatcher = Dispatchers.IO.limitedParallelism(1)

    private val calls = AtomicInteger()

    /** Whether a call waits or runs. */
    val isBusy: Boolean get() = calls.get() > 0

    /**
     * A call that is cancelled while it runs still comes to its end. What is called with a text that cannot be encoded, as one
     * that ends within a character, is an error with a code like any other.
     */
    suspend fun <T> run(call: () -> T): T {
        calls.incrementAndGet()
        try {
            return away { withContext(dispatcher) { call() } }
        } catch (error: CharacterCodingException) {
            throw UndertoneException.Misuse("misuse.type", "a text holds half a character").apply { initCause(error) }
        } finally {
            calls.decrementAndGet()
        }
    }

    /** A call after which it is known what it came to, even if whoever made it is cancelled meanwhile. */
    suspend fun <T> toItsEnd(call: () -> T): T = withContext(NonCancellable) { run(call) }

    /** An answer to what nobody waits for any more comes to nothing; a fault of the engine, the loop meets as well. */
    suspend fun answer(call: () -> Unit) {
        try {
            run(call)
        } catch (error: UndertoneException) {
            log(Level.FINE, "an answer came to nothing", error)
        }
    }

    /**
     * Whoever has no dispatcher, as in a `main` that suspends, goes on where the work was done. Calls are made there one after
     * the other, so that the next one would wait for whatever comes then, like a line to be typed: let it be elsewhere.
     */
    private suspend fun <T> away(work: suspend () -> T): T {
        val context = currentCoroutineContext()
        val own = context[ContinuationInterceptor]
        val dispatched = own is CoroutineDispatcher && own.isDispatchNeeded(context)
        return if (dispatched) work() else withContext(Dispatchers.Default) { work() }
    }
}
