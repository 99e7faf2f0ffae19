package dev.undertone

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withTimeoutOrNull
import java.time.Duration
import java.time.Instant
import java.util.logging.Level

/** Drains the engine, does what it says, and waits until there is more. */
internal class Loop(
    private val engine: Engine,
    private val worker: Worker,
    private val services: Services,
    private val certifier: Certifier?,
    private val transport: Transport?,
    private val connection: Connection?,
    private val news: News,
    private val subscribers: Subscribers,
    private val clock: ManualClock?,
    private val scope: CoroutineScope,
) {
    /** Held by the loop while it drains, and while the engine is suspended. */
    private val turn = Mutex()

    /** Whether the loop waits, for time or for others. */
    @Volatile
    var isWaiting = false
        private set

    /** When the engine next wants to do something by itself; `null` for never. */
    @Volatile
    var wakeAt: Instant? = null
        private set

    private val isConnected get() = connection?.connected == true

    fun start() {
        scope.launch { drive() }
    }

    /** Makes a call that stops the engine, and with it the loop: unless it fails, the loop stays where it waits. */
    suspend fun stopping(call: () -> Unit) {
        turn.lock()
        try {
            worker.toItsEnd(call)
        } catch (error: Throwable) {
            turn.unlock()
            throw error
        }
    }

    /** The engine that was stopped goes on. */
    fun goOn() = turn.unlock()

    private suspend fun drive() {
        try {
            while (true) {
                val drained = turn.withLock { worker.run { engine.drain(BATCH) }.also { perform(it) } }
                if (!drained.more) rest(drained.wakeAt)
            }
        } catch (cancelled: CancellationException) {
            throw cancelled
        } catch (error: Throwable) {
            if (subscribers.closed) return
            log(Level.SEVERE, "the engine has ended", error)
            subscribers.fail(error)
            news.failed(error)
            connection?.cancel()
        }
    }

    private suspend fun rest(until: Instant?) {
        wakeAt = until
        val wait = until?.let { waitUntil(it) }
        isWaiting = true
        if (wait == null) engine.ready() else withTimeoutOrNull(wait) { engine.ready() }
        isWaiting = false
        if (until != null && until <= now()) turn.withLock { worker.run { engine.handleTimeout() } }
    }

    private suspend fun perform(drained: Drained) {
        val acknowledged = ArrayList<DeliveryId>()
        var eventful = false
        for (output in drained.outputs) {
            when (output) {
                is Output.Transmit -> news.undispatched { transmit(output) }
                is Output.Acknowledge -> acknowledged += output.delivery
                is Output.Request -> news.undispatched { request(output) }
                is Output.Event -> {
                    eventful = true
                    news.happened(output.event)
                    if (output.event is Event.CertificateNeeded) certifier?.let { scope.launch { it.replace() } }
                }
            }
        }
        if (acknowledged.isNotEmpty() && transport != null) {
            // What is not acknowledged is delivered again, and then acknowledged again.
            news.undispatched { attempt("an acknowledgement") { transport.acknowledge(acknowledged) } }
        }
        if (eventful) subscribers.wake()
    }

    private suspend fun transmit(output: Output.Transmit) {
        val sent = attempt("a transmit") {
            if (transport != null && isConnected) transport.send(output.envelopes) else null
        }
        if (output.id.number != 0uL) {
            worker.answer { engine.transmitDone(output.id, sent ?: TransmitResult.Failed) }
        }
    }

    private suspend fun request(output: Output.Request) {
        val answer = attempt("a request") {
            when (val request = output.request) {
                // Without another channel there is nobody to tell, now and later.
                is Request.Fallback -> if (services.fallback?.invoke(request) != false) Answer.Notified else Answer.Failed
                is Request.Fetch -> if (isConnected) fetch(request) else null
                else -> if (isConnected) transport?.directory(request) else null
            }
        }
        worker.answer { engine.requestDone(output.id, answer ?: Answer.Failed) }
    }

    private suspend fun fetch(request: Request.Fetch): Answer? {
        val page = transport?.fetch(request.since) ?: return null
        worker.run { engine.receive(page.deliveries) }
        return Answer.Fetched(page.next)
    }

    private fun now(): Instant = clock?.now() ?: Instant.now()

    /** Milliseconds; `null` when a clock that a test moves wakes the engine itself. */
    private fun waitUntil(at: Instant): Long? {
        val left = Duration.between(now(), at).toMillis()
        if (clock != null && left > 0) return null
        // At most a while, so that a clock that was set is noticed.
        return left.coerceIn(5, 30_000)
    }

    private companion object {
        const val BATCH = 256u
    }
}
