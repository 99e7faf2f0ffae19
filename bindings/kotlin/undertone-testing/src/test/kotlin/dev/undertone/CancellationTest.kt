package dev.undertone

import dev.undertone.testing.FolderBlobs
import dev.undertone.testing.Network
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.lang.reflect.Modifier
import java.nio.file.Files
import java.nio.file.Path
import java.time.Instant
import kotlin.coroutines.Continuation

/** Whoever is cancelled in the middle of a call: it comes to its end or never began, and the engine is as it would be (R41). */
class CancellationTest {
    private val nouns = listOf(
        ChatConversations::class.java,
        ChatMessages::class.java,
        ChatAttachments::class.java,
        ChatCalls::class.java,
        ChatIdentity::class.java,
        ChatPrivacy::class.java,
        ChatNotifications::class.java,
    )

    @Test
    fun `the list has every call of every noun`() {
        val all = nouns.flatMap { noun ->
            val calls = noun.declaredMethods.filter {
                Modifier.isPublic(it.modifiers) && !Modifier.isStatic(it.modifiers) &&
                    it.parameterTypes.lastOrNull() == Continuation::class.java
            }
            calls.map { "${noun.simpleName.removePrefix("Chat").lowercase()}.${it.name.substringBefore('-')}" }
        }
        assertEquals(all.sorted(), everyCall.keys.sorted())
    }

    @Test
    fun `every call may be cancelled at any moment`(@TempDir folder: Path) = runBlocking {
        Network().use { network ->
            val ann = network.join("ann", "client")
            val bea = network.join("bea", "escort")
            val file = Files.write(folder.resolve("file"), ByteArray(FILE))
            val talk = ann.conversations.start(bea.user)
            val sent = ArrayList<String>()
            repeat(ROUNDS) { round ->
                sent += Round.begin(ann, bea.user, talk, file, "$KEPT $round").play(round)
                network.settle()
            }
            val kept = kept(ann, talk)
            assertTrue(kept.containsAll(sent) && kept.size == kept.toSet().size, "$sent are not all in $kept")
            assertEquals(kept, kept(bea, talk))
            assertUnharmed(network, ann, bea, talk)
        }
    }

    /** All goes on, and the next process finds the same. */
    private suspend fun assertUnharmed(network: Network, ann: Undertone, bea: Undertone, talk: ConversationId) {
        assertTrue(ann.isIdle())
        ann.send(talk, "$KEPT at last")
        network.settle()
        assertEquals("$KEPT at last", kept(bea, talk).last())
        assertEquals(emptyList<Any>(), ann.diagnose().refused + bea.diagnose().refused)
        val kept = kept(ann, talk)
        assertEquals(kept, kept(network.restart(ann), talk))
    }

    private suspend fun kept(chat: Undertone, talk: ConversationId): List<String> =
        chat.messages.page(talk, Cursor.Newest, 100u).messages.reversed()
            .mapNotNull { (it.content as? MessageContent.Text)?.text }
            .filter { it.startsWith(KEPT) }

    @Test
    fun `opening may be cancelled at any moment`(@TempDir folder: Path) = runBlocking {
        val store = Store.Sled(folder.resolve("store").toString())
        repeat(ROUNDS) { round ->
            cancelled(round) { Undertone.open(Engines.config, store, Engines.KEY).close() }
            Undertone.open(Engines.config, store, Engines.KEY).close()
        }
    }

    @Test
    fun `falling asleep and waking up may be cancelled at any moment`(@TempDir folder: Path) = runBlocking {
        val store = Store.Sqlite(folder.resolve("store").toString(), 0u)
        Engines.open(store).shutDown()
        Undertone.open(Engines.config, store, Engines.KEY).use { ann ->
            repeat(ROUNDS) { round ->
                cancelled(round) { ann.suspend() }
                cancelled(round) { ann.resume() }
                ann.resume()
                ann.conversations.start(UserId("user $round"))
            }
            assertEquals(ROUNDS, ann.conversations.page().conversations.size)
        }
    }

