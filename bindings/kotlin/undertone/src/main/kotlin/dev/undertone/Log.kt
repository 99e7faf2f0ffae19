package dev.undertone

import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import java.util.logging.Level
import java.util.logging.Logger

private val LOG: Logger = Logger.getLogger("dev.undertone")

/** Says what happened, and of an error its code alone. */
internal fun log(level: Level, what: String, error: Throwable? = null) {
    LOG.log(level) { if (error == null) what else "$what: ${codeOf(error)}" }
}

/** Work of a host that may fail and is tried again: `null` when it did. */
internal suspend fun <T> attempt(what: String, work: suspend () -> T): T? =
    try {
        work()
    } catch (error: Exception) {
        // A host's own cancellation, like that of `withTimeout`, is a failure like any other.
        currentCoroutineContext().ensureActive()
        log(Level.FINE, "$what failed and is tried again", error)
        null
    }
