package dev.undertone.player

import dev.undertone.Action
import dev.undertone.Attachment
import dev.undertone.CallId
import dev.undertone.CallKind
import dev.undertone.Clock
import dev.undertone.Config
import dev.undertone.ConversationId
import dev.undertone.Cursor
import dev.undertone.Decision
import dev.undertone.Demo
import dev.undertone.Details
import dev.undertone.Draft
import dev.undertone.MessageContent
import dev.undertone.MessageId
import dev.undertone.MessageRef
import dev.undertone.PaymentRequest
import dev.undertone.PaymentState
import dev.undertone.Place
import dev.undertone.PrivacySettings
import dev.undertone.Role
import dev.undertone.Scope
import dev.undertone.Services
import dev.undertone.Store
import dev.undertone.Structured
import dev.undertone.Undertone
import dev.undertone.UndertoneException
import dev.undertone.UserId
import dev.undertone.code
import dev.undertone.relayTransport
import dev.undertone.testing.FolderBlobs
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import java.net.URLDecoder
import java.net.URLEncoder
import java.nio.file.Files
import java.nio.file.Path

/** A device, by the commands of a scenario. See the player in Python, which says what each is. */
private class Player {
    private lateinit var chat: Undertone
    private lateinit var opening: suspend () -> Undertone

    suspend fun act(command: String, w: List<String>): List<String> = when (command) {
        "open" -> open(w[0], Path.of(w[1]), w[2], Role(w[3]))
        "restart" -> none { chat.close(); chat = opening() }
        "offline" -> none { chat.disconnect() }
        "online" -> none { chat.connect(); chat.online.first { it } }
        "sleep" -> none { chat.suspend(); chat.resume() }
        "wipe" -> none { chat.wipe(true) }
        "start" -> listOf(chat.conversations.start(UserId(w[0])).hex)
        "may" -> listOf(may(w[0], UserId(w[1])))
        "send" -> listOf(chat.messages.send(talk(w), Draft(w[1], period = w.getOrNull(2)?.toInt())).hex)
        "answer" -> listOf(chat.messages.send(talk(w), Draft(w[3], target = message(w))).hex)
        "texts" -> chat.messages.page(talk(w), Cursor.Newest, 50u).messages.reversed().map { show(it.content) }
        "state" -> listOf(chat.messages.get(talk(w), message(w)).state.name)
        "answers" -> listOfNotNull(chat.messages.get(talk(w), message(w)).target?.id?.hex)
        "read" -> none {
            chat.messages.markRead(talk(w), chat.messages.page(talk(w), Cursor.Newest, 1u).messages.first().key)
        }
        "unread" -> listOf(chat.conversations.get(talk(w)).unread.toString())
        "react" -> none { chat.messages.react(talk(w), message(w), w[3]) }
        "reactions" -> chat.messages.get(talk(w), message(w)).reactions.map { "${it.user.name}:${it.emoji}" }
        "edit" -> none { chat.messages.edit(talk(w), MessageId(w[1]), w[2]) }
        "delete" -> none { chat.messages.deleteForEveryone(talk(w), message(w)) }
        "forward" -> listOf(chat.messages.forward(talk(w), message(w), ConversationId(w[3])).hex)
        "forwarded" -> listOf(if (chat.messages.get(talk(w), message(w)).forwarded) "on" else "off")
        "search" -> chat.messages.search(w[0], Scope.All).hits.map { show(it.message.content) }
        "typing" -> none { chat.conversations.setTyping(talk(w), w[1] == "on") }
        "typers" -> chat.conversations.typing(talk(w)).map { it.name }
        "period" -> none { chat.conversations.setPeriod(talk(w), w[1].toInt(), Clock.FROM_SEND) }
        "pin" -> none { chat.conversations.pin(talk(w), w[1] == "on") }
        "draft" -> none { chat.conversations.setDraft(talk(w), w[1]) }
        "kept" -> chat.conversations.get(talk(w)).let {
            listOf(it.period.toString(), if (it.pinned) "pinned" else "", it.draft ?: "")
        }
        "privacy" -> none { chat.privacy.set(PrivacySettings(w[0] == "on", w[1] == "on")) }
        "block" -> none { chat.privacy.block(UserId(w[0]), w[1] == "on") }
        "place" -> card(w, Structured.Place(Place(w[1].toInt(), w[2].toInt(), name = w[3])))
        "ask" -> card(w, Structured.Payment(PaymentRequest(w[1].toULong(), w[2])))
        "pay" -> none { chat.messages.setPayment(talk(w), message(w), PaymentState.valueOf(w[3])) }
        "paid" -> listOf(chat.messages.get(talk(w), message(w)).payment?.name ?: "none")
        "file" -> listOf(file(talk(w), Path.of(w[1]), w[2]).hex)
        "save" -> none { chat.saveFile(talk(w), message(w), Path.of(w[3])) }
        "call" -> listOf(chat.calls.start(talk(w), CallKind.valueOf(w[1]), w[2].encodeToByteArray()).hex)
        "offer" -> listOf(chat.calls.description(CallId(w[0])).decodeToString())
        "accept" -> none { chat.calls.accept(CallId(w[0]), w[1].encodeToByteArray()) }
        "signal" -> none { chat.calls.signal(CallId(w[0]), listOf(w[1].encodeToByteArray())) }
        "payloads" -> chat.calls.takePayloads(CallId(w[0])).map { it.decodeToString() }
        "key" -> listOf(chat.calls.mediaKey(CallId(w[0])).joinToString("") { "%02x".format(it) })
        "hang_up" -> none { chat.calls.hangUp(CallId(w[0])) }
        "status" -> listOf(chat.calls.get(CallId(w[0])).status.name)
        "safety" -> listOfNotNull(chat.identity.safetyNumber(UserId(w[0]))?.digits)
        "verify" -> none { chat.identity.setVerified(UserId(w[0]), w[1] == "on") }
        "trust" -> listOf(chat.identity.trust(UserId(w[0])).name)
        "hints" -> chat.notifications.hints().map { it.sender.name }
        "quit" -> none { if (::chat.isInitialized) chat.close() }
        else -> error("no command $command")
    }

