import Foundation
import Testing
import Undertone
import UndertoneTesting

/// Transports of hosts that fail, hang, and take their time (R41).
@Suite struct TransportTests {
    @Test func errorsOfATransportHarmNothing() async throws {
        let faults = Faults([.run: 2, .end: 1, .send: 3, .acknowledge: 2, .fetch: 2, .directory: 2])
        try await acquainted(wrap: { Faulty(inner: $0, faults: faults) }) { network, ann, bea, talk in
            for number in 0..<5 { try await ann.send("\(number)", to: talk) }
            await network.cut()
            let said = ["Hello, Bea", "0", "1", "2", "3", "4"]
            #expect(try await patiently(network, bea, talk, said.count) == said)
            try await bea.send("an answer", to: talk)
            #expect(try await patiently(network, ann, talk, said.count + 1) == said + ["an answer"])
            #expect(await faults.left.isEmpty)
            #expect(try await ann.diagnose().open)
        }
    }

    @Test func transmitsAreHandedOverOneByOneAndAnsweredTogether() async throws {
        let gate = Gate()
        try await acquainted(wrap: { Gated(inner: $0, gate: gate) }) { network, ann, bea, talk in
            await gate.shut()
            let handed = await gate.handed()
            for number in 0..<8 { try await ann.send("\(number)", to: talk) }
            for await count in handed where count == 8 { break }
            await gate.open()
            await network.settle()
            #expect(await !gate.overlapped)
            #expect(try await texts(bea, talk) == ["Hello, Bea"] + (0..<8).map(String.init))
        }
    }

    @Test func aTransmitThatHangsIsGivenUpWithItsConnection() async throws {
        let hook = Hook()
        try await acquainted(wrap: { Hanging(inner: $0, hook: hook) }) { network, ann, bea, talk in
            let caught = await hook.arm()
            try await ann.send("hangs", to: talk)
            for await _ in caught { break }
            try await ann.send("waits behind it", to: talk)
            await network.cut()
            var heard: [String] = []
            for try await message in bea.messages(in: talk) {
                heard.append(text(message))
                if heard.count == 3 { break }
            }
            #expect(heard == ["Hello, Bea", "hangs", "waits behind it"])
        }
    }

    @Test func aTransmitThatHangsDoesNotHoldUpTheEnd() async throws {
        let hook = Hook()
        try await acquainted(wrap: { Hanging(inner: $0, hook: hook) }) { network, ann, bea, talk in
            let caught = await hook.arm()
            try await ann.send("hangs", to: talk)
            for await _ in caught { break }
            let again = try await network.restart(ann)
            await network.settle()
            #expect(try await texts(bea, talk) == ["Hello, Bea", "hangs"])
            #expect(try await texts(again, talk) == ["Hello, Bea", "hangs"])
        }
    }
}

/// An error of a host's own.
struct Fault: Error {}

/// How often which call still fails.
private actor Faults {
    enum Call { case run, end, send, acknowledge, fetch, directory }

    private(set) var left: [Call: Int]

    init(_ left: [Call: Int]) { self.left = left }

    func fail(_ call: Call) throws {
        guard let times = left[call] else { return }
        left[call] = times > 1 ? times - 1 : nil
        throw Fault()
    }
}

/// Fails as often as it is told to, before it does what another transport does.
private struct Faulty: Transport {
    let inner: any Transport
    let faults: Faults

    func run(_ link: any Link) async throws {
        try await faults.fail(.run)
        try await inner.run(link)
        try await faults.fail(.end)
    }

    func send(_ envelopes: [Data]) async throws -> Task<TransmitResult, any Error> {
        try await faults.fail(.send)
        return try await inner.send(envelopes)
    }

    func acknowledge(_ deliveries: [DeliveryId]) async throws {
        try await faults.fail(.acknowledge)
        try await inner.acknowledge(deliveries)
    }

    func fetch(since: DeliveryId) async throws -> MailboxPage {
        try await faults.fail(.fetch)
        return try await inner.fetch(since: since)
    }

    func directory(_ request: Request) async throws -> Answer {
        try await faults.fail(.directory)
        return try await inner.directory(request)
    }
}

/// Holds answers back, and looks at how transmits come.
private actor Gate {
    private(set) var overlapped = false
    private var isShut = false
    private var inside = false
    private var count = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var counting: AsyncStream<Int>.Continuation?

    func shut() {
        isShut = true
        count = 0
    }

    func open() {
        isShut = false
        for one in waiting { one.resume() }
        waiting = []
    }

    /// How many transmits were handed over since it was shut.
    func handed() -> AsyncStream<Int> {
        let (stream, continuation) = AsyncStream<Int>.makeStream()
        counting = continuation
        return stream
    }

    func enter() {
        if inside { overlapped = true }
        inside = true
    }

    func leave() {
        inside = false
        count += 1
        counting?.yield(count)
    }

    func pass() async {
        if isShut { await withCheckedContinuation { waiting.append($0) } }
    }
}

/// Hands over at its leisure, and answers when its gate is open.
private struct Gated: Transport {
    let inner: any Transport
    let gate: Gate

    func run(_ link: any Link) async throws { try await inner.run(link) }

    func send(_ envelopes: [Data]) async throws -> Task<TransmitResult, any Error> {
        await gate.enter()
        for _ in 0..<Int.random(in: 0...20) { await Task.yield() }
        let answer = try await inner.send(envelopes)
        await gate.leave()
        return Task {
            await gate.pass()
            return try await answer.value
        }
    }

    func acknowledge(_ deliveries: [DeliveryId]) async throws { try await inner.acknowledge(deliveries) }
    func fetch(since: DeliveryId) async throws -> MailboxPage { try await inner.fetch(since: since) }
    func directory(_ request: Request) async throws -> Answer { try await inner.directory(request) }
}

/// Catches the next transmit once it is armed, for ever.
private actor Hook {
    private var armed = false
    private var caught: AsyncStream<Void>.Continuation?
    private var held: [AsyncStream<Void>.Continuation] = []

    func arm() -> AsyncStream<Void> {
        armed = true
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        caught = continuation
        return stream
    }

    func pass() async {
        guard armed else { return }
        armed = false
        let (never, continuation) = AsyncStream<Void>.makeStream()
        held.append(continuation)
        caught?.yield()
        // In a task of its own, which nobody cancels.
        await Task { for await _ in never {} }.value
    }
}

private struct Hanging: Transport {
    let inner: any Transport
    let hook: Hook

    func run(_ link: any Link) async throws { try await inner.run(link) }

    func send(_ envelopes: [Data]) async throws -> Task<TransmitResult, any Error> {
        await hook.pass()
        return try await inner.send(envelopes)
    }

    func acknowledge(_ deliveries: [DeliveryId]) async throws { try await inner.acknowledge(deliveries) }
    func fetch(since: DeliveryId) async throws -> MailboxPage { try await inner.fetch(since: since) }
    func directory(_ request: Request) async throws -> Answer { try await inner.directory(request) }
}
