package dev.undertone

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.receiveAsFlow
import kotlinx.coroutines.future.await
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.net.URI
import java.net.http.HttpClient
import java.net.http.WebSocket
import java.nio.ByteBuffer
import java.util.concurrent.CompletionStage

/**
 * The reference relay at an address, like `ws://127.0.0.1:8787`, over the JDK's WebSocket. Android has another one: give
 * [FrameTransport] a [Socket] over that.
 */
public fun relayTransport(address: String): FrameTransport = FrameTransport { use ->
    val listener = Listener()
    val path = URI("${address.trimEnd('/')}/v1")
    val webSocket = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(path, listener).await()
    try {
        use(JdkSocket(webSocket, listener))
    } finally {
        webSocket.abort()
    }
}

/** A relay that was started with `--demo` certifies whoever asks. For trying things out only. */
public class Demo(address: String) {
    private val path = URI("${address.trimEnd('/')}/demo/enrol")

    /** What an engine must trust. */
    public suspend fun publicKey(): ByteArray = talk { webSocket, listener -> listener.next(webSocket) }

    /** A certificate for a device in a role. */
    public suspend fun certify(role: Role, request: ByteArray): ByteArray = talk { webSocket, listener ->
        listener.next(webSocket)
        webSocket.sendBinary(ByteBuffer.wrap(demoWish(role, request)), true).await()
        listener.next(webSocket)
    }

    private suspend fun talk(words: suspend (WebSocket, Listener) -> ByteArray): ByteArray {
        val listener = Listener()
        val webSocket = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(path, listener).await()
        try {
            return words(webSocket, listener)
        } finally {
            webSocket.abort()
        }
    }
}

private class JdkSocket(private val webSocket: WebSocket, listener: Listener) : Socket {
    // The JDK takes one frame at a time.
    private val turn = Mutex()

    override suspend fun send(frame: ByteArray) {
        turn.withLock { webSocket.sendBinary(ByteBuffer.wrap(frame), true).await() }
    }

    override val frames: Flow<ByteArray> = listener.frames.receiveAsFlow().onEach { webSocket.request(1) }
}

private class Listener : WebSocket.Listener {
    /** At most one: whoever takes it asks for the next, so that no relay fills the memory. */
    val frames = Channel<ByteArray>(1)
    private val parts = ByteArrayOutputStream()

    suspend fun next(webSocket: WebSocket): ByteArray = frames.receive().also { webSocket.request(1) }

    override fun onBinary(webSocket: WebSocket, data: ByteBuffer, last: Boolean): CompletionStage<*>? {
        if (parts.size() + data.remaining() > LONGEST) {
            frames.close(IOException("the relay sends a frame that is too long"))
            return null
        }
        parts.write(ByteArray(data.remaining()).also { data.get(it) })
        if (last) {
            frames.trySend(parts.toByteArray())
            parts.reset()
        } else {
            webSocket.request(1)
        }
        return null
    }

    override fun onClose(webSocket: WebSocket, statusCode: Int, reason: String): CompletionStage<*>? {
        frames.close()
        return null
    }

    override fun onError(webSocket: WebSocket, error: Throwable) {
        frames.close(IOException("the connection has ended", error))
    }

    private companion object {
        /** Bytes of a frame: in other languages it may be as long. */
        const val LONGEST = 32 shl 20
    }
}
