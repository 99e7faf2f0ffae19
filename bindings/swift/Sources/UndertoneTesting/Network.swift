import Foundation
import Undertone

/// A platform in one process, for tests of apps and servers: an authority, the reference relay's logic in memory, a clock that
/// stands still until the test moves it, and the chats of its users, each with a disk in memory.
///
/// No time passes but by `advance`, and `settle` returns when nobody has anything left to do, so such tests neither sleep nor
/// fail at random.
public actor Network {
    /// What everybody's time is.
    public nonisolated let clock: ManualClock
    /// What certifies devices.
    public nonisolated let authority: Authority
    /// The relay itself.
    public nonisolated let relay: TestRelay

    private static let quiet = 5

    private let policy: Policy?
    private var serial: UInt64 = 0
    private var seats: [Seat] = []
    private var sockets: [MemorySocket] = []

    private struct Seat {
        let chat: Undertone
        let config: Config
        let services: Services
        let disk: MemoryDisk
        let hostKey: Data
        let frames: FrameTransport
        let transport: any Transport
    }

    /// `policy` is the preset one if it is not given; the clock shows `start`, or the first of January 2030.
    ///
    /// - Parameters:
    ///   - policy: The rules, of the devices and of the relay.
    ///   - start: What the clock shows at first.
    public init(policy: Policy? = nil, start: Date = Date(timeIntervalSince1970: 1_893_456_000)) throws {
        self.policy = policy
        clock = try ManualClock(now: start)
        authority = try Authority.fromSeed(seed: secret())
        relay = try TestRelay(authorities: [authority.publicKey()], policy: policy, clock: clock)
    }

    /// A device of a user, certified in a role, connected and settled.
    ///
    /// - Parameters:
    ///   - user: Whose device it is.
    ///   - role: In which role, by its name in the policy.
    ///   - identity: For a further device of the same user, the identity key of the first.
    ///   - blobs: Where encrypted files are.
    ///   - fallback: The platform's other channel.
    ///   - fallbackAfter: After how long what stays unread is told by it.
    ///   - certify: Stands between the device and what certifies it, which is given to it.
    ///   - wrap: Puts a transport of the test's around the one to the relay.
    public func join(
        _ user: String,
        as role: String,
        identity: Data? = nil,
        blobs: (any Blobs)? = nil,
        fallback: (@Sendable (Request) async throws -> Bool)? = nil,
        fallbackAfter: TimeInterval? = nil,
        certify: @escaping @Sendable (_ issue: @Sendable () async throws -> Data) async throws -> Data = { try await $0() },
        wrap: @Sendable (any Transport) -> any Transport = { $0 }
    ) async throws -> Undertone {
        let config = Config(
            user: UserId(user), authorities: [try authority.publicKey()], policy: policy, identity: identity,
            fallbackAfter: fallbackAfter)
        let services = Services(
            certify: { request in try await certify { try await self.issue(request, Role(role)) } }, blobs: blobs,
            fallback: fallback)
        let frames = FrameTransport { use in try await self.dial(use) }
        return try await open(config, services, MemoryDisk(), secret(), frames, wrap(frames))
    }

    /// The process of a chat ends and begins anew, on the same disk.
    public func restart(_ chat: Undertone) async throws -> Undertone {
        guard let place = seats.firstIndex(where: { $0.chat === chat }) else { return chat }
        let seat = seats.remove(at: place)
        await chat.close()
        return try await open(seat.config, seat.services, seat.disk, seat.hostKey, seat.frames, seat.transport)
    }

    /// Lets time pass, and everybody do what is due meanwhile, in the order in which it is due.
    public func advance(_ seconds: TimeInterval) async throws {
        await settle()
        let end = try clock.now().addingTimeInterval(seconds)
        while true {
            let now = try clock.now()
            var due: [Date] = []
            for seat in seats {
                if let at = await seat.chat.wakeAt, at > now { due.append(at) }
            }
            guard let next = due.min(), next < end else { break }
            try await move(to: next)
        }
        try await move(to: end)
    }

    /// Waits until nobody has anything left to do but for what time brings.
    public func settle() async {
        var quiet = 0
        while quiet < Self.quiet {
            // Work hops between threads: only what is quiet again and again is quiet.
            try? await Task.sleep(nanoseconds: 1_000_000)
            quiet = await isIdle() ? quiet + 1 : 0
        }
    }

    /// Every connection ends, wherever it is. Those who want one connect anew.
    public func cut() async {
        for socket in sockets { await socket.cut() }
    }

    /// Ends every chat.
    public func close() async {
        for seat in seats { await seat.chat.close() }
        seats = []
    }

    private func isIdle() async -> Bool {
        for seat in seats {
            guard await seat.chat.isIdle(), await !seat.frames.isBusy else { return false }
        }
        for socket in sockets {
            if await socket.isBusy { return false }
        }
        return true
    }

    private func move(to time: Date) async throws {
        try clock.set(now: time)
        await wake()
        await settle()
    }

    private func open(
        _ config: Config, _ services: Services, _ disk: MemoryDisk, _ hostKey: Data, _ frames: FrameTransport,
        _ transport: any Transport
    ) async throws -> Undertone {
        let chat = try await Undertone.open(
            config: config, store: .memory(disk: disk), hostKey: hostKey, transport: transport, services: services,
            clock: clock)
        seats.append(
            Seat(
                chat: chat, config: config, services: services, disk: disk, hostKey: hostKey, frames: frames,
                transport: transport))
        try await chat.online()
        await settle()
        return chat
    }

    private func issue(_ request: Data, _ role: Role) throws -> Data {
        serial += 1
        let now = try clock.now()
        return try authority.issue(
            request: request, role: role, serial: serial, notBefore: now.addingTimeInterval(-60),
            notAfter: now.addingTimeInterval(90 * 86_400))
    }

    private func dial(_ use: @Sendable (any Socket) async throws -> Void) async throws {
        let socket = try MemorySocket(network: self, relay: relay)
        sockets.append(socket)
        defer {
            sockets.removeAll { $0 === socket }
            try? relay.disconnect(connection: socket.number)
        }
        try await use(socket)
        await wake()
    }

    fileprivate func wake() async {
        for socket in sockets { await socket.wake() }
    }
}

