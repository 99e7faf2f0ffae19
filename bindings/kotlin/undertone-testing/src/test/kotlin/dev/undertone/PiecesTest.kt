package dev.undertone

import dev.undertone.testing.FolderBlobs
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.io.IOException
import java.nio.file.Files
import java.nio.file.Path

/** Pieces of files that do not get where they should, once (R41). */
class PiecesTest {
    /** Storage of which one piece fails, however far it had got. */
    private class Flaky(private val whole: Blobs) : Blobs by whole {
        /** How many go well before one that fails. */
        var good = Int.MAX_VALUE

        override suspend fun put(name: String, start: ULong, data: ByteArray) = meet().let { whole.put(name, start, data) }

        override suspend fun get(location: String, start: ULong, end: ULong) = meet().let { whole.get(location, start, end) }

        private fun meet() {
            if (good-- == 0) throw IOException("a fault of the host")
        }
    }

    @Test
    fun `a piece that fails is done again by who goes on`(@TempDir folder: Path) {
        val flaky = Flaky(FolderBlobs(folder.resolve("blobs")))
        val content = ByteArray(SIZE) { (it * 31 % 251).toByte() }
        val file = Files.write(folder.resolve("file"), content)
        val plain = Attachment(Details.File, "text/plain", size = content.size.toULong())
        acquainted(flaky) {
            for (number in 0..<PIECES) {
                flaky.good = number
                assertThrows<IOException> { runBlocking { ann.sendFile(talk, plain, file) } }
                val transfer = ann.attachments.transfers().single()
                ann.upload(talk, transfer.message.id, file)
                network.settle()
                val saved = folder.resolve("saved $number")
                flaky.good = number
                assertThrows<IOException> { runBlocking { bea.saveFile(talk, transfer.message, saved) } }
                bea.saveFile(talk, transfer.message, saved)
                assertArrayEquals(content, Files.readAllBytes(saved))
                assertEquals(emptyList<Transfer>(), ann.attachments.transfers() + bea.attachments.transfers())
            }
        }
    }

    private companion object {
        const val PIECES = 3

        /** Two whole pieces, and a part of one. */
        const val SIZE = 5 shl 19
    }
}
