package dev.undertone

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.lang.reflect.InvocationTargetException
import java.nio.charset.CharacterCodingException
import java.nio.file.Path
import java.time.Duration
import java.time.Instant

/** The engine without coroutines: bad input, and stores (R41). */
class EngineTest {
    private val engine = Engines.open()
    private val talk = engine.conversations().start(UserId("bea"))
    private val messages = engine.messages()

    @Test
    fun `what is shown of values has no content`() {
        val draft = Draft("a secret")
        messages.send(talk, draft)
        engine.conversations().setDraft(talk, "a secret")
        val page = messages.page(talk, Cursor.Newest, 5u)
        val message = page.messages.single()
        assertEquals("Text(…)", "${message.content}")
        assertTrue("content=Text(…)" in "$message" && talk.hex in "$message")
        for (value in listOf(draft, message, page, engine.conversations().page(), engine.drain(100u))) {
            assertFalse("secret" in "$value", value.javaClass.name)
        }
        val secret = "a secret".encodeToByteArray()
        assertEquals("Config(…)", "${Config(UserId("ann"), authorities = listOf(secret), identity = secret)}")
    }

    @Test
    fun `bad ids and users are errors with a code and harm nothing`() {
        val conversations = engine.conversations()
        assertEquals("misuse.user_id", codeOf { conversations.start(UserId("")) })
        assertEquals("misuse.user_id", codeOf { conversations.start(UserId("x".repeat(129))) })
        assertEquals("misuse.oneself", codeOf { conversations.start(UserId("ann")) })
        assertEquals("misuse.id", codeOf { messages.send(ConversationId("no hex"), Draft("x")) })
        assertEquals("misuse.unknown_conversation", codeOf { messages.send(ConversationId("00".repeat(16)), Draft("x")) })
        assertUnharmed()
    }

    @Test
    fun `bad values are errors with a code and harm nothing`() {
        assertEquals("misuse.empty", codeOf { messages.send(talk, Draft("")) })
        assertEquals("misuse.too_large", codeOf { messages.send(talk, Draft("x".repeat(1_000_000))) })
        assertEquals("misuse.config", codeOf { messages.send(talk, Draft("x", period = -2)) })
        assertEquals("misuse.too_large", codeOf { messages.page(talk, Cursor.Newest, 0u) })
        assertEquals("misuse.unknown_request", codeOf { engine.transmitDone(TransmitId(77uL), TransmitResult.Failed) })
        assertUnharmed()
    }

    @Test
    fun `bad bytes are errors with a code and harm nothing`() {
        assertEquals("peer.malformed", codeOf { engine.identity().enrol("\u0001no certificate".encodeToByteArray()) })
        assertEquals("misuse.challenge", codeOf { engine.identity().answerChallenge("short".encodeToByteArray()) })
        assertEquals("misuse.policy", codeOf { Policy.fromToml("roles = 7") })
        val framed = Delivery(DeliveryId(5uL), Instant.now(), "x".encodeToByteArray(), ByteArray(0))
        assertEquals("misuse.frank", codeOf { engine.receive(listOf(framed)) })
        assertUnharmed()
    }

    @Test
    fun `a text that ends within a character is told by the engine itself as Java tells it, before anything happens`() {
        assertThrows<CharacterCodingException> { messages.send(talk, Draft("half of a pair: \ud83d")) }
        assertThrows<CharacterCodingException> { engine.conversations().start(UserId("\ud83d")) }
        assertUnharmed()
    }

    @Test
    fun `times that cannot be counted are errors with a code and harm nothing`() {
        for (time in listOf(Instant.MAX, Instant.MIN, Instant.EPOCH.minusMillis(1))) {
            assertEquals("misuse.clock", codeOf { engine.conversations().mute(talk, time) })
        }
        for (span in listOf(Duration.ofMillis(-1), Duration.ofSeconds(Long.MAX_VALUE), Duration.ofSeconds(Long.MIN_VALUE))) {
            val config = Engines.config.run { Config(user, authorities = authorities, fallbackAfter = span) }
            assertEquals("misuse.duration", codeOf { Engine.open(config, Store.Memory(MemoryDisk()), Engines.KEY) })
        }
        assertUnharmed()
    }

    @Test
    fun `an engine that cannot be is not opened`() {
        val memory = Store.Memory(MemoryDisk())
        val nobodyTrusted = Config(UserId("ann"), authorities = emptyList())
        assertEquals("misuse.config", codeOf { Engine.open(nobodyTrusted, memory, Engines.KEY) })
        assertEquals("misuse.key_length", codeOf { Engines.open(memory, "short".encodeToByteArray()) })
    }

    @Test
    fun `a library of another version is refused`() {
        checkLibrary(1)
        assertEquals("misuse.library", codeOf { checkLibrary(2) })
    }

    /** It is nobody's but the module's own. */
    private fun checkLibrary(expected: Int) {
        val check = Class.forName("dev.undertone.LibraryKt").getMethod("checkLibrary", Int::class.java)
        try {
            check.invoke(null, expected)
        } catch (error: InvocationTargetException) {
            throw error.targetException
        }
    }

    @Test
    fun `bytes that are no envelope are acknowledged and counted`() {
        engine.connected(Login())
        val garbage = listOf("", "\u0000", "\u0001garbage".repeat(100), "\u0000".repeat(70_000))
        val deliveries = garbage.mapIndexed { number, text ->
            Delivery(DeliveryId(number.toULong() + 1u), Instant.now(), envelope = text.encodeToByteArray())
        }
        engine.receive(deliveries)
        val acknowledged = engine.drain(1_000u).outputs.filterIsInstance<Output.Acknowledge>().map { it.delivery }
        assertEquals(deliveries.map { it.id }, acknowledged)
        assertEquals(4uL, engine.diagnose().refused.sumOf { it.count })
        assertUnharmed()
    }

    @Test
    fun `a store of sled is open once and ends when it is told to`(@TempDir folder: Path) =
        opensOnce(Store.Sled(folder.resolve("store").toString()))

    @Test
    fun `a store of SQLite is open once and ends when it is told to`(@TempDir folder: Path) =
        opensOnce(Store.Sqlite(folder.resolve("store").toString(), 0u))

    private fun opensOnce(store: Store) {
        val first = Engines.open(store)
        val device = first.device()
        assertEquals("store.locked", codeOf { Engines.open(store) })
        first.shutDown()
        first.shutDown()
        assertEquals("misuse.closed", codeOf { first.usage() })
        assertEquals("misuse.closed", codeOf { first.messages().page(talk, Cursor.Newest, 5u) })
        Engines.open(store).use { again ->
            assertEquals(device, again.device())
            again.shutDown()
        }
        assertEquals("store.wrong_key", codeOf { Engines.open(store, ByteArray(32) { 1 }) })
        Engines.open(store).shutDown()
    }

    private fun assertUnharmed() {
        messages.send(talk, Draft("still here"))
        assertEquals(listOf("still here"), engine.texts(talk))
        assertArrayEquals(engine.identity().identityKey(), engine.identity().identityKey())
    }
}