    @Test
    fun `logging out may be cancelled at any moment`(@TempDir folder: Path) = runBlocking {
        repeat(ROUNDS) { round ->
            val store = Store.Sled(folder.resolve("$round").toString())
            Engines.open(store).shutDown()
            Undertone.open(Engines.config, store, Engines.KEY).use { ann ->
                if (cancelled(round) { ann.wipe(loseUnsent = true) }) return@use
                try {
                    ann.conversations.start(UserId("bea"))
                    ann.wipe(loseUnsent = true)
                } catch (error: UndertoneException) {
                    // It came to its end.
                    assertEquals("misuse.closed", error.code)
                }
            }
            Undertone.open(Engines.config, store, ByteArray(32) { 1 }).use { new ->
                assertEquals(CertificateState.Unenrolled, new.diagnose().certificate)
            }
        }
    }

    @Test
    fun `disconnecting may be cancelled at any moment`() = acquainted {
        repeat(ROUNDS) { round ->
            cancelled(round) { ann.disconnect() }
            ann.connect()
            assertReaches("$round")
        }
        assertTrue(ann.online.value)
    }

    @Test
    fun `listening may be cancelled at any moment`() = acquainted {
        repeat(ROUNDS) { round ->
            val flows = listOf(bea.messages(talk), bea.incoming(), bea.updates(Topic.Conversations), bea.events)
            ann.send(talk, "$round")
            flows.forEach { flow -> cancelled(round) { flow.collect {} } }
        }
        network.settle()
        assertEquals(listOf("Hello, Bea") + List(ROUNDS) { "$it" }, bea.incoming().take(ROUNDS + 1).toList().map { it.text })
        assertReaches("at last")
    }

    @Test
    fun `sending and saving a file may be cancelled at any moment`(@TempDir folder: Path) {
        val content = ByteArray(PIECES) { (it * 31 % 251).toByte() }
        val file = Files.write(folder.resolve("file"), content)
        val plain = Attachment(Details.File, "text/plain", size = content.size.toULong())
        acquainted(FolderBlobs(folder.resolve("blobs"))) {
            repeat(ROUNDS) { round ->
                cancelled(round * SLOWER) { ann.sendFile(talk, plain, file) }
                ann.attachments.transfers().forEach { ann.upload(talk, it.message.id, file) }
            }
            network.settle()
            val sent = bea.messages.page(talk, Cursor.Newest, 50u).messages.filter { it.content is MessageContent.Attachment }
            sent.forEachIndexed { number, message ->
                val saved = folder.resolve("saved $number")
                cancelled(number * SLOWER) { bea.saveFile(talk, message.reference, saved) }
                bea.saveFile(talk, message.reference, saved)
                assertArrayEquals(content, Files.readAllBytes(saved))
            }
            assertTrue(sent.isNotEmpty())
            assertEquals(emptyList<Transfer>(), ann.attachments.transfers() + bea.attachments.transfers())
        }
    }

    private companion object {
        const val ROUNDS = 12

        /** Two pieces. */
        const val PIECES = 3 shl 19

        /** So many times as long as other calls take those of whole files. */
        const val SLOWER = 25
        const val FILE = 1_000
        const val KEPT = "kept"
    }
}

