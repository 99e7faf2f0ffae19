package dev.undertone.testing

import dev.undertone.Blobs
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.RandomAccessFile
import java.nio.file.Files
import java.nio.file.Path

/** Encrypted files as files of a folder: for tests, and for a folder that several machines share. */
public class FolderBlobs(private val folder: Path) : Blobs {
    init {
        Files.createDirectories(folder)
    }

    override suspend fun put(name: String, start: ULong, data: ByteArray): Unit = withContext(Dispatchers.IO) {
        RandomAccessFile(file(name), "rw").use {
            it.seek(start.toLong())
            it.write(data)
        }
    }

    override suspend fun location(name: String): String = name

    override suspend fun get(location: String, start: ULong, end: ULong): ByteArray = withContext(Dispatchers.IO) {
        RandomAccessFile(file(location), "r").use {
            it.seek(start.toLong())
            ByteArray((end - start).toInt()).also { bytes -> it.readFully(bytes) }
        }
    }

    // A location comes from a message: it names no file outside this folder.
    private fun file(name: String) = require(
        name.isNotEmpty() && name.none { it == '/' || it == '\\' } && !name.startsWith("."),
    ) { "that is no object of this folder" }.let { folder.resolve(name).toFile() }
}
