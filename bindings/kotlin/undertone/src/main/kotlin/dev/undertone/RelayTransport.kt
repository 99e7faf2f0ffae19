package dev.undertone

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
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
    public suspend fun publicKey(): ByteArray = talk { _, listener -> listener.frames.receive() }

    /** A certificate for a device in a role. */
    public suspend fun certify(role: Role, request: ByteArray): ByteArray = talk { webSocket, listener ->
        listener.frames.receive()
        webSocket.sendBinary(ByteBuffer.wrap(demoWish(role, request)), true).await()
        listener.frames.receive()
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

    override val frames: Flow<ByteArray> = listener.frames.receiveAsFlow()
}

private class Listener : WebSocket.Listener {
    val frames = Channel<ByteArray>(Channel.UNLIMITED)
    private val parts = ByteArrayOutputStream()

    override fun onBinary(webSocket: WebSocket, data: ByteBuffer, last: Boolean): CompletionStage<*>? {
        val bytes = ByteArray(data.remaining()).also { data.get(it) }
        parts.write(bytes)
        if (last) {
            frames.trySend(parts.toByteArray())
            parts.reset()
        }
        webSocket.request(1)
        return null
    }

    override fun onClose(webSocket: WebSocket, statusCode: Int, reason: String): CompletionStage<*>? {
        frames.close()
        return null
    }

    override fun onError(webSocket: WebSocket, error: Throwable) {
        frames.close(IOException("the connection has ended", error))
    }
}
