package dev.undertone

import dev.undertone.testing.Network
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.time.Duration

/** Chats of several users, over the relay's logic in memory. */
class ChatTest {
    private class Acquainted(val network: Network, val ann: Undertone, val bea: Undertone, val talk: ConversationId)

    private fun acquainted(test: suspend Acquainted.() -> Unit) = runBlocking {
        Network().use { network ->
            val ann = network.join("ann", "client")
            val bea = network.join("bea", "escort")
            val talk = ann.conversations.start(bea.user)
            ann.send(talk, "Hello, Bea")
            network.settle()
            Acquainted(network, ann, bea, talk).test()
        }
    }

    private suspend fun Undertone.texts(talk: ConversationId): List<String> =
        messages.page(talk, Cursor.Newest, 50u).messages.reversed().map { (it.content as MessageContent.Text).text }

    @Test
    fun `a message arrives, is read and answered`() = acquainted {
        val first = bea.messages.page(talk, Cursor.Newest, 1u).messages.single()
        bea.messages.markRead(talk, first.key)
        bea.messages.send(talk, Draft("Hello, Ann", target = first.reference))
        network.advance(Duration.ofSeconds(30))
        val (newest, own) = ann.messages.page(talk, Cursor.Newest, 2u).messages
        assertEquals(listOf("Hello, Bea", "Hello, Ann"), ann.texts(talk))
        assertEquals(first.reference, newest.target)
        assertEquals(SendState.READ, own.state)
        assertEquals(1u, ann.conversations.get(talk).unread)
    }

    @Test
    fun `new messages flow, with what is unread first`() = acquainted {
        val heard = kotlinx.coroutines.coroutineScope {
            val listener = async {
                bea.messages(talk).map { (it.content as MessageContent.Text).text }.take(3).toList()
            }
            network.settle()
            ann.send(talk, "one")
            bea.send(talk, "not this, it is one's own")
            network.settle()
            ann.send(talk, "two")
            network.settle()
            listener.await()
        }
        assertEquals(listOf("Hello, Bea", "one", "two"), heard)
    }

    @Test
    fun `the rules refuse with a reason that can be shown`() = acquainted {
        val carl = network.join("carl", "client")
        bea.identity.lookUp(carl.user)
        network.settle()
        val denied = assertThrows<UndertoneException.Denied> { runBlocking { bea.conversations.start(carl.user) } }
        assertEquals("denied.start", denied.code)
        assertTrue("client" in denied.reason.sentence)
    }

    @Test
    fun `what is sent offline goes out after a restart`() = acquainted {
        ann.disconnect()
        ann.send(talk, "from a tunnel")
        network.restart(ann)
        assertEquals(listOf("Hello, Bea", "from a tunnel"), bea.texts(talk))
    }

    @Test
    fun `messages go when their time is over`() = acquainted {
        ann.messages.send(talk, Draft("for five minutes", period = 5))
        network.settle()
        assertEquals(2, bea.texts(talk).size)
        network.advance(Duration.ofMinutes(6))
        assertEquals(listOf("Hello, Bea"), bea.texts(talk))
    }

    @Test
    fun `a call rings, is answered and ends`() = acquainted {
        val call = ann.calls.start(talk, CallKind.VOICE, "offer".encodeToByteArray())
        network.settle()
        assertEquals("offer", bea.calls.description(call).decodeToString())
        bea.calls.accept(call, "answer".encodeToByteArray())
        network.settle()
        assertTrue(ann.calls.mediaKey(call).contentEquals(bea.calls.mediaKey(call)))
        network.advance(Duration.ofSeconds(65))
        ann.calls.hangUp(call)
        network.settle()
        assertEquals(listOf(65uL, 65uL), listOf(ann, bea).map { it.calls.get(call).duration })
    }
}
