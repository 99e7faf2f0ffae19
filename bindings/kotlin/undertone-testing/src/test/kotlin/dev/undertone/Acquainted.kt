package dev.undertone

import dev.undertone.testing.Network
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import java.time.Duration

/** A network on which Ann, a client, has written to Bea, an escort. */
internal class Acquainted(val network: Network, val ann: Undertone, val bea: Undertone, val talk: ConversationId)

/** Runs a test among them, who keep their files at [blobs]; Ann's relay and what certifies her may have faults. */
internal fun acquainted(
    blobs: Blobs? = null,
    transport: (Transport) -> Transport = { it },
    certify: suspend (issue: () -> ByteArray) -> ByteArray = { issue -> issue() },
    test: suspend Acquainted.() -> Unit,
): Unit = runBlocking {
    Network().use { network ->
        val ann = network.join("ann", "client", blobs = blobs, transport = transport, certify = certify)
        val bea = network.join("bea", "escort", blobs = blobs)
        val talk = ann.conversations.start(bea.user)
        ann.send(talk, "Hello, Bea")
        network.settle()
        Acquainted(network, ann, bea, talk).test()
    }
}

/** What Ann says gets to Bea, sooner or later: time passes until then. */
internal suspend fun Acquainted.assertReaches(text: String) {
    ann.send(talk, text)
    assertArrives(text)
}

internal suspend fun Acquainted.assertArrives(text: String): Unit = withTimeout(60_000) {
    while (text !in bea.texts(talk)) {
        network.advance(Duration.ofSeconds(10))
        // Connections are made anew by the time of the machine.
        delay(50)
    }
}

/** The newest texts of a chat's conversation, oldest first. */
internal suspend fun Undertone.texts(talk: ConversationId): List<String> =
    messages.page(talk, Cursor.Newest, 50u).messages.reversed().map { (it.content as MessageContent.Text).text }

/** The newest message of a chat's conversation. */
internal suspend fun Undertone.newest(talk: ConversationId): Message =
    messages.page(talk, Cursor.Newest, 1u).messages.single()
