package dev.undertone

import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource
import java.lang.ref.WeakReference
import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import java.util.concurrent.TimeUnit

/** Engines that nobody has closed: forgotten, or left by a process that ends (R41). */
class EndsTest {
    @Test
    fun `what is collected takes nothing with it`() {
        lateinit var messages: Messages
        val talk = Engines.open().let { engine ->
            val talk = engine.conversations().start(UserId("bea"))
            repeat(MESSAGES) {
                engine.messages().send(talk, Draft("$it"))
                engine.conversations().page()
                if (it % 20 == 0) System.gc()
            }
            messages = engine.messages()
            talk
        }
        System.gc()
        assertEquals(MESSAGES, messages.page(talk, Cursor.Newest, MESSAGES.toUInt()).messages.size)
    }

    @Test
    fun `an engine that is forgotten lets its store go`(@TempDir folder: Path) {
        val store = Store.Sled(folder.resolve("store").toString())
        val talk = forgotten(store)
        val end = Instant.now() + Duration.ofMinutes(1)
        while (true) {
            System.gc()
            try {
                return Engines.open(store).let {
                    assertEquals(listOf("before"), it.texts(talk))
                    it.shutDown()
                }
            } catch (error: UndertoneException) {
                assertEquals("store.locked", error.code)
                assertTrue(Instant.now() < end) { "it is still locked" }
            }
        }
    }

    /** An engine, its nouns and its messages, none of which is kept. */
    private fun forgotten(store: Store): ConversationId {
        val engine = Engines.open(store)
        val talk = engine.conversations().start(UserId("bea"))
        engine.messages().send(talk, Draft("before"))
        assertEquals(1, engine.texts(talk).size)
        return talk
    }

    @Test
    fun `a chat that was closed is collected`() {
        val chat = closed()
        val end = Instant.now() + Duration.ofMinutes(1)
        while (chat.get() != null) {
            assertTrue(Instant.now() < end) { "it is still there" }
            System.gc()
            Thread.sleep(10)
        }
    }

    /** A chat that did something and was listened to, and is not kept. */
    private fun closed(): WeakReference<Undertone> = runBlocking {
        val store = Store.Memory(MemoryDisk())
        val chat = Undertone.open(Engines.config, store, Engines.KEY, services = Services(certify = Engines::certify))
        chat.send(chat.conversations.start(UserId("bea")), "before")
        for (flow in listOf(chat.events, chat.incoming())) launch { runCatching { flow.collect {} } }
        yield()
        chat.close()
        WeakReference(chat)
    }

    @ParameterizedTest
    @EnumSource(End::class)
    fun `a process ends whatever is under way`(end: End, @TempDir folder: Path) {
        val child = child(folder.resolve("store"), end)
        val confirmed = try {
            child.inputStream.bufferedReader().readLines()
        } finally {
            if (!child.waitFor(1, TimeUnit.MINUTES)) child.destroyForcibly()
        }
        assertEquals("", child.errorStream.bufferedReader().readText().takeIf { end != End.ERROR }.orEmpty())
        assertEquals(end.status, child.exitValue())
        assertTrue(confirmed.size > CONFIRMED)
        assertHolds(folder.resolve("store"), confirmed)
    }

    /** Each thread of the child sent its messages in order: those that were confirmed are there, and at most some after. */
    private fun assertHolds(folder: Path, confirmed: List<String>) {
        val engine = Engines.open(storeAt(folder))
        val kept = engine.texts(engine.conversations().start(UserId("bea")))
        assertTrue(kept.containsAll(confirmed), "$confirmed are not all in $kept")
        kept.groupBy { it.substringBefore(' ') }.values.forEach { own ->
            assertEquals(own.indices.toList(), own.map { it.substringAfter(' ').toInt() })
        }
        engine.messages().send(engine.conversations().start(UserId("bea")), Draft("still here"))
        engine.shutDown()
    }

    private fun child(folder: Path, end: End): Process {
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        return ProcessBuilder(java, "-cp", classes, "dev.undertone.EndingKt", folder.toString(), end.name).start()
    }

    private companion object {
        const val MESSAGES = 200
    }
}
