import Foundation
import Testing
import Undertone

/// What goes out of scope takes nothing with it, and leaves nothing behind (R41).
@Suite struct ReleaseTests {
    @Test(arguments: ["sled", "sqlite", "memory"])
    func enginesNounsAndMessagesAreReleased(_ kind: String) throws {
        let folder = try Folder()
        let store: Store =
            switch kind {
            case "sled": .sled(path: folder.path("store"))
            case "sqlite": .sqlite(path: folder.path("store"), lockWaitMs: 0)
            default: .memory(disk: try MemoryDisk())
            }
        try opened(store).shutDown()
        let (config, _) = try configured()
        for round in 1...25 {
            let gone = Gone()
            try use(Engine.open(config: config, store: store, hostKey: key), gone, round)
            #expect(gone.all)
        }
    }

    @Test func aNounKeepsWhatItNeeds() throws {
        weak var released: Engine?
        let messages: Messages
        let talk: ConversationId
        do {
            let engine = try opened()
            released = engine
            messages = try engine.messages()
            talk = try engine.conversations().start(user: UserId("bea"))
        }
        #expect(released == nil)
        _ = try messages.send(conversation: talk, draft: Draft(text: "alone"))
        #expect(try texts(messages, talk) == ["alone"])
    }

    @Test func chatsAreReleasedWhenTheyAreClosed() async throws {
        let folder = try Folder()
        let store = Store.sqlite(path: folder.path("store"), lockWaitMs: 0)
        try opened(store).shutDown()
        for _ in 0..<25 {
            weak var released: Undertone?
            weak var engine: Engine?
            do {
                let (config, _) = try configured()
                let chat = try await Undertone.open(config: config, store: store, hostKey: key)
                (released, engine) = (chat, chat.engine)
                let listening = Task {
                    for try await _ in chat.incoming() {}
                    for await _ in await chat.events() {}
                }
                _ = try await chat.conversations.start(user: UserId("bea"))
                await chat.close()
                _ = await listening.result
            }
            // What ran last may be on its way off its thread.
            for _ in 0..<100_000 where released != nil || engine != nil { await Task.yield() }
            #expect(released == nil && engine == nil)
        }
    }

    /// Everything that an engine gives, once.
    private func use(_ engine: Engine, _ gone: Gone, _ round: Int) throws {
        let (conversations, messages) = (try engine.conversations(), try engine.messages())
        let talk = try conversations.start(user: UserId("bea"))
        _ = try messages.send(conversation: talk, draft: Draft(text: "\(round)"))
        let found = try messages.page(conversation: talk, cursor: .newest, limit: 50).messages
        #expect(found.map(text) == (1...round).reversed().map(String.init))
        _ = try messages.search(text: "\(round)", scope: .all).hits
        while try engine.drain(limit: 100).more {}
        gone.watch([
            engine, conversations, messages, try engine.attachments(), try engine.calls(), try engine.identity(),
            try engine.privacy(), try engine.notifications(), try engine.subscriptions(),
        ])
    }
}

/// Whether objects are gone.
private final class Gone {
    private struct Weak { weak var object: AnyObject? }
    private var watched: [Weak] = []

    func watch(_ objects: [AnyObject]) { watched += objects.map(Weak.init) }

    var all: Bool { watched.allSatisfy { $0.object == nil } }
}
