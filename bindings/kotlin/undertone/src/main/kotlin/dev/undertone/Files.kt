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
        suspend fun transfer() =
            attachments.transfer(conversation, MessageRef(user, message))?.takeIf { it.way == Way.UP }
        suspend fun put(piece: Piece) {
            val stored = attachments.sealFromPath(conversation, message, piece.number, path.toString())
            blobs.put(name, piece.stored.start, stored)
        }
        // The last piece was sealed, and perhaps never stored: who goes on does it again.
        transfer()?.last?.let { put(it) }
        while (true) {
            val transfer = transfer() ?: return
            put(transfer.next ?: return attachments.finish(conversation, message, blobs.location(name)))
        }
    }

    suspend fun save(conversation: ConversationId, message: MessageRef, path: Path) {
        val blobs = blobs()
        val content = messages.get(conversation, message).content
        attachments.download(conversation, message)
        val location = checkNotNull((content as? MessageContent.Attachment)?.attachment?.location) { "no file yet" }
        suspend fun get(piece: Piece) {
            val stored = blobs.get(location, piece.stored.start, piece.stored.end)
            attachments.openToPath(conversation, message, piece.number, stored, path.toString())
        }
        // The last piece was opened, and perhaps never written.
        attachments.transfer(conversation, message)?.last?.let { get(it) }
        while (true) {
            get(attachments.transfer(conversation, message)?.next ?: return)
        }
    }

    private fun blobs() =
        blobs ?: throw UndertoneException.Misuse("misuse.blobs", "this chat has no place for files: give it blobs")
}