/** What the calls of a round are made with. */
private class Round(
    val ann: Undertone,
    val bea: UserId,
    val talk: ConversationId,
    val file: Path,
    val text: String,
    val scrap: Message,
    val payment: MessageRef,
    val upload: MessageRef,
    val call: CallId,
) {
    val carl = UserId("carl")

    /** Makes every call and cancels it; the text, if its sending was over before that. */
    suspend fun play(round: Int): List<String> {
        val done = everyCall.filterValues { work -> cancelled(round) { attempt(work) } }.keys
        attempt { ann.calls.hangUp(call) }
        attempt { ann.attachments.cancel(talk, upload) }
        return if ("messages.send" in done) listOf(text) else emptyList()
    }

    /** That some calls come too late or too early is no matter here. */
    private suspend fun attempt(work: Work) {
        try {
            work()
        } catch (_: UndertoneException) {
        }
    }

    companion object {
        val attachment = Attachment(Details.File, "application/octet-stream", "file", 1_000uL)

        suspend fun begin(ann: Undertone, bea: UserId, talk: ConversationId, file: Path, text: String): Round {
            val own = { id: MessageId -> MessageRef(ann.user, id) }
            val scrap = ann.messages.get(talk, own(ann.send(talk, "scrap")))
            val payment = ann.messages.sendStructured(talk, Structured.Payment(PaymentRequest(1uL, "EUR")), Draft())
            val upload = ann.attachments.send(talk, attachment, Draft())
            val call = ann.calls.start(talk, CallKind.VOICE, ByteArray(1))
            return Round(ann, bea, talk, file, text, scrap, own(payment), own(upload), call)
        }
    }
}

/** Begins something and cancels it, a little later in each round; whether it was over before that. */
private suspend fun cancelled(round: Int, work: suspend () -> Unit): Boolean = coroutineScope {
    val job: Job = launch(start = CoroutineStart.UNDISPATCHED) { work() }
    // Not left to others: what comes of it meanwhile meets the cancellation.
    val moment = System.nanoTime() + round * 200_000
    while (System.nanoTime() < moment) Thread.onSpinWait()
    job.cancelAndJoin()
    !job.isCancelled
}

private typealias Work = suspend Round.() -> Unit

