package dev.undertone

import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** Has the platform certify this device, and certify it anew. */
internal class Certifier(private val identity: ChatIdentity, private val certify: suspend (ByteArray) -> ByteArray) {
    /** The engine and the relay may both say, at about the same time, that a certificate is of no use any more. */
    private val turn = Mutex()

    suspend fun enrol() = identity.enrol(certify(identity.enrolmentRequest()))

    /** Gets another certificate than [old], or than the one that there is, unless there is another by now. */
    suspend fun replace(old: ByteArray? = null) {
        attempt("a certification") {
            val former = old ?: identity.certificate().bytes
            turn.withLock { if (identity.certificate().bytes.contentEquals(former)) enrol() }
        }
    }
}