/// A connection to the relay in memory.
private actor MemorySocket: Socket {
    nonisolated let number: UInt64
    private let network: Network
    private let relay: TestRelay
    private var frames: [Data] = []
    private var ended = false
    private var woken = false
    private var handing = false
    private var sleeper: CheckedContinuation<Void, Never>?

    init(network: Network, relay: TestRelay) throws {
        self.network = network
        self.relay = relay
        number = try relay.connect()
    }

    var isBusy: Bool { !ended && (handing || woken) }

    func send(_ frame: Data) async throws {
        if ended { throw Disconnected() }
        try relay.send(connection: number, frame: frame)
        await network.wake()
    }

    func next() async throws -> Data? {
        while !ended, !Task.isCancelled {
            if !frames.isEmpty {
                handing = true
                return frames.removeFirst()
            }
            woken = false
            let wire = try relay.take(connection: number)
            frames = wire.frames
            if frames.isEmpty {
                handing = false
                if wire.ended { break }
                await withTaskCancellationHandler {
                    await withCheckedContinuation { continuation in
                        if ended || woken || Task.isCancelled { continuation.resume() } else { sleeper = continuation }
                    }
                } onCancel: {
                    Task { await self.cut() }
                }
            }
        }
        return nil
    }

    func wake() {
        woken = true
        sleeper?.resume()
        sleeper = nil
    }

    func cut() {
        ended = true
        wake()
    }
}

private func secret() -> Data {
    var random = SystemRandomNumberGenerator()
    return Data((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) })
}
