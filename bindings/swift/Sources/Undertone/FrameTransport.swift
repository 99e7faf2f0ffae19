import Foundation
import UndertoneEngine

/// A connection that carries whole frames.
public protocol Socket: Sendable {
    /// Sends one.
    func send(_ frame: Data) async throws
    /// The next that comes; `nil` when the connection has ended.
    func next() async throws -> Data?
}

/// A transport that speaks the reference relay's frames over any socket.
public actor FrameTransport: Transport {
    /// Connects, and hangs up when what it calls returns.
    public typealias Dial = @Sendable (_ use: @escaping @Sendable (any Socket) async throws -> Void) async throws -> Void

    private static let page: UInt32 = 256
    private static let users = 64
    private static let acknowledged = 1_024

    private let dial: Dial
    private var socket: (any Socket)?
    private var waiting: [UInt64: CheckedContinuation<FrameDown, any Error>] = [:]
    private var number: UInt64 = 0

    public init(dial: @escaping Dial) { self.dial = dial }

    public func run(_ link: any Link) async throws {
        defer { ended() }
        try await dial { socket in
            while let frame = try await socket.next() {
                try await self.take(decodeFrame(frame: frame), socket, link)
            }
        }
    }

    public func send(_ envelopes: [Data]) async throws -> TransmitResult {
        guard case .transmitted(_, let result) = try await ask({ .transmit(id: $0, envelopes: envelopes) }) else {
            throw Disconnected(code: "relay.answer")
        }
        return result
    }

    public func acknowledge(_ deliveries: [DeliveryId]) async throws {
        for start in stride(from: 0, to: deliveries.count, by: Self.acknowledged) {
            let some = deliveries[start..<min(start + Self.acknowledged, deliveries.count)]
            try await put(.acknowledge(deliveries: Array(some)))
        }
    }

    public func fetch(since: DeliveryId) async throws -> MailboxPage {
        let answer = try await ask { .fetch(request: $0, since: since, limit: Self.page) }
        guard case .fetched(_, let deliveries, let next) = answer else { throw Disconnected(code: "relay.answer") }
        return MailboxPage(deliveries: deliveries, next: next)
    }

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

    private func ask(_ frame: (UInt64) -> FrameUp) async throws -> FrameDown {
        number += 1
        let asked = number
        guard let socket else { throw Disconnected() }
        let bytes = try encodeFrame(frame: frame(asked))
        return try await withCheckedThrowingContinuation { continuation in
            waiting[asked] = continuation
            Task {
                do { try await socket.send(bytes) } catch { answered(asked, .failure(error)) }
            }
        }
    }

    private func put(_ frame: FrameUp) async throws {
        guard let socket else { throw Disconnected() }
        try await socket.send(encodeFrame(frame: frame))
    }

    private func take(_ frame: FrameDown, _ socket: any Socket, _ link: any Link) async throws {
        switch frame {
        case .challenge(let challenge):
            let signature = try await link.answer(challenge: challenge)
            let login = FrameUp.login(certificate: try await link.certificate(), signature: signature)
            try await socket.send(encodeFrame(frame: login))
        case .loggedIn(let login, let revocations):
            self.socket = socket
            try await link.connected(login)
            if revocations { try await put(.revocations(request: 0)) }
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
            try await put(.revocations(request: 0))
        case .revocations(_, let lists):
            for list in lists { try await link.revoked(list) }
        case .transmitted(let number, _), .fetched(let number, _, _), .directory(let number, _), .published(let number),
            .slotHeld(let number, _), .requestRefused(let number):
            answered(number, .success(frame))
        case .unknown:
            break
        }
    }

    private func answered(_ number: UInt64, _ answer: Result<FrameDown, any Error>) {
        waiting.removeValue(forKey: number)?.resume(with: answer)
    }

    private func ended() {
        socket = nil
        let waiting = self.waiting
        self.waiting = [:]
        for continuation in waiting.values { continuation.resume(throwing: Disconnected()) }
    }
}
