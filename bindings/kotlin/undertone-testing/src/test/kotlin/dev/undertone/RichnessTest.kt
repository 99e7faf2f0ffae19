package dev.undertone

import dev.undertone.testing.FolderBlobs
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import java.util.Base64

/** What messages hold beside plain text, and what a chat keeps of people (R41). */
class RichnessTest {
    @Test
    fun `an image is made ready`() {
        val prepared = prepareImage(PICTURE, ImageWish(longestEdge = 20u))
        val attachment = prepared.attachment
        assertEquals(listOf("image/jpeg", prepared.bytes.size.toULong()), attachment.run { listOf(mediaType, size) })
        val picture = (attachment.details as Details.Image).picture
        assertEquals(listOf(20u, 15u, false), picture.run { listOf(width, height, blurred) })
        assertTrue(checkNotNull(picture.preview).isNotEmpty())
        val pixels = blurPixels(checkNotNull(picture.blurHash), 8u, 6u)
        assertEquals(8 * 6 * 4, pixels.size)
        assertTrue(pixels.indices.filter { it % 4 == 3 }.all { pixels[it] == 255.toByte() })
        val hidden = prepareImage(PICTURE, ImageWish(format = ImageFormat.PNG, blurred = true)).attachment
        assertEquals("image/png", hidden.mediaType)
        assertNull((hidden.details as Details.Image).picture.preview)
    }

    @Test
    fun `an image is described, or refused`() {
        val plain = describeImage(PICTURE, false)
        assertEquals(listOf("image/png", PICTURE.size.toULong()), plain.run { listOf(mediaType, size) })
        assertEquals(listOf(40u, 30u), (plain.details as Details.Image).picture.run { listOf(width, height) })
        assertEquals("image.format", codeOf { prepareImage("no image".encodeToByteArray(), ImageWish()) })
        assertEquals("image.damaged", codeOf { describeImage(PICTURE.copyOf(60), false) })
        assertEquals("misuse.attachment", codeOf { blurPixels("no hash", 8u, 6u) })
    }

    @Test
    fun `a recording has a wave and a length`() {
        val quiet = List(800) { (if (it % 2 == 0) 100 else -100).toShort() }
        val loud = List(800) { (if (it % 2 == 0) 20_000 else -20_000).toShort() }
        assertArrayEquals(byteArrayOf(1, -1), waveOfSamples(quiet + loud, 2u))
        assertEquals(256, waveOfSamples(loud, 1_000u).size)
        assertEquals(0, waveOfSamples(emptyList(), 10u).size)
        assertEquals(Duration.ofSeconds(1), durationOfSamples(96_000uL, 2u, 48_000u))
        assertNull(durationOfSamples(96_000uL, 0u, 48_000u))
    }

    @Test
    fun `links are found where a person sees them`() {
        val text = "Grüße: https://example.org/a, und mehr"
        assertEquals(listOf("https://example.org/a"), findLinks(text).map { text.substring(it.within(text)) })
        assertEquals(emptyList<TextRange>(), findLinks("nothing here"))
    }

    @Test
    fun `images, voice and video arrive with what belongs to them`(@TempDir folder: Path) {
        acquainted(FolderBlobs(folder.resolve("blobs"))) {
            val image = prepareImage(PICTURE, ImageWish())
            val file = Files.write(folder.resolve("file"), image.bytes)
            val wave = waveOfSamples(List(200) { (it * 100).toShort() }, 4u)
            val second = Duration.ofSeconds(1)
            suspend fun given(attachment: Attachment): Attachment {
                ann.sendFile(talk, attachment, file)
                network.settle()
                return (bea.newest(talk).content as MessageContent.Attachment).attachment
            }
            suspend fun given(details: Details, type: String) = given(Attachment(details, type, size = image.attachment.size)).details
            val shown = given(image.attachment)
            assertEquals(image.attachment.size, shown.size)
            val hash = { details: Details -> (details as Details.Image).picture.blurHash }
            assertEquals(hash(image.attachment.details), hash(shown.details))
            val voice = given(Details.Voice(second, wave), "audio/ogg") as Details.Voice
            assertEquals(second, voice.duration)
            assertArrayEquals(wave, voice.wave)
            val video = given(Details.Video(second, Picture(40u, 30u, preview = PICTURE)), "video/mp4") as Details.Video
            assertEquals(listOf(second, 40u, 30u), listOf(video.duration, video.picture.width, video.picture.height))
            assertArrayEquals(PICTURE, video.picture.preview)
        }
    }

    private fun ByteArray.part(range: ByteRange) = copyOfRange(range.start.toInt(), range.end.toInt())

    /** What is to be done next for a file, until nothing is. */
    private suspend fun Undertone.eachPiece(talk: ConversationId, message: MessageRef, work: suspend (Piece) -> Unit) {
        while (true) work(attachments.transfer(talk, message)?.next ?: return)
    }

    @Test
    fun `a file is sent by bytes as well`() = acquainted {
        val content = ByteArray(3_000_000) { (it * 31 % 251).toByte() }
        val plain = Attachment(Details.File, "text/plain", size = content.size.toULong())
        val id = ann.attachments.send(talk, plain, Draft())
        val message = MessageRef(ann.user, id)
        var stored = ByteArray(0)
        ann.eachPiece(talk, message) { piece ->
            val part = content.part(piece.file)
            val long = codeOf { runBlocking { ann.attachments.seal(talk, id, piece.number, part + 1) } }
            assertEquals("misuse.attachment", long)
            stored += ann.attachments.seal(talk, id, piece.number, part)
            assertEquals(piece.stored.end, stored.size.toULong())
        }
        ann.attachments.finish(talk, id, "somewhere")
        network.settle()
        bea.attachments.download(talk, message)
        var opened = ByteArray(0)
        bea.eachPiece(talk, message) { piece ->
            val sealed = stored.part(piece.stored)
            val damaged = sealed.copyOf().also { it[0] = (it[0] + 1).toByte() }
            val forged = codeOf { runBlocking { bea.attachments.open(talk, message, piece.number, damaged) } }
            assertEquals("peer.forged", forged)
            opened += bea.attachments.open(talk, message, piece.number, sealed)
        }
        assertArrayEquals(content, opened)
    }

