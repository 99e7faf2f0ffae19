import Foundation
@_exported import Undertone

/// The reference relay at an address, like `ws://127.0.0.1:8787`.
///
/// On Linux an address is `ws://` and nothing else, of a relay on the same machine: with another one, `online` throws `Refused`
/// with the code `websocket.scheme`. On Apple's platforms it may be `wss://`, too.
public func relayTransport(_ address: String) -> FrameTransport {
    FrameTransport { use in
        let webSocket = try await WebSocket.connect(to: path(address, "/v1"))
        defer { webSocket.close() }
        try await use(webSocket)
    }
}

/// A relay that was started with `--demo` certifies whoever asks. For trying things out only.
public struct Demo: Sendable {
    private let address: String

    /// The demonstration's authority at a relay's address.
    public init(_ address: String) { self.address = address }

    /// What an engine must trust.
    public func publicKey() async throws -> Data {
        try await talk { try await answer(of: $0) }
    }

    /// A certificate for a device in a role.
    public func certify(_ request: Data, as role: Role) async throws -> Data {
        try await talk { webSocket in
            _ = try await answer(of: webSocket)
            try await webSocket.send(demoWish(role: role, enrolmentRequest: request))
            return try await answer(of: webSocket)
        }
    }

    private func talk(_ words: (WebSocket) async throws -> Data) async throws -> Data {
        let webSocket = try await WebSocket.connect(to: path(address, "/demo/enrol"))
        defer { webSocket.close() }
        return try await words(webSocket)
    }

    private func answer(of webSocket: WebSocket) async throws -> Data {
        guard let answer = try await webSocket.next() else { throw Disconnected() }
        return answer
    }
}

private func path(_ address: String, _ path: String) throws -> URL {
    guard let url = URL(string: address.trimmingCharacters(in: ["/"]) + path) else { throw Disconnected(code: "address") }
    return url
}
