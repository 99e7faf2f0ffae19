import Foundation
import UndertoneEngine

/// The connection, which is made anew whenever it ends.
extension Undertone {
    private static let retryFirst = 0.5
    private static let retryMost = 60.0

    func stayConnected(_ transport: any Transport) async {
        defer { connecting = nil }
        var wait = Self.retryFirst
        while !Task.isCancelled, failure == nil {
            do {
                try await transport.run(ChatLink(chat: self))
            } catch is Refused {
                _ = await offline()
                return tell(.certificateNeeded)
            } catch {}
            if await offline() { wait = Self.retryFirst }
            try? await Task.sleep(nanoseconds: UInt64(wait * Double.random(in: 0.5...1) * 1_000_000_000))
            wait = min(wait * 2, Self.retryMost)
        }
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
        for waiter in connectionWaiters.values { waiter.finish() }
        try await run { try $0.connected(login: login) }
    }
}

/// What a transport tells a chat's engine.
private struct ChatLink: Link {
    let chat: Undertone

    func certificate() async throws -> Data { try await chat.identity.certificate().bytes }
    func answer(challenge: Data) async throws -> Data { try await chat.identity.answerChallenge(challenge: challenge) }
    func connected(_ login: Login) async throws { try await chat.connected(login) }
    func received(_ deliveries: [Delivery]) async throws { try await chat.run { try $0.receive(deliveries: deliveries) } }
    func mailWaiting() async throws { try await chat.run { try $0.mailWaiting() } }
    func directoryChanged(_ user: UserId) async throws { try await chat.run { try $0.directoryChanged(user: user) } }
    func revoked(_ list: Data) async throws { try await chat.identity.revoke(list: list) }
}