    @Test
    fun `any part of a file is read without the rest`(@TempDir folder: Path) {
        val blobs = FolderBlobs(folder.resolve("blobs"))
        acquainted(blobs) {
            val content = ByteArray(300_000) { (it * 31 % 251).toByte() }
            val file = Files.write(folder.resolve("file"), content)
            val plain = Attachment(Details.File, "text/plain", size = content.size.toULong())
            val message = MessageRef(ann.user, ann.sendFile(talk, plain, file))
            network.settle()
            val location = (bea.newest(talk).content as MessageContent.Attachment).attachment.location
            val reader = bea.attachments.reader(talk, message)
            assertEquals(content.size.toULong(), reader.size())
            for ((start, end) in listOf(0 to 10, 199_990 to 200_010, 299_999 to 300_000)) {
                val wanted = ByteRange(start.toULong(), end.toULong())
                val stored = reader.storedRange(wanted)
                val sealed = blobs.get(checkNotNull(location), stored.start, stored.end)
                assertTrue(sealed.size < content.size)
                assertArrayEquals(content.copyOfRange(start, end), reader.read(wanted, sealed))
                sealed[sealed.size - 1] = (sealed.last() + 1).toByte()
                assertEquals("peer.forged", codeOf { reader.read(wanted, sealed) })
            }
        }
    }

    @Test
    fun `a mention names a part of the text`() = acquainted {
        val text = "Grüße, @bea!"
        ann.messages.send(talk, Draft(text, mentions = listOf(Mention(textRange(text, 7..10), bea.user))))
        network.settle()
        val seen = bea.newest(talk).mentions.single()
        assertEquals(bea.user to "@bea", seen.user to text.substring(seen.range.within(text)))
    }

    @Test
    fun `contacts and events arrive as they were sent`() = acquainted {
        val contact =
            Contact("Cat Example", phones = listOf(Labelled("mobile", "+49 40 123")), user = UserId("cat"))
        val start = Instant.parse("2030-05-01T09:00:00Z")
        val event = CalendarEvent("Boat trip", start, start + Duration.ofHours(2), link = "https://example.org")
        for (card in listOf(Structured.Contact(contact), Structured.Event(event))) {
            ann.messages.sendStructured(talk, card, Draft())
            network.settle()
            assertEquals(card, (bea.newest(talk).content as MessageContent.Structured).structured)
        }
    }

    @Test
    fun `what is forwarded says so, and what is noted was not sent`() = acquainted {
        val original = bea.newest(talk)
        assertEquals(listOf(true, false), original.run { listOf(isEncrypted, forwarded) })
        bea.messages.forward(talk, original.reference, talk)
        network.settle()
        val again = ann.newest(talk)
        assertEquals(listOf("Hello, Bea", bea.user, true), again.run { listOf(text, author, forwarded) })
        ann.conversations.setPeriod(talk, 60, Clock.FROM_SEND)
        val note = ann.newest(talk)
        assertTrue(note.content is MessageContent.System)
        assertFalse(note.isEncrypted)
    }

    @Test
    fun `what a user calls another is found and never sent`() = acquainted {
        ann.privacy.setDisplayName(bea.user, "Beatrice")
        network.settle()
        assertEquals("Beatrice", ann.privacy.displayName(bea.user))
        assertEquals(listOf(talk), ann.conversations.search("beatr").conversations.map { it.id })
        assertNull(bea.privacy.displayName(bea.user))
        ann.privacy.setDisplayName(bea.user, null)
        assertNull(ann.privacy.displayName(bea.user))
    }

    @Test
    fun `a store is compacted and its key replaced`(@TempDir folder: Path) {
        val store = Store.Sqlite(folder.resolve("store").toString(), 0u)
        val engine = Engines.open(store)
        val talk = engine.conversations().start(UserId("bea"))
        engine.messages().send(talk, Draft("kept"))
        // What this gives rests on what was sent, which is durable then.
        engine.drain(1u)
        do { val progress = engine.compact(1uL shl 20) } while (progress == Progress.MORE)
        assertTrue(engine.usage().live > 0u)
        val new = ByteArray(32) { 1 }
        assertEquals("store.wrong_key", codeOf { engine.replaceHostKey(new, Engines.KEY) })
        assertEquals("misuse.key_length", codeOf { engine.replaceHostKey(Engines.KEY, ByteArray(5)) })
        engine.replaceHostKey(Engines.KEY, new)
        engine.shutDown()
        assertEquals("store.wrong_key", codeOf { Engines.open(store) })
        Engines.open(store, new).use { again ->
            assertEquals(listOf("kept"), again.texts(talk))
            again.shutDown()
        }
    }

    private companion object {
        /** Twelve plain fields of colour: 40 by 30 pixels. */
        val PICTURE: ByteArray = Base64.getDecoder().decode(
            "iVBORw0KGgoAAAANSUhEUgAAACgAAAAeCAIAAADRv8uKAAAAQklEQVR42u3NMREAMAgAMYQhonIYkVIRCKyDH+j6d9kTEQ0S" +
                "FRoUxsbGxvv4NEhUaJCxsbHxR3wbJCo0yNjY2HgdPyIEdSwGgN95AAAAAElFTkSuQmCC",
        )
    }
}
