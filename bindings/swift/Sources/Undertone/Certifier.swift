import Foundation
import UndertoneEngine

/// Has the platform certify this device, and certify it anew.
final class Certifier: Sendable {
    private let identity: ChatIdentity
    private let certify: @Sendable (Data) async throws -> Data
    /// The engine and the relay may both say, at about the same time, that a certificate is of no use any more.
    private let turn = Turn()

    init(_ identity: ChatIdentity, _ certify: @escaping @Sendable (Data) async throws -> Data) {
        self.identity = identity
        self.certify = certify
    }

    func enrol() async throws {
        let certify = certify
        let request = try await identity.enrolmentRequest()
        try await identity.enrol(certificate: abandonable { try await certify(request) })
    }

    /// Gets another certificate than `old`, or than the one that there is, unless there is another by now. If that fails, it
    /// is for whoever needs one to try again.
    func replace(_ old: Data? = nil) async {
        let former = if let old { old } else { await current() }
        await turn.take()
        defer { turn.giveBack() }
        if !Task.isCancelled, await current() == former { try? await enrol() }
    }

    private func current() async -> Data? { try? await identity.certificate().bytes }
}
