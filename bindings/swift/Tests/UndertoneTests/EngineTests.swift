import Foundation
import Testing
@testable import Undertone

/// The engine without tasks: bad input, and stores (R41).
@Suite struct EngineTests {
    @Test func badInputIsAnErrorWithACodeAndHarmsNothing() throws {
        let engine = try opened()
        let conversations = try engine.conversations()
        let messages = try engine.messages()
        let talk = try conversations.start(user: UserId("bea"))
        let unknown = ConversationId(hex: String(repeating: "00", count: 16))
        func send(_ draft: Draft) -> String { code { try messages.send(conversation: talk, draft: draft) } }

        #expect(code { try conversations.start(user: UserId("")) } == "misuse.user_id")
        #expect(code { try conversations.start(user: UserId(String(repeating: "x", count: 129))) } == "misuse.user_id")
        #expect(code { try conversations.start(user: UserId("ann")) } == "misuse.oneself")
        #expect(
            code { try messages.send(conversation: ConversationId(hex: "no hex"), draft: Draft(text: "x")) } == "misuse.id")
        #expect(
            code { try messages.send(conversation: unknown, draft: Draft(text: "x")) } == "misuse.unknown_conversation")
        #expect(send(Draft(text: "")) == "misuse.empty")
        #expect(send(Draft(text: String(repeating: "x", count: 1_000_000))) == "misuse.too_large")
        #expect(send(Draft(text: "x", period: -2)) == "misuse.config")
        #expect(code { try messages.page(conversation: talk, cursor: .newest, limit: 0) } == "misuse.too_large")
        #expect(code { try engine.transmitDone(id: TransmitId(number: 77), result: .failed) } == "misuse.unknown_request")
        #expect(code { try engine.identity().enrol(certificate: Data("\u{1}no certificate".utf8)) } == "peer.malformed")
        #expect(code { try engine.identity().answerChallenge(challenge: Data("short".utf8)) } == "misuse.challenge")
        #expect(code { try Policy.fromToml(text: "roles = 7") } == "misuse.policy")
        let nobody = Config(user: UserId("ann"), authorities: [])
        #expect(
            code { try Engine.open(config: nobody, store: .memory(disk: MemoryDisk()), hostKey: key) } == "misuse.config")

        _ = try messages.send(conversation: talk, draft: Draft(text: "still here"))
        #expect(try texts(messages, talk) == ["still here"])
    }

    @Test func timesAndSpansThatCannotBeCountedAreErrors() throws {
        let engine = try opened()
        let talk = try engine.conversations().start(user: UserId("bea"))
        for seconds in [-1, Double.nan, .infinity, -.infinity, 1e300] {
            let at = Date(timeIntervalSince1970: seconds)
            #expect(code { try ManualClock(now: at) } == "misuse.clock")
            #expect(code { try engine.conversations().mute(conversation: talk, until: at) } == "misuse.clock")
            let config = Config(
                user: UserId("ann"), authorities: [try configured().1.publicKey()], fallbackAfter: seconds)
            #expect(
                code { try Engine.open(config: config, store: .memory(disk: MemoryDisk()), hostKey: key) }
                    == "misuse.duration")
        }
        #expect(try engine.diagnose().open)
    }

    @Test func aLibraryOfAnotherVersionIsRefused() throws {
        try checkLibrary()
        #expect(code { try checkLibrary(expected: 2) } == "misuse.library")
    }

    @Test func whatIsShownOfValuesHasNoContent() throws {
        let engine = try opened()
        let talk = try engine.conversations().start(user: UserId("bea"))
        let draft = Draft(text: "a secret")
        _ = try engine.messages().send(conversation: talk, draft: draft)
        try engine.conversations().setDraft(conversation: talk, draft: "a secret")
        let page = try engine.messages().page(conversation: talk, cursor: .newest, limit: 5)
        let message = try #require(page.messages.first)
        #expect("\(message.content)" == "text(…)")
        #expect("\(message)".contains("text(…)") && "\(message)".contains(talk.hex))
        let config = Config(user: UserId("ann"), authorities: [Data("a secret".utf8)], identity: Data("a secret".utf8))
        #expect("\(config)" == "Config(…)")
        // It has a `description` of its own, which is a secret.
        let event = CalendarEvent(title: "a secret", start: Date(), description: "a secret")
        #expect("\(event)" == "CalendarEvent(…)")
        let values: [Any] = [
            draft, message, page, try engine.conversations().page(), try engine.drain(limit: 100), config, event, [event],
        ]
        for value in values {
            var dumped = ""
            dump(value, to: &dumped)
            #expect(!"\(value) \(String(reflecting: value)) \(dumped)".contains("secret"))
        }
    }

    @Test func textsOfAnyKindComeBackAsTheyWere() throws {
        let engine = try opened()
        let talk = try engine.conversations().start(user: UserId("bea"))
        let said = ["نص", "👩‍👩‍👧‍👦", String(repeating: "ü", count: 1_000)]
        for text in said { _ = try engine.messages().send(conversation: talk, draft: Draft(text: text)) }
        #expect(try texts(engine.messages(), talk).map { Array($0.utf8) } == said.map { Array($0.utf8) })
    }

    @Test func bytesThatAreNoEnvelopeAreAcknowledgedAndCounted() throws {
        let engine = try opened()
        try engine.connected(login: Login())
        let garbage = [
            Data(), Data([0]), Data(String(repeating: "\u{1}garbage", count: 100).utf8), Data(count: 70_000),
        ]
        let deliveries = garbage.enumerated().map {
            Delivery(id: DeliveryId(number: UInt64($0 + 1)), acceptedAt: Date(), envelope: $1)
        }
        try engine.receive(deliveries: deliveries)
        let acknowledged: [UInt64] = try engine.drain(limit: 1_000).outputs.compactMap {
            if case .acknowledge(let delivery) = $0 { delivery.number } else { nil }
        }
        #expect(acknowledged == [1, 2, 3, 4])
        #expect(try engine.diagnose().refused.reduce(0) { $0 + $1.count } == 4)
        let franked = Delivery(
            id: DeliveryId(number: 5), acceptedAt: Date(), frank: Data("x".utf8), envelope: Data())
        #expect(code { try engine.receive(deliveries: [franked]) } == "misuse.frank")
    }

    @Test(arguments: ["sled", "sqlite"])
    func aStoreIsOpenOnceAndEndsWhenItIsToldTo(_ kind: String) throws {
        let folder = try Folder()
        let path = folder.path("store")
        let store: Store = kind == "sled" ? .sled(path: path) : .sqlite(path: path, lockWaitMs: 50)
        let (config, _) = try configured()
        let engine = try opened(store)
        #expect(code { try opened(store) } == "store.locked")
        try engine.shutDown()
        try engine.shutDown()
        #expect(code { try engine.usage() } == "misuse.closed")
        let unknown = ConversationId(hex: String(repeating: "00", count: 16))
        #expect(
            code { try engine.messages().page(conversation: unknown, cursor: .newest, limit: 5) } == "misuse.closed")
        try Engine.open(config: config, store: store, hostKey: key).shutDown()
        let wrong = Data(repeating: 1, count: 32)
        #expect(code { try Engine.open(config: config, store: store, hostKey: wrong) } == "store.wrong_key")
        #expect(
            code { try Engine.open(config: config, store: store, hostKey: Data("short".utf8)) } == "misuse.key_length")
    }
}
