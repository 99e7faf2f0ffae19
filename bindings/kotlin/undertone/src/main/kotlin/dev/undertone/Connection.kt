package dev.undertone

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.logging.Level
import kotlin.random.Random

/** Keeps a chat connected through its transport, and tells the engine what comes. */
internal class Connection(
    private val engine: Engine,
    private val worker: Worker,
    private val identity: ChatIdentity,
    private val transport: Transport,
    private val certifier: Certifier?,
    private val news: News,
    private val scope: CoroutineScope,
) {
    private var connecting: Job? = null

    /** Whether this device is logged in. */
    @Volatile
    var connected = false
        private set

    /** Whether this device is connected, or tries to be. */
    val isConnecting: Boolean get() = connecting?.isActive == true

    /** Connects, and connects anew whenever the connection ends. */
    @Synchronized
    fun connect() {
        if (isConnecting) return
        val former = connecting
        connecting = scope.launch {
            // One that was told to end may still be about to: a transport is run once at a time.
            former?.join()
            stayConnected()
        }
    }

    suspend fun disconnect() {
        connecting?.cancelAndJoin()
    }

    fun cancel() {
        connecting?.cancel()
    }

    private suspend fun stayConnected() {
        var wait = RETRY_FIRST
        while (true) {
            val link = EngineLink()
            try {
                transport.run(link)
            } catch (refused: RefusedException) {
                log(Level.SEVERE, "the relay does not let this device in: ${refused.code}")
                news.happened(Event.CertificateNeeded)
                // Another certificate is what a platform can do about it.
                if (certifier == null || refused.code in NO_MATTER_OF_CERTIFICATES) return
                certifier.replace(link.shown)
            } catch (error: Exception) {
                currentCoroutineContext().ensureActive()
                log(Level.FINE, "the connection has ended", error)
            } finally {
                if (connected) {
                    wait = RETRY_FIRST
                    connected = false
                    news.isOnline(false)
                    withContext(NonCancellable) { worker.answer { engine.disconnected() } }
                }
            }
            delay((wait * Random.nextDouble(0.5, 1.0)).toLong())
            wait = minOf(wait * 2, RETRY_MOST)
        }
    }

    private inner class EngineLink : Link {
        /** The certificate that the relay was shown. */
        @Volatile
        var shown: ByteArray? = null
            private set

        override suspend fun certificate() = identity.certificate().bytes.also { shown = it }

        override suspend fun answerChallenge(challenge: ByteArray) = identity.answerChallenge(challenge)

        override suspend fun connected(login: Login) {
            connected = true
            news.isOnline(true)
            worker.run { engine.connected(login) }
        }

        override suspend fun received(deliveries: List<Delivery>) = worker.run { engine.receive(deliveries) }

        override suspend fun mailWaiting() = worker.run { engine.mailWaiting() }

        override suspend fun directoryChanged(user: UserId) = worker.run { engine.directoryChanged(user) }

        override suspend fun revoked(list: ByteArray) = identity.revoke(list)
    }

    private companion object {
        /** Another copy of this device has come, or the relay speaks another version: no certificate helps. */
        val NO_MATTER_OF_CERTIFICATES = setOf("closing.replaced", "closing.version")
        const val RETRY_FIRST = 500L
        const val RETRY_MOST = 60_000L
    }
}
