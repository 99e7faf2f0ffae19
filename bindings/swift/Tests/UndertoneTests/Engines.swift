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

/// The same of a call that takes its time.
func codeOf(_ call: () async throws -> Void, _ place: SourceLocation = #_sourceLocation) async -> String {
    var outcome: Result<Void, any Error> = .success(())
    do { try await call() } catch { outcome = .failure(error) }
    return code({ try outcome.get() }, place)
}

/// Does what might wait for ever, a minute at most.
func inTime<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
    let task = Task { try await work() }
    let timer = Task {
        try await Task.sleep(nanoseconds: 60_000_000_000)
        task.cancel()
    }
    defer { timer.cancel() }
    return try await task.value
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

/// What a chat has of a conversation, as soon as it has so many messages: the engine tries again after a while.
func patiently(
    _ network: Network, _ chat: Undertone, _ talk: ConversationId, _ count: Int
) async throws -> [String] {
    for _ in 0..<50 {
        // It may not know of the conversation yet.
        if let found = try? await texts(chat, talk), found.count >= count { return found }
        try await chat.online()
        try await network.advance(30)
    }
    return try await texts(chat, talk)
}

/// Ann, a client, has written to Bea, an escort. Both keep their files at `blobs`.
func acquainted(
    blobs: (any Blobs)? = nil,
    certify: @escaping @Sendable (_ issue: @Sendable () async throws -> Data) async throws -> Data = { try await $0() },
    wrap: @Sendable (any Transport) -> any Transport = { $0 },
    _ test: (Network, Undertone, Undertone, ConversationId) async throws -> Void
) async throws {
    let network = try Network()
    let ann = try await network.join("ann", as: "client", blobs: blobs, certify: certify, wrap: wrap)
    let bea = try await network.join("bea", as: "escort", blobs: blobs)
    let talk = try await ann.conversations.start(user: bea.user)
    try await ann.send("Hello, Bea", to: talk)
    await network.settle()
    try await test(network, ann, bea, talk)
    await network.close()
}
