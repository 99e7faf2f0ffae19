package dev.undertone

import java.nio.file.Path

/** Brings the files of messages to the platform's storage and back, piece by piece. */
internal class Files(
    private val user: UserId,
    private val device: DeviceId,
    private val attachments: ChatAttachments,
    private val messages: ChatMessages,
    private val blobs: Blobs?,
) {
    suspend fun upload(conversation: ConversationId, message: MessageId, path: Path) {
        val blobs = blobs()
        val name = "${device.hex}-${message.hex}"
        var first = true
        while (true) {
            val transfer = attachments.transfer(conversation, MessageRef(user, message)) ?: return
            if (transfer.way != Way.UP) return
            // The last piece was sealed, and perhaps never stored: who goes on does it again.
            val again = if (first) transfer.last else null
            first = false
            val piece = again ?: transfer.next ?: return attachments.finish(conversation, message, blobs.location(name))
            val stored = attachments.sealFromPath(conversation, message, piece.number, path.toString())
            blobs.put(name, piece.stored.start, stored)
        }
    }

    suspend fun save(conversation: ConversationId, message: MessageRef, path: Path) {
        val blobs = blobs()
        val content = messages.get(conversation, message).content
        attachments.download(conversation, message)
        val location = checkNotNull((content as? MessageContent.Attachment)?.attachment?.location) { "no file yet" }
        var first = true
        while (true) {
            val transfer = attachments.transfer(conversation, message) ?: return
            // The last piece was opened, and perhaps never written.
            val again = if (first) transfer.last else null
            first = false
            val piece = again ?: transfer.next ?: return
            val stored = blobs.get(location, piece.stored.start, piece.stored.end)
            attachments.openToPath(conversation, message, piece.number, stored, path.toString())
        }
    }

    private fun blobs() = checkNotNull(blobs) { "this chat has no place for files" }
}
