import Foundation
import Testing
import Undertone
import UndertoneTesting

/// The host key of a single device.
let key = Data(count: 32)

/// What a client's engine is opened with, and the authority that certifies it.
func configured() throws -> (Config, Authority) {
    let device = try SingleDevice()
    return (device.config, device.authority)
}

/// An engine of Ann, a client, without a network. Its store is in memory if none is given.
func opened(_ store: Store? = nil) throws -> Engine {
    let engine = try SingleDevice().open(store)
    // Durable is what was drained.
    while try engine.drain(limit: 1_000).more {}
    return engine
}

/// The code of the error that a call comes to; its text says something, too.
func code<T>(_ call: () throws -> T, _ place: SourceLocation = #_sourceLocation) -> String {
    do {
        _ = try call()
        Issue.record("there is no error", sourceLocation: place)
    } catch let error as UndertoneError {
        #expect(!error.text.isEmpty, sourceLocation: place)
        return error.code
    } catch {
        Issue.record("another error: \(error)", sourceLocation: place)
    }
    return ""
}

/// What a message says, if it is a text.
func text(_ message: Message) -> String {
    if case .text(let text) = message.content { text } else { "" }
}

/// All texts of a conversation, oldest first.
func texts(_ messages: Messages, _ talk: ConversationId) throws -> [String] {
    var found: [String] = []
    var cursor = Cursor.newest
    while true {
        let page = try messages.page(conversation: talk, cursor: cursor, limit: 200)
        found += page.messages.map(text)
        guard page.more, let oldest = page.messages.last else { return found.reversed() }
        cursor = .before(key: oldest.key)
    }
}

/// The newest texts of a chat's conversation, oldest first.
func texts(_ chat: Undertone, _ talk: ConversationId) async throws -> [String] {
    try await chat.messages.page(conversation: talk, cursor: .newest, limit: 50).messages.reversed().map(text)
}

/// A folder for one test, which goes with what is in it.
final class Folder: Sendable {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("undertone-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Where something in it is.
    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}

/// The newest message of a chat's conversation.
func newest(_ chat: Undertone, _ talk: ConversationId) async throws -> Message {
    try #require(await chat.messages.page(conversation: talk, cursor: .newest, limit: 1).messages.first)
}

/// Ann, a client, has written to Bea, an escort. Both keep their files at `blobs`.
func acquainted(
    blobs: (any Blobs)? = nil,
    wrap: @Sendable (any Transport) -> any Transport = { $0 },
    _ test: (Network, Undertone, Undertone, ConversationId) async throws -> Void
) async throws {
    let network = try Network()
    let ann = try await network.join("ann", as: "client", blobs: blobs, wrap: wrap)
    let bea = try await network.join("bea", as: "escort", blobs: blobs)
    let talk = try await ann.conversations.start(user: bea.user)
    try await ann.send("Hello, Bea", to: talk)
    await network.settle()
    try await test(network, ann, bea, talk)
    await network.close()
}