    private suspend fun open(relay: String, folder: Path, user: String, role: Role): List<String> {
        val demo = Demo(relay)
        val config = Config(UserId(user), authorities = listOf(demo.publicKey()))
        val store = Store.Sqlite("$folder/$user", 1_000u)
        val services = Services(certify = { demo.certify(role, it) }, blobs = FolderBlobs(folder.resolve("blobs")))
        opening = { Undertone.open(config, store, ByteArray(32), relayTransport(relay), services) }
        chat = opening()
        chat.online.first { it }
        return listOf(chat.device.hex)
    }

    private suspend fun may(action: String, user: UserId): String {
        val wanted = mapOf("start" to Action.Start, "reply" to Action.Reply, "delete" to Action.DeleteOthers)
        return when (val decision = chat.conversations.can(wanted.getValue(action), user)) {
            null -> "unknown".also { chat.identity.lookUp(user) }
            is Decision.Allow -> "allowed"
            is Decision.Deny -> decision.reason.code
        }
    }

    private suspend fun card(w: List<String>, card: Structured) =
        listOf(chat.messages.sendStructured(talk(w), card, Draft()).hex)

    private suspend fun file(talk: ConversationId, path: Path, name: String): MessageId {
        val size = Files.size(path).toULong()
        return chat.sendFile(talk, Attachment(Details.File, "application/octet-stream", name, size), path)
    }

    private suspend fun none(work: suspend () -> Unit): List<String> = emptyList<String>().also { work() }

    private fun talk(words: List<String>) = ConversationId(words[0])

    private fun message(words: List<String>) = MessageRef(UserId(words[1]), MessageId(words[2]))

    /** A text as it is, anything else by its name. */
    private fun show(content: MessageContent): String =
        if (content is MessageContent.Text) content.text else "[${content.javaClass.simpleName.uppercase()}]"
}

/** Reads commands, a line each, and answers each with a line: `ok` and what was asked for, or `error` and a code. */
fun main(): Unit = runBlocking {
    val player = Player()
    while (true) {
        val line = readlnOrNull() ?: break
        val words = line.split(" ").map { URLDecoder.decode(it.replace("+", "%2B"), Charsets.UTF_8) }
        val answer = try {
            listOf("ok") + player.act(words.first(), words.drop(1))
        } catch (error: UndertoneException) {
            listOf("error", error.code)
        }
        println(answer.joinToString(" ") { URLEncoder.encode(it, Charsets.UTF_8).replace("+", "%20") })
        if (words.first() == "quit") break
    }
}
