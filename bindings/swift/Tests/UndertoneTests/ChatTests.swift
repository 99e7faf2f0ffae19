import Foundation
import Testing
import Undertone
import UndertoneTesting

/// Chats of several users, over the relay's logic in memory (R41).
@Suite struct ChatTests {
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

    @Test func connectionsThatEndAtAnyMomentLoseAndDoubleNothing() async throws {
        try await acquainted { network, ann, bea, talk in
            for number in 0..<20 {
                try await ann.send("\(number)", to: talk)
                if number % 4 == 3 { await network.cut() }
            }
            let expected = ["Hello, Bea"] + (0..<20).map(String.init)
            var heard: [String] = []
            for try await message in bea.messages(in: talk) {
                heard.append(text(message))
                if heard.count == expected.count { break }
            }
            try await ann.online()
            try await network.advance(60)
            #expect(try await texts(bea, talk) == expected)
        }
    }

    @Test func whatOthersWriteAnywhereComesOnce() async throws {
        try await acquainted { network, ann, bea, talk in
            let carl = try await network.join("carl", as: "client")
            let (shown, show) = AsyncStream<Message>.makeStream()
            let listening = Task {
                for try await message in bea.incoming() { show.yield(message) }
            }
            var heard = shown.makeAsyncIterator()
            func next() async -> String { await heard.next().map { "\($0.author.name): \(text($0))" } ?? "" }
            #expect(await next() == "ann: Hello, Bea")
            let other = try await carl.conversations.start(user: bea.user)
            try await carl.send("from Carl", to: other)
            #expect(await next() == "carl: from Carl")
            try await ann.send("two", to: talk)
            #expect(await next() == "ann: two")
            let newest = try await bea.messages.page(conversation: talk, cursor: .newest, limit: 1).messages[0]
            try await bea.messages.markRead(conversation: talk, upTo: newest.key)
            try await bea.send("it is one's own", to: talk)
            await network.settle()
            try await ann.send("three", to: talk)
            #expect(await next() == "ann: three")
            listening.cancel()
            _ = await listening.result
            // The next program gets what was not marked as read.
            var again: Set<String> = []
            for try await message in bea.incoming() {
                again.insert(text(message))
                if again.count == 2 { break }
            }
            #expect(again == ["from Carl", "three"])
        }
    }

    @Test func whatStandsBelowWhatWasGivenComesAsWell() async throws {
        try await acquainted { network, ann, bea, talk in
            let key = try await ann.identity.identityKey()
            let other = try await network.join("ann", as: "client", identity: key)
            await other.disconnect()
            try await other.send("written first", to: talk)
            try await network.advance(600)
            try await ann.send("written last", to: talk)
            await network.settle()
            var heard: [String] = []
            for try await message in bea.incoming() {
                heard.append(text(message))
                if heard.count == 2 { try await other.connect() }
                if heard.count == 3 { break }
            }
            // Both are stamped in one moment, so that either may stand above the other, by its device's id.
            #expect(heard == ["Hello, Bea", "written last", "written first"])
        }
    }

    @Test func aChatSleepsAndGoesOn() async throws {
        try await acquainted { network, ann, bea, talk in
            try await ann.suspend()
            try await ann.suspend()
            do {
                try await ann.send("asleep", to: talk)
                Issue.record("a suspended engine sent something")
            } catch let error as UndertoneError {
                #expect(error.code == "misuse.suspended")
            }
            try await bea.send("while she sleeps", to: talk)
            await network.settle()
            try await ann.resume()
            try await ann.resume()
            try await ann.online()
            await network.settle()
            #expect(try await texts(ann, talk) == ["Hello, Bea", "while she sleeps"])
        }
    }

    @Test func whoSleepsAndWakesAtOnceComesToAnEnd() async throws {
        try await acquainted { network, ann, bea, talk in
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask { try? await ann.suspend() }
                    group.addTask { try? await ann.resume() }
                    group.addTask { _ = try? await ann.diagnose() }
                }
            }
            try await ann.resume()
            try await ann.online()
            try await ann.send("awake", to: talk)
            await network.settle()
            #expect(try await texts(bea, talk) == ["Hello, Bea", "awake"])
            try await ann.suspend()
        }
    }

    @Test func whatWasSentRightBeforeTheEndIsThereAgain() async throws {
        let folder = try Folder()
        let store = Store.sqlite(path: folder.path("store"), lockWaitMs: 0)
        let (config, authority) = try configured()
        let now = Date()
        let services = Services(certify: { request in
            try authority.issue(
                request: request, role: Role("client"), serial: 1, notBefore: now.addingTimeInterval(-60),
                notAfter: now.addingTimeInterval(86_400))
        })
        for round in 1...20 {
            let chat = try await Undertone.open(config: config, store: store, hostKey: key, services: services)
            let talk = try await chat.conversations.start(user: UserId("bea"))
            try await chat.send("\(round)", to: talk)
            #expect(try await texts(chat, talk) == (1...round).map(String.init))
            await chat.close()
        }
    }

    @Test func loggingOutLeavesNothing() async throws {
        try await acquainted { network, ann, bea, talk in
            try await ann.wipe()
            do {
                _ = try await ann.conversations.page()
                Issue.record("there is something left")
            } catch let error as UndertoneError {
                #expect(error.code == "misuse.closed")
            }
        }
    }

    @Test func aFileOfAnySizeArrives() async throws {
        let folder = try Folder()
        let blobs = try FolderBlobs(folder.url.appendingPathComponent("blobs"))
        let network = try Network()
        let ann = try await network.join("ann", as: "client", blobs: blobs)
        let bea = try await network.join("bea", as: "escort", blobs: blobs)
        let talk = try await ann.conversations.start(user: bea.user)
        let content = Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        try content.write(to: folder.url.appendingPathComponent("file"))
        let attachment = Attachment(
            details: .file, mediaType: "application/pdf", name: "plan.pdf", size: UInt64(content.count))
        let message = try await ann.sendFile(folder.path("file"), as: attachment, to: talk, draft: Draft(text: "the plan"))
        await network.settle()
        let reference = MessageRef(author: ann.user, id: message)
        guard case .attachment(let shown) = try await bea.messages.get(conversation: talk, message: reference).content else {
            Issue.record("there is no attachment")
            return
        }
        #expect(shown.name == "plan.pdf" && shown.caption == "the plan" && shown.size == 1_000_000)
        try await bea.saveFile(of: reference, in: talk, to: folder.path("saved"))
        #expect(try Data(contentsOf: folder.url.appendingPathComponent("saved")) == content)
        await network.close()
    }
}
