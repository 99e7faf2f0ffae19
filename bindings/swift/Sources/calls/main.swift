import Foundation
import Undertone
import UndertoneTesting

// What a call from Swift costs: nanoseconds for each of three calls, a line each, for `cargo xtask bindings bench`.

let count = 1_000
let rounds = 15

/// A conversation of so many messages, of which the engine has not told yet.
func written(_ engine: Engine) throws -> ConversationId {
    let talk = try engine.conversations().start(user: UserId("bea"))
    _ = try engine.drain(limit: 10_000)
    let messages = try engine.messages()
    for number in 0..<count { _ = try messages.send(conversation: talk, draft: Draft(text: "message \(number)")) }
    return talk
}

/// Nanoseconds since some time.
func uptime() -> Double { Double(DispatchTime.now().uptimeNanoseconds) }

/// The median of some rounds.
func median(_ round: () throws -> Double) rethrows -> Double {
    try (0..<rounds).map { _ in try round() }.sorted()[rounds / 2]
}

/// Of one call.
func nanoseconds(_ times: Int, _ call: () throws -> Void) rethrows -> Double {
    try median {
        let start = uptime()
        for _ in 0..<times { try call() }
        return (uptime() - start) / Double(times)
    }
}

/// A thousand events at once.
func drained() throws -> Double {
    let engine = try SingleDevice().open()
    _ = try written(engine)
    let start = uptime()
    let outputs = try engine.drain(limit: UInt32(count)).outputs.count
    let took = uptime() - start
    precondition(outputs == count, "\(outputs) events")
    return took
}

let engine = try SingleDevice().open()
let talk = try written(engine)
let messages = try engine.messages()
_ = try engine.drain(limit: 10_000)
print("trivial", try nanoseconds(20_000) { _ = try engine.device() })
print("page", try nanoseconds(100) { _ = try messages.page(conversation: talk, cursor: .newest, limit: 50) })
print("drain", try median(drained))
