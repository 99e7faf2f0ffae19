package dev.undertone

/** What a message says in words: its text, or the caption of its file; `null` when it is something else. */
public val Message.text: String?
    get() = when (val content = content) {
        is MessageContent.Text -> content.text
        is MessageContent.Attachment -> content.attachment.caption
        else -> null
    }

/** The part of [text] that this range stands for, as Kotlin counts: the engine counts bytes of UTF-8. */
public fun TextRange.within(text: String): IntRange {
    val bytes = text.encodeToByteArray()
    val from = bytes.decodeToString(0, minOf(start.toInt(), bytes.size)).length
    val length = bytes.decodeToString(minOf(start.toInt(), bytes.size), minOf(end.toInt(), bytes.size)).length
    return from until from + length
}

/** A part of a text as the engine counts it, for a mention for instance. */
public fun textRange(text: String, part: IntRange): TextRange {
    val start = text.substring(0, part.first).encodeToByteArray().size
    val length = text.substring(part).encodeToByteArray().size
    return TextRange(start.toUInt(), (start + length).toUInt())
}
