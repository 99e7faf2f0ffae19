package dev.undertone

/** A stable name that all languages share, like `misuse.unknown_message`. */
public val UndertoneException.code: String
    get() = when (this) {
        is UndertoneException.Misuse -> code
        is UndertoneException.Denied -> code
        is UndertoneException.Peer -> code
        is UndertoneException.Store -> code
        is UndertoneException.Bug -> code
    }

/** What a log may say of an error: its code or its kind, never what a person or a host wrote. */
internal fun codeOf(error: Throwable): String =
    if (error is UndertoneException) error.code else error.javaClass.simpleName
