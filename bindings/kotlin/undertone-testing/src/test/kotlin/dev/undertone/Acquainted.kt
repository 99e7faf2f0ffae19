package dev.undertone

import dev.undertone.testing.Network
import kotlinx.coroutines.runBlocking

/** A network on which Ann, a client, has written to Bea, an escort. */
internal class Acquainted(val network: Network, val ann: Undertone, val bea: Undertone, val talk: ConversationId)

/** Runs a test among them, who keep their files at [blobs]. */
internal fun acquainted(blobs: Blobs? = null, test: suspend Acquainted.() -> Unit): Unit = runBlocking {
    Network().use { network ->
        val ann = network.join("ann", "client", blobs = blobs)
        val bea = network.join("bea", "escort", blobs = blobs)
        val talk = ann.conversations.start(bea.user)
        ann.send(talk, "Hello, Bea")
        network.settle()
        Acquainted(network, ann, bea, talk).test()
    }
}

/** The newest texts of a chat's conversation, oldest first. */
internal suspend fun Undertone.texts(talk: ConversationId): List<String> =
    messages.page(talk, Cursor.Newest, 50u).messages.reversed().map { (it.content as MessageContent.Text).text }

/** The newest message of a chat's conversation. */
internal suspend fun Undertone.newest(talk: ConversationId): Message =
    messages.page(talk, Cursor.Newest, 1u).messages.single()
