import Foundation
import Undertone

/// A device on a platform that has nobody else and no network: for tests of what one engine does.
public struct SingleDevice: Sendable {
    /// What certifies the device.
    public let authority: Authority
    /// What its engine is opened with.
    public let config: Config
    /// What seals its store.
    public let hostKey = Data(count: 32)

    /// The device of a user.
    public init(_ user: String = "ann") throws {
        authority = try Authority.fromSeed(seed: Data(0..<32))
        config = Config(user: UserId(user), authorities: [try authority.publicKey()])
    }

    /// Its engine, certified in a role for three months from now.
    ///
    /// - Parameters:
    ///   - store: Where it keeps everything; in memory if it is not given.
    ///   - role: In which role it is certified, by its name in the policy.
    public func open(_ store: Store? = nil, as role: String = "client") throws -> Engine {
        let engine = try Engine.open(config: config, store: store ?? .memory(disk: MemoryDisk()), hostKey: hostKey)
        let identity = try engine.identity()
        let now = Date()
        try identity.enrol(
            certificate: authority.issue(
                request: identity.enrolmentRequest(), role: Role(role), serial: 1, notBefore: now.addingTimeInterval(-60),
                notAfter: now.addingTimeInterval(90 * 86_400)))
        return engine
    }
}
