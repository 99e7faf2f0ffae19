import Foundation
import UndertoneEngine

/// Files of messages.
extension Undertone {
    /// Sends a message with the file at `path`, and uploads it; returns when it is uploaded. After a restart, `upload` goes on.
    @discardableResult
    public func sendFile(
        _ path: String, as attachment: Attachment, to conversation: ConversationId, draft: Draft = Draft()
    ) async throws -> MessageId {
        let message = try await attachments.send(conversation: conversation, attachment: attachment, draft: draft)
        try await upload(path, of: message, in: conversation)
        return message
    }

    /// Uploads the file of a message, or goes on with it.
    public func upload(_ path: String, of message: MessageId, in conversation: ConversationId) async throws {
        let blobs = try needBlobs()
        let name = "\(device.hex)-\(message.hex)"
        let reference = MessageRef(author: user, id: message)
        func put(_ piece: Piece) async throws {
            let stored = try await attachments.sealFromPath(
                conversation: conversation, id: message, piece: piece.number, path: path)
            try await blobs.put(name, start: piece.stored.start, data: stored)
        }
        var transfer = try await attachments.transfer(conversation: conversation, message: reference)
        // The last piece was sealed, and perhaps never stored: who goes on does it again.
        if let begun = transfer, begun.way == .up, let last = begun.last {
            try await put(last)
        }
        while let begun = transfer, begun.way == .up {
            guard let piece = begun.next else {
                let location = try await blobs.location(name)
                return try await attachments.finish(conversation: conversation, id: message, location: location)
            }
            try await put(piece)
            transfer = try await attachments.transfer(conversation: conversation, message: reference)
        }
    }

    /// Downloads the file of a message to `path`, or goes on with it.
    public func saveFile(of message: MessageRef, in conversation: ConversationId, to path: String) async throws {
        let blobs = try needBlobs()
        let content = try await messages.get(conversation: conversation, message: message).content
        try await attachments.download(conversation: conversation, message: message)
        guard case .attachment(let attachment) = content, let location = attachment.location else { return }
        func get(_ piece: Piece) async throws {
            let stored = try await blobs.get(location, start: piece.stored.start, end: piece.stored.end)
            try await attachments.openToPath(
                conversation: conversation, message: message, piece: piece.number, stored: stored, path: path)
        }
        // The last piece was opened, and perhaps never written.
        if let last = try await attachments.transfer(conversation: conversation, message: message)?.last {
            try await get(last)
        }
        while let piece = try await attachments.transfer(conversation: conversation, message: message)?.next {
            try await get(piece)
        }
    }

    private func needBlobs() throws -> any Blobs {
        guard let blobs = services.blobs else {
            throw UndertoneError.Misuse(code: "misuse.blobs", text: "this chat has no place for files: give it blobs")
        }
        return blobs
    }
}
