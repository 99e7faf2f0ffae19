import Foundation
import Testing
import Undertone
import UndertoneTesting

/// Chats of several users, over the relay's logic in memory.
@Suite struct ChatTests {
    /// Ann, a client, has written to Bea, an escort.
    private func acquainted(
        _ test: (Network, Undertone, Undertone, ConversationId) async throws -> Void
    ) async throws {
        let network = try Network()
        let ann = try await network.join("ann", as: "client")
        let bea = try await network.join("bea", as: "escort")
        let talk = try await ann.conversations.start(user: bea.user)
        try await ann.send("Hello, Bea", to: talk)
        await network.settle()
        try await test(network, ann, bea, talk)
        await network.close()
    }

    private func texts(_ chat: Undertone, _ talk: ConversationId) async throws -> [String] {
        try await chat.messages.page(conversation: talk, cursor: .newest, limit: 50).messages.reversed().map(text)
    }

    private func text(_ message: Message) -> String {
        if case .text(let text) = message.content { text } else { "" }
    }

    @Test func aMessageArrivesIsReadAndAnswered() async throws {
        try await acquainted { network, ann, bea, talk in
            let first = try await bea.messages.page(conversation: talk, cursor: .newest, limit: 1).messages[0]
            try await bea.messages.markRead(conversation: talk, upTo: first.key)
            _ = try await bea.messages.send(
                conversation: talk, draft: Draft(text: "Hello, Ann", target: first.reference))
            try await network.advance(30)
            let page = try await ann.messages.page(conversation: talk, cursor: .newest, limit: 2).messages
            #expect(page.map(text) == ["Hello, Ann", "Hello, Bea"])
            #expect(page[0].target == first.reference)
            #expect(page[1].state == .read)
        }
    }

    @Test func newMessagesComeWithWhatIsUnreadFirst() async throws {
        try await acquainted { network, ann, bea, talk in
            let listener = Task {
                var heard: [String] = []
                for try await message in bea.messages(in: talk) {
                    heard.append(text(message))
                    if heard.count == 3 { break }
                }
                return heard
            }
            await network.settle()
            try await ann.send("one", to: talk)
            try await bea.send("not this, it is one's own", to: talk)
            await network.settle()
            try await ann.send("two", to: talk)
            #expect(try await listener.value == ["Hello, Bea", "one", "two"])
        }
    }

    @Test func theRulesRefuseWithAReasonThatCanBeShown() async throws {
        try await acquainted { network, _, bea, _ in
            let carl = try await network.join("carl", as: "client")
            try await bea.identity.lookUp(user: carl.user)
            await network.settle()
            do {
                _ = try await bea.conversations.start(user: carl.user)
                Issue.record("an escort started with a client")
            } catch let error as UndertoneError {
                #expect(error.code == "denied.start")
            }
        }
    }

    @Test func whatIsSentOfflineGoesOutAfterARestart() async throws {
        try await acquainted { network, ann, bea, talk in
            await ann.disconnect()
            try await ann.send("from a tunnel", to: talk)
            _ = try await network.restart(ann)
            #expect(try await texts(bea, talk) == ["Hello, Bea", "from a tunnel"])
        }
    }

    @Test func messagesGoWhenTheirTimeIsOver() async throws {
        try await acquainted { network, ann, bea, talk in
            _ = try await ann.messages.send(conversation: talk, draft: Draft(text: "for five minutes", period: 5))
            await network.settle()
            #expect(try await texts(bea, talk).count == 2)
            try await network.advance(6 * 60)
            #expect(try await texts(bea, talk) == ["Hello, Bea"])
        }
    }

    @Test func aCallRingsIsAnsweredAndEnds() async throws {
        try await acquainted { network, ann, bea, talk in
            let call = try await ann.calls.start(conversation: talk, kind: .voice, description: Data("offer".utf8))
            await network.settle()
            #expect(try await bea.calls.description(call: call) == Data("offer".utf8))
            try await bea.calls.accept(call: call, description: Data("answer".utf8))
            await network.settle()
            #expect(try await ann.calls.mediaKey(call: call) == bea.calls.mediaKey(call: call))
            try await network.advance(65)
            try await ann.calls.hangUp(call: call)
            await network.settle()
            #expect(try await ann.calls.get(call: call).duration == 65)
            #expect(try await bea.calls.get(call: call).duration == 65)
        }
    }
}
