package dev.undertone

import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.assertThrows
import java.time.Duration
import java.time.Instant

/** What engines without a chat around them are opened with. */
internal object Engines {
    val KEY = ByteArray(32)
    val authority: Authority = Authority.fromSeed(ByteArray(32) { it.toByte() })

    val config = Config(UserId("ann"), authorities = listOf(authority.publicKey()))

    /** Ann's, certified as a client if it is new. */
    fun open(store: Store = Store.Memory(MemoryDisk()), key: ByteArray = KEY): Engine {
        val engine = Engine.open(config, store, key)
        if (engine.diagnose().certificate is CertificateState.Unenrolled) enrol(engine)
        return engine
    }

    private fun enrol(engine: Engine) {
        engine.identity().run { enrol(certify(enrolmentRequest())) }
        // It is durable from here on.
        engine.drain(1u)
    }

    /** A client's certificate. */
    fun certify(request: ByteArray): ByteArray {
        val from = Instant.now() - Duration.ofMinutes(1)
        return authority.issue(request, Role("client"), 1uL, from, from + Duration.ofDays(90))
    }
}

/** The code of the error that a call comes to, which also says something. */
internal fun codeOf(call: () -> Any?): String {
    val error = assertThrows<UndertoneException> { call() }
    assertTrue(error.text.isNotBlank())
    return error.code
}

/** All texts of a conversation, oldest first. */
internal fun Engine.texts(talk: ConversationId): List<String> {
    val found = ArrayList<String>()
    var cursor: Cursor = Cursor.Newest
    while (true) {
        val page = messages().page(talk, cursor, 100u)
        page.messages.mapTo(found) { (it.content as MessageContent.Text).text }
        if (!page.more) return found.reversed()
        cursor = Cursor.Before(page.messages.last().key)
    }
}
