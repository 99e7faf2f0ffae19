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

/** What is wrong, and what to do, in English. */
public val UndertoneException.text: String
    get() = when (this) {
        is UndertoneException.Misuse -> text
        is UndertoneException.Denied -> text
        is UndertoneException.Peer -> text
        is UndertoneException.Store -> text
        is UndertoneException.Bug -> text
    }

/** What a log may say of an error: its code or its kind, never what a person or a host wrote. */
internal fun codeOf(error: Throwable): String =
    if (error is UndertoneException) error.code else error.javaClass.simpleName
