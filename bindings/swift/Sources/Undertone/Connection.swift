import Foundation
import UndertoneEngine

/// The connection, which is made anew whenever it ends.
extension Undertone {
    /// Another copy of this device has come, or the relay speaks another version: no certificate helps.
    private static let noMatterOfCertificates: Set<String> = ["closing.replaced", "closing.version"]
    private static let retryFirst = 0.5
    private static let retryMost = 60.0

    /// Why the relay does not let this device in, if nothing is to be done about it; `nil` when this is told to end.
    func stayConnected(_ transport: any Transport) async -> Refused? {
        var wait = Self.retryFirst
        while !Task.isCancelled, failure == nil {
            var refused: Refused?
            do {
                try await transport.run(ChatLink(chat: self))
            } catch let error as Refused {
                refused = error
            } catch {}
            if await offline() { wait = Self.retryFirst }
            if let refused, await !isMended(refused) { return refused }
            try? await Task.sleep(nanoseconds: UInt64(wait * Double.random(in: 0.5...1) * 1_000_000_000))
            wait = min(wait * 2, Self.retryMost)
        }
        return nil
    }

    /// The relay does not let this device in: whether something was done about it. Another certificate is what a platform can
    /// give; if it could not now, it can later.
    private func isMended(_ refused: Refused) async -> Bool {
        tell(.certificateNeeded)
        if Self.noMatterOfCertificates.contains(refused.code) { return false }
        // Who was shown none did not refuse it.
        guard let certifier, let shown else { return false }
        try? await abandonable { await certifier.replace(shown) }
        return true
    }

    fileprivate func certificate() async throws -> Data {
        let certificate = try await identity.certificate().bytes
        shown = certificate
        return certificate
    }

    /// A connection has ended; whether this device was logged in.
    private func offline() async -> Bool {
        guard isOnline else { return false }
        isOnline = false
        // Whatever the transport does with it: the engine gives it out again.
        handing?.cancel()
        try? await run { try $0.disconnected() }
        return true
    }

    fileprivate func connected(_ login: Login) async throws {
        isOnline = true
        wakeWaiters()
        try await run { try $0.connected(login: login) }
    }
}

/// What a transport tells a chat's engine.
private struct ChatLink: Link {
    let chat: Undertone

    func certificate() async throws -> Data { try await chat.certificate() }
    func answer(challenge: Data) async throws -> Data { try await chat.identity.answerChallenge(challenge: challenge) }
    func connected(_ login: Login) async throws { try await chat.connected(login) }
    func received(_ deliveries: [Delivery]) async throws { try await chat.run { try $0.receive(deliveries: deliveries) } }
    func mailWaiting() async throws { try await chat.run { try $0.mailWaiting() } }
    func directoryChanged(_ user: UserId) async throws { try await chat.run { try $0.directoryChanged(user: user) } }
    func revoked(_ list: Data) async throws { try await chat.identity.revoke(list: list) }
}
