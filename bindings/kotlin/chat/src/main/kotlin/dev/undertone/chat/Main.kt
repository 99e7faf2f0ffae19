package dev.undertone.chat

import dev.undertone.Config
import dev.undertone.ConversationId
import dev.undertone.Demo
import dev.undertone.MessageContent
import dev.undertone.Role
import dev.undertone.Services
import dev.undertone.Store
import dev.undertone.Undertone
import dev.undertone.UndertoneException
import dev.undertone.UserId
import dev.undertone.relayTransport
import dev.undertone.text
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import java.io.IOException
import java.nio.file.FileSystems
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.nio.file.attribute.FileAttribute
import java.nio.file.attribute.PosixFilePermissions
import java.security.SecureRandom
import kotlin.system.exitProcess

private const val USAGE = "RELAY FOLDER USER ROLE, like: ws://127.0.0.1:8787 ./ann ann client"
private const val HELP = "/to NAME chooses to whom you write, /quit ends; everything else is sent"

/** A chat of lines: what is typed goes to one other user, and what anybody writes is printed. */
private class Terminal(private val chat: Undertone) {
    /** Where lines go: the conversation that was chosen, or in which somebody wrote since. */
    @Volatile
    private var talk: ConversationId? = null

    /** Until the input ends, or says so. */
    suspend fun run(): Unit = coroutineScope {
        launch { greet() }
        launch { listen() }
        while (true) {
            val line = withContext(Dispatchers.IO) { readlnOrNull() }?.trim()
            if (line == null || line == "/quit") break
            telling { type(line) }
        }
        coroutineContext.cancelChildren()
    }

    private suspend fun greet() {
        chat.online.first { it }
        println("${chat.user.name} is online")
    }

    private suspend fun listen() = chat.incoming().collect { message ->
        val content = message.content
        val shown = if (content is MessageContent.Text) content.text else "[${content.javaClass.simpleName}]"
        println("${message.author.name}: $shown")
        talk = message.conversation
        telling { chat.messages.markRead(message.conversation, message.key) }
    }

    private suspend fun type(line: String) {
        val talk = talk
        when {
            line.isEmpty() -> {}
            line.startsWith("/to ") -> this.talk = chat.conversations.start(UserId(line.removePrefix("/to ").trim()))
            line.startsWith("/") || talk == null -> println(HELP)
            else -> chat.send(talk, line)
        }
    }

    /** What the engine refuses is said, and the chat goes on. */
    private suspend fun telling(work: suspend () -> Unit) =
        try {
            work()
        } catch (error: UndertoneException) {
            println(error.text)
        }
}

/** A platform keeps this in its keystore; here it is in a file that only its owner can read. */
private fun hostKey(folder: Path): ByteArray {
    val file = folder.resolve("host-key")
    if (Files.notExists(file)) {
        // It has its name only once it is whole.
        val new = Files.createTempFile(Files.createDirectories(folder), "host-key", ".new", *onlyOwner())
        Files.write(new, ByteArray(32).also { SecureRandom().nextBytes(it) })
        Files.move(new, file, StandardCopyOption.ATOMIC_MOVE)
    }
    return Files.readAllBytes(file)
}

/** Elsewhere than on POSIX systems, the rights of the folder protect what is in it. */
private fun onlyOwner(): Array<FileAttribute<*>> {
    if ("posix" !in FileSystems.getDefault().supportedFileAttributeViews()) return emptyArray()
    return arrayOf(PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
}

private suspend fun open(relay: String, folder: Path, user: String, role: String): Undertone {
    val demo = Demo(relay)
    val config = Config(UserId(user), authorities = listOf(demo.publicKey()))
    val store = Store.Sqlite(folder.resolve("store").toString(), 1_000u)
    val services = Services(certify = { demo.certify(Role(role), it) })
    return Undertone.open(config, store, hostKey(folder), relayTransport(relay), services)
}

/** Chats in the terminal, over a relay that was started with `--demo`. */
fun main(words: Array<String>) {
    if (words.size != 4) fail(USAGE)
    val (relay, folder, user, role) = words
    try {
        runBlocking { open(relay, Path.of(folder), user, role).use { Terminal(it).run() } }
    } catch (error: UndertoneException) {
        fail(error.text)
    } catch (error: IOException) {
        fail("no connection to $relay: ${error.message ?: error.javaClass.simpleName}")
    }
}

private fun fail(why: String): Nothing {
    System.err.println(why)
    exitProcess(1)
}
