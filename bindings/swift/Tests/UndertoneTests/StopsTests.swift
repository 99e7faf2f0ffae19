import Foundation
import Testing
import Undertone
import UndertoneTesting

/// What stops a chat, and fails or is overtaken: the chat goes on (R41).
@Suite struct StopsTests {
    @Test func whoConnectsWhileTheLastConnectionStillEndsHasOneThatLasts() async throws {
        let door = Door()
        try await acquainted(wrap: { Wayward(inner: $0, door: door) }) { network, ann, bea, talk in
            await door.shut()
            let leaving = Task { await ann.disconnect() }
            await door.reached()
            try await ann.connect()
            await door.open()
            await leaving.value
            try await inTime { try await ann.online() }
            try await ann.send("again", to: talk)
            #expect(try await patiently(network, bea, talk, 2) == ["Hello, Bea", "again"])
        }
    }

    @Test func whoConnectsWhileFallingAsleepSleeps() async throws {
        let door = Door()
        try await acquainted(wrap: { Wayward(inner: $0, door: door) }) { network, ann, bea, talk in
            await door.shut()
            let falling = Task { try await ann.suspend() }
            await door.reached()
            try await ann.connect()
            await door.open()
            try await falling.value
            try await ann.connect()
            await network.settle()
            #expect(await !ann.isOnline)
            try await ann.resume()
            try await inTime { try await ann.online() }
            try await ann.send("awake", to: talk)
            #expect(try await patiently(network, bea, talk, 2) == ["Hello, Bea", "awake"])
        }
    }

    @Test func loggingOutIsRefusedWhileSomethingWaitsWhichThenGoesOut() async throws {
        let door = Door()
        try await acquainted(wrap: { Wayward(inner: $0, door: door) }) { network, ann, bea, talk in
            await door.stick(true)
            try await ann.send("waits", to: talk)
            #expect(await codeOf { try await ann.wipe() } == "misuse.unsent")
            await door.stick(false)
            try await inTime { try await ann.online() }
            #expect(try await patiently(network, bea, talk, 2) == ["Hello, Bea", "waits"])
        }
    }

    @Test func loggingOutOfflineIsRefusedAsWellAndNobodyIsConnectedForIt() async throws {
        try await acquainted { network, ann, bea, talk in
            await ann.disconnect()
            try await ann.send("waits", to: talk)
            #expect(await codeOf { try await ann.wipe() } == "misuse.unsent")
            await network.settle()
            #expect(await !ann.isOnline)
            try await ann.connect()
            try await inTime { try await ann.online() }
            #expect(try await patiently(network, bea, talk, 2) == ["Hello, Bea", "waits"])
        }
    }

    @Test func whoHasLoggedOutIsToldSoWhenItIsDoneAgain() async throws {
        try await acquainted { network, ann, bea, talk in
            try await ann.wipe(loseUnsent: true)
            #expect(await codeOf { try await ann.wipe(loseUnsent: true) } == "misuse.closed")
            #expect(await codeOf { try await ann.suspend() } == "misuse.closed")
            #expect(await codeOf { try await ann.connect() } == "misuse.closed")
            await ann.close()
        }
    }

    @Test func aChatWithoutATransportSaysSo() async throws {
        let (config, _) = try configured()
        let chat = try await Undertone.open(config: config, store: .memory(disk: try MemoryDisk()), hostKey: key)
        #expect(await codeOf { try await chat.connect() } == "misuse.transport")
        await chat.close()
    }
}

/// What holds up a transport of a test's.
private actor Door {
    private var isShut = false
    private var isStuck = false
    private var isReached = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var watching: [CheckedContinuation<Void, Never>] = []

    func shut() { isShut = true }
    func stick(_ stuck: Bool) { isStuck = stuck }

    func open() {
        isShut = false
        for one in waiting { one.resume() }
        waiting = []
    }

    /// Waits until somebody stands before it.
    func reached() async {
        if !isReached { await withCheckedContinuation { watching.append($0) } }
    }

    func pass() async {
        guard isShut else { return }
        isReached = true
        for one in watching { one.resume() }
        watching = []
        await withCheckedContinuation { waiting.append($0) }
    }

    func check() throws {
        if isStuck { throw Fault() }
    }
}

/// Takes its time to hang up, and sends nothing while it is told so.
private struct Wayward: Transport {
    let inner: any Transport
    let door: Door

    func run(_ link: any Link) async throws {
        do {
            try await inner.run(link)
        } catch {
            await door.pass()
            throw error
        }
        await door.pass()
    }

    func send(_ envelopes: [Data]) async throws -> Task<TransmitResult, any Error> {
        try await door.check()
        return try await inner.send(envelopes)
    }

    func acknowledge(_ deliveries: [DeliveryId]) async throws { try await inner.acknowledge(deliveries) }
    func fetch(since: DeliveryId) async throws -> MailboxPage { try await inner.fetch(since: since) }
    func directory(_ request: Request) async throws -> Answer { try await inner.directory(request) }
}
