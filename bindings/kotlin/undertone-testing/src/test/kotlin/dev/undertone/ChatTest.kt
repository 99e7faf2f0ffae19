package dev.undertone

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.time.Duration
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.coroutines.Continuation
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.startCoroutine

/** Chats of several users, over the relay's logic in memory (R41). */
class ChatTest {
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
        val heard = coroutineScope {
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
    fun `what anybody writes comes in, with what is unread first`() = acquainted {
        val carl = network.join("carl", "client")
        val other = carl.conversations.start(bea.user)
        carl.send(other, "Hello too")
        network.settle()
        val heard = coroutineScope {
            val listener = async { bea.incoming().onEach { read(bea, it) }.take(4).toList() }
            network.settle()
            carl.send(other, "three")
            bea.send(other, "not this, it is one's own")
            network.settle()
            ann.send(talk, "four")
            network.settle()
            listener.await()
        }
        val texts = heard.map { (it.content as MessageContent.Text).text }
        assertEquals(setOf("Hello, Bea", "Hello too"), texts.take(2).toSet())
        assertEquals(listOf("three", "four"), texts.drop(2))
        assertEquals(listOf(other, talk), heard.drop(2).map { it.conversation })
    }

    @Test
    fun `what comes in is given once, and again to the next who asks if it was not read`() = acquainted {
        val (first, second) = coroutineScope {
            val listeners = List(2) { async { bea.incoming().take(3).toList() } }
            network.settle()
            ann.send(talk, "one")
            network.settle()
            ann.send(talk, "two")
            network.settle()
            listeners.map { it.await() }
        }
        assertEquals(listOf("Hello, Bea", "one", "two"), first.map { (it.content as MessageContent.Text).text })
        assertEquals(first, second)
        assertEquals(first, bea.incoming().take(3).toList())
        read(bea, first[1])
        assertEquals(first.drop(2), bea.incoming().take(1).toList())
    }

    private suspend fun read(chat: Undertone, message: Message) =
        chat.messages.markRead(message.conversation, message.key)

    @Test
    fun `who listens is done when the chat is closed`() = acquainted {
        coroutineScope {
            val listeners = listOf(bea.messages(talk), bea.incoming(), bea.updates(Topic.Conversations))
                .map { flow -> async { flow.map { }.toList() } }
            network.settle()
            bea.close()
            network.settle()
            assertEquals(listOf(1, 1), listeners.awaitAll().map { it.size }.take(2))
        }
        val closed = assertThrows<UndertoneException.Misuse> { runBlocking { bea.incoming().toList() } }
        assertEquals("misuse.closed", closed.code)
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
    fun `what was sent is there when a chat was closed at once`(@TempDir folder: Path) = runBlocking {
        val store = Store.Sqlite(folder.toString(), 0u)
        Engines.open(store).shutDown()
        repeat(5) { number ->
            Undertone.open(Engines.config, store, Engines.KEY).use { chat ->
                val talk = chat.conversations.start(UserId("bea"))
                assertEquals(List(number) { "$it" }, chat.texts(talk))
                chat.send(talk, "$number")
            }
        }
    }

    @Test
    fun `a chat sleeps and goes on`() = acquainted {
        ann.suspend()
        ann.suspend()
        val asleep = assertThrows<UndertoneException.Misuse> { runBlocking { ann.send(talk, "asleep") } }
        assertEquals("misuse.suspended", asleep.code)
        bea.send(talk, "while she sleeps")
        // Who sleeps has nothing to do.
        withTimeout(60_000) { network.advance(Duration.ofMinutes(1)) }
        ann.resume()
        ann.resume()
        ann.online.first { it }
        network.settle()
        assertEquals(listOf("Hello, Bea", "while she sleeps"), ann.texts(talk))
    }

    @Test
    fun `who has no dispatcher may wait and close wherever it goes on`() = acquainted {
        val ended = CompletableFuture<Result<Unit>>()
        val program = suspend {
            ann.disconnect()
            ann.connect()
            ann.online.first { it }
            runBlocking { ann.send(talk, "Hello again") }
            assertEquals(2, runBlocking { bea.incoming().take(2).toList().size })
            assertEquals(listOf("Hello, Bea", "Hello again"), ann.texts(talk))
            ann.close()
        }
        program.startCoroutine(Continuation(EmptyCoroutineContext, ended::complete))
        withContext(Dispatchers.IO) { ended.get(1, TimeUnit.MINUTES).getOrThrow() }
    }

    @Test
    fun `logging out leaves nothing, even of a chat that sleeps`() = acquainted {
        bea.suspend()
        for (chat in listOf(ann, bea)) {
            chat.wipe(loseUnsent = true)
            val closed = assertThrows<UndertoneException.Misuse> { runBlocking { chat.conversations.page() } }
            assertEquals("misuse.closed", closed.code)
        }
    }

    @Test
    fun `a text that ends within a character is an error with a code and harms nothing`() = acquainted {
        val half = "half of a pair: \ud83d"
        val calls = listOf<suspend () -> Unit>(
            { ann.send(talk, half) },
            { ann.conversations.start(UserId(half)) },
            { ann.conversations.setDraft(talk, half) },
            { ann.run { privacy().setDisplayName(bea.user, half) } },
            { ann.messages(ConversationId(half)).toList() },
        )
        for (call in calls) {
            val error = assertThrows<UndertoneException.Misuse> { runBlocking { call() } }
            assertEquals("misuse.type", error.code)
        }
        assertReaches("whole")
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
