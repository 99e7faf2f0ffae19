import Foundation
import Undertone
import XCTest

/// Threads of a host that all use one engine. These tests hold their thread, so they are XCTest's (R41).
final class ThreadsTests: XCTestCase {
    /// How long they go on: 60 for the whole of it.
    private let seconds = Double(ProcessInfo.processInfo.environment["UNDERTONE_SECONDS"] ?? "") ?? 5

    func testEightThreadsDoWhatOneWould() throws {
        let engine = try opened()
        let talks = try (0..<8).map { try engine.conversations().start(user: UserId("user \($0)")) }
        let outcomes = Outcomes()
        let end = Date().addingTimeInterval(seconds)
        for talk in talks {
            Thread.detachNewThread { outcomes.add(talk, Result { try hammer(engine, talk, until: end) }) }
        }
        let found = try XCTUnwrap(outcomes.wait(for: talks.count, until: end.addingTimeInterval(60)), "a thread hangs")
        var all = 0
        defer { print("\(all) messages by \(talks.count) threads in \(seconds) s") }
        for talk in talks {
            let sent = try XCTUnwrap(found[talk]).get()
            all += sent
            XCTAssertGreaterThan(sent, 0)
            XCTAssertEqual(try texts(engine.messages(), talk), (0..<sent).map { "\($0) of \(talk.hex)" })
        }
    }
}

/// Does everything at once until a time has come; the number of messages that it sent.
private func hammer(_ engine: Engine, _ talk: ConversationId, until end: Date) throws -> Int {
    var sent = 0
    while Date() < end {
        _ = try engine.messages().send(conversation: talk, draft: Draft(text: "\(sent) of \(talk.hex)"))
        sent += 1
        _ = try engine.messages().page(conversation: talk, cursor: .newest, limit: 20)
        _ = try engine.conversations().page()
        _ = try engine.drain(limit: 50)
        _ = try engine.diagnose()
    }
    return sent
}

/// What threads have come to.
private final class Outcomes: @unchecked Sendable {
    private let condition = NSCondition()
    private var found: [ConversationId: Result<Int, any Error>] = [:]

    func add(_ talk: ConversationId, _ outcome: Result<Int, any Error>) {
        condition.lock()
        defer { condition.unlock() }
        found[talk] = outcome
        condition.signal()
    }

    /// All of them; `nil` when they are not there in time.
    func wait(for count: Int, until end: Date) -> [ConversationId: Result<Int, any Error>]? {
        condition.lock()
        defer { condition.unlock() }
        while found.count < count {
            if !condition.wait(until: end) { return nil }
        }
        return found
    }
}
