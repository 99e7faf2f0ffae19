import Foundation
import UndertoneEngine

/// A connection that carries whole frames. Calls whose task is cancelled end soon, and the connection may end with them.
public protocol Socket: Sendable {
    /// Sends one. It is called again when it has returned.
    func send(_ frame: Data) async throws
    /// The next that comes; `nil` when the connection has ended.
    func next() async throws -> Data?
}

/// A transport that speaks the reference relay's frames over any socket.
public actor FrameTransport: Transport {
    /// Connects, and hangs up when what it calls returns.
    public typealias Dial = @Sendable (_ use: @escaping @Sendable (any Socket) async throws -> Void) async throws -> Void

    /// What comes of a request: one frame.
    private typealias Answered = AsyncThrowingStream<FrameDown, any Error>

    private static let page: UInt32 = 256
    private static let users = 64
    private static let acknowledged = 1_024

    private let dial: Dial
    private var wire: AsyncStream<Data>.Continuation?
    private var waiting: [UInt64: Answered.Continuation] = [:]
    private var number: UInt64 = 0
    private var unsent = 0

    /// A transport that connects by `dial`, whenever a chat wants to.
    public init(dial: @escaping Dial) { self.dial = dial }

    /// Whether a frame is on its way into the socket: what `Network.settle` looks at.
    package var isBusy: Bool { unsent > 0 }

    /// Connects, logs in and listens until the connection ends.
    public func run(_ link: any Link) async throws {
        defer { ended() }
        try await dial { try await self.talk($0, link) }
    }

    /// Puts envelopes on the wire, to be stored together or not at all.
    public func send(_ envelopes: [Data]) async throws -> Task<TransmitResult, any Error> {
        let answered = try begin { .transmit(id: $0, envelopes: envelopes) }
        return Task {
            guard case .transmitted(_, let result) = try await answer(answered) else {
                throw Disconnected(code: "relay.answer")
            }
            return result
        }
    }

    /// Drops deliveries that are durable on the device.
    public func acknowledge(_ deliveries: [DeliveryId]) async throws {
        for start in stride(from: 0, to: deliveries.count, by: Self.acknowledged) {
            let some = deliveries[start..<min(start + Self.acknowledged, deliveries.count)]
            try put(.acknowledge(deliveries: Array(some)))
        }
    }

    /// A page of the mailbox.
    public func fetch(since: DeliveryId) async throws -> MailboxPage {
        let answer = try await ask { .fetch(request: $0, since: since, limit: Self.page) }
        guard case .fetched(_, let deliveries, let next) = answer else { throw Disconnected(code: "relay.answer") }
        return MailboxPage(deliveries: deliveries, next: next)
    }

    /// Looks users up, publishes key packages, asks for a slot.
    public func directory(_ request: Request) async throws -> Answer {
        switch request {
        case .lookUp(let users, let keyPackages):
            var found: [DirectoryUser] = []
            for start in stride(from: 0, to: users.count, by: Self.users) {
                let some = Array(users[start..<min(start + Self.users, users.count)])
                let answer = try await ask { .lookUp(request: $0, users: some, keyPackages: keyPackages) }
                guard case .directory(_, let part) = answer else { throw Disconnected(code: "relay.answer") }
                found += part
            }
            return .directory(users: found)
        case .publish(let packages, let lastResort, let replace):
            let answer = try await ask {
                .publish(request: $0, packages: packages, lastResort: lastResort, replace: replace)
            }
            if case .published = answer { return .published }
            return .failed
        case .slot(let name):
            guard case .slotHeld(_, let holder) = try await ask({ .slot(request: $0, name: name) }) else { return .failed }
            return .slot(holder: holder)
        case .fetch, .fallback:
            return .failed
        }
    }

    /// Listens, and sends what is put on the wire, until one of both has ended.
    private func talk(_ socket: any Socket, _ link: any Link) async throws {
        let (frames, wire) = AsyncStream<Data>.makeStream()
        defer { wire.finish() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await frame in frames {
                    try await socket.send(frame)
                    await self.sent()
                }
            }
            group.addTask {
                while let frame = try await socket.next() { try await self.take(decodeFrame(frame: frame), wire, link) }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func ask(_ frame: (UInt64) -> FrameUp) async throws -> FrameDown { try await answer(begin(frame)) }

    /// Puts a request on the wire, behind all that were begun before.
    private func begin(_ frame: (UInt64) -> FrameUp) throws -> Answered {
        number += 1
        try put(frame(number))
        let (answered, continuation) = Answered.makeStream()
        waiting[number] = continuation
        return answered
    }

    private func answer(_ answered: Answered) async throws -> FrameDown {
        for try await frame in answered { return frame }
        throw Disconnected()
    }

    private func put(_ frame: FrameUp) throws {
        guard let wire else { throw Disconnected() }
        try put(frame, on: wire)
    }

    private func put(_ frame: FrameUp, on wire: AsyncStream<Data>.Continuation) throws {
        let bytes = try encodeFrame(frame: frame)
        unsent += 1
        wire.yield(bytes)
    }

    private func sent() { unsent -= 1 }

    private func take(_ frame: FrameDown, _ wire: AsyncStream<Data>.Continuation, _ link: any Link) async throws {
        switch frame {
        case .challenge(let challenge):
            let signature = try await link.answer(challenge: challenge)
            try await put(.login(certificate: link.certificate(), signature: signature), on: wire)
        case .loggedIn(let login, let revocations):
            self.wire = wire
            try await link.connected(login)
            if revocations { try put(.revocations(request: 0), on: wire) }
        case .loginRefused(let code):
            throw Refused(code: code)
        case .closing(let code, let again):
            if again { throw Disconnected(code: code) }
            throw Refused(code: code)
        case .delivered(let delivery):
            try await link.received([delivery])
        case .mailWaiting:
            try await link.mailWaiting()
        case .directoryChanged(let user):
            try await link.directoryChanged(user)
        case .revocationsChanged:
            try put(.revocations(request: 0), on: wire)
        case .revocations(_, let lists):
            for list in lists { try await link.revoked(list) }
        case .transmitted(let number, _), .fetched(let number, _, _), .directory(let number, _), .published(let number),
            .slotHeld(let number, _), .requestRefused(let number):
            answered(number, frame)
        case .unknown:
            break
        }
    }

    private func answered(_ number: UInt64, _ frame: FrameDown) {
        let continuation = waiting.removeValue(forKey: number)
        continuation?.yield(frame)
        continuation?.finish()
    }

    private func ended() {
        wire = nil
        unsent = 0
        let waiting = self.waiting
        self.waiting = [:]
        for continuation in waiting.values { continuation.finish(throwing: Disconnected()) }
    }
}