/** Every call of every noun. */
private val everyCall: Map<String, Work> = mapOf(
    "conversations.start" to { ann.conversations.start(carl) },
    "conversations.page" to { ann.conversations.page() },
    "conversations.search" to { ann.conversations.search("bea") },
    "conversations.get" to { ann.conversations.get(talk) },
    "conversations.can" to { ann.conversations.can(Action.Start, bea) },
    "conversations.setPeriod" to { ann.conversations.setPeriod(talk, 60, Clock.FROM_SEND) },
    "conversations.archive" to { ann.conversations.archive(talk, false) },
    "conversations.mute" to { ann.conversations.mute(talk, Instant.parse("2031-01-01T00:00:00Z")) },
    "conversations.pin" to { ann.conversations.pin(talk, true) },
    "conversations.setTyping" to { ann.conversations.setTyping(talk, true) },
    "conversations.typing" to { ann.conversations.typing(talk) },
    "conversations.setDraft" to { ann.conversations.setDraft(talk, "begun") },
    "messages.send" to { ann.messages.send(talk, Draft(text)) },
    "messages.sendStructured" to { ann.messages.sendStructured(talk, Structured.Place(Place(1, 2)), Draft()) },
    "messages.forward" to { ann.messages.forward(talk, scrap.reference, talk) },
    "messages.react" to { ann.messages.react(talk, scrap.reference, "👍") },
    "messages.setPayment" to { ann.messages.setPayment(talk, payment, PaymentState.CANCELLED) },
    "messages.page" to { ann.messages.page(talk, Cursor.Newest, 50u) },
    "messages.get" to { ann.messages.get(talk, scrap.reference) },
    "messages.search" to { ann.messages.search("scrap", Scope.All) },
    "messages.markRead" to { ann.messages.markRead(talk, scrap.key) },
    "messages.cancel" to { ann.messages.cancel(talk, scrap.id) },
    "messages.retry" to { ann.messages.retry(talk, scrap.id) },
    "messages.edit" to { ann.messages.edit(talk, scrap.id, "edited") },
    "messages.deleteForEveryone" to { ann.messages.deleteForEveryone(talk, scrap.reference) },
    "messages.deleteHere" to { ann.messages.deleteHere(talk, scrap.reference) },
    "messages.report" to { ann.messages.report(talk, listOf(scrap.reference)) },
    "attachments.send" to { ann.attachments.send(talk, Round.attachment, Draft()) },
    "attachments.seal" to { ann.attachments.seal(talk, upload.id, 0u, ByteArray(1_000)) },
    "attachments.sealFromPath" to { ann.attachments.sealFromPath(talk, upload.id, 0u, file.toString()) },
    "attachments.finish" to { ann.attachments.finish(talk, upload.id, "there") },
    "attachments.download" to { ann.attachments.download(talk, upload) },
    "attachments.open" to { ann.attachments.open(talk, upload, 0u, ByteArray(1_016)) },
    "attachments.openToPath" to { ann.attachments.openToPath(talk, upload, 0u, ByteArray(1_016), "$file.new") },
    "attachments.reader" to { ann.attachments.reader(talk, upload) },
    "attachments.restart" to { ann.attachments.restart(talk, upload) },
    "attachments.cancel" to { ann.attachments.cancel(talk, upload) },
    "attachments.transfer" to { ann.attachments.transfer(talk, upload) },
    "attachments.transfers" to { ann.attachments.transfers() },
    "calls.start" to { ann.calls.start(talk, CallKind.VOICE, ByteArray(1)) },
    "calls.accept" to { ann.calls.accept(call, ByteArray(1)) },
    "calls.reject" to { ann.calls.reject(call) },
    "calls.hangUp" to { ann.calls.hangUp(call) },
    "calls.connectionLost" to { ann.calls.connectionLost(call) },
    "calls.signal" to { ann.calls.signal(call, listOf(ByteArray(1))) },
    "calls.takePayloads" to { ann.calls.takePayloads(call) },
    "calls.description" to { ann.calls.description(call) },
    "calls.mediaKey" to { ann.calls.mediaKey(call) },
    "calls.get" to { ann.calls.get(call) },
    "calls.active" to { ann.calls.active() },
    "calls.page" to { ann.calls.page() },
    "calls.can" to { ann.calls.can(talk, CallKind.VOICE) },
    "calls.setRecording" to { ann.calls.setRecording(call, "here") },
    "identity.enrolmentRequest" to { ann.identity.enrolmentRequest() },
    "identity.enrol" to { ann.identity.enrol(ByteArray(1)) },
    "identity.answerChallenge" to { ann.identity.answerChallenge(ByteArray(32)) },
    "identity.certificate" to { ann.identity.certificate() },
    "identity.identityKey" to { ann.identity.identityKey() },
    "identity.role" to { ann.identity.role(bea) },
    "identity.lookUp" to { ann.identity.lookUp(carl) },
    "identity.safetyNumber" to { ann.identity.safetyNumber(bea) },
    "identity.trust" to { ann.identity.trust(bea) },
    "identity.verifyScanned" to { ann.identity.verifyScanned(bea, ByteArray(1)) },
    "identity.setVerified" to { ann.identity.setVerified(bea, true) },
    "identity.acceptIdentity" to { ann.identity.acceptIdentity(bea) },
    "identity.revoke" to { ann.identity.revoke(ByteArray(1)) },
    "privacy.settings" to { ann.privacy.settings() },
    "privacy.set" to { ann.privacy.set(PrivacySettings(true, true)) },
    "privacy.block" to { ann.privacy.block(carl, true) },
    "privacy.isBlocked" to { ann.privacy.isBlocked(carl) },
    "privacy.setDisplayName" to { ann.privacy.setDisplayName(bea, "Bea") },
    "privacy.displayName" to { ann.privacy.displayName(bea) },
    "notifications.hints" to { ann.notifications.hints() },
    "notifications.shown" to { ann.notifications.shown(talk, scrap.key) },
    "notifications.dismiss" to { ann.notifications.dismiss(talk, scrap.key) },
    "notifications.doNotDisturb" to { ann.notifications.doNotDisturb() },
    "notifications.setDoNotDisturb" to { ann.notifications.setDoNotDisturb(null) },
)
