#if !os(Linux)
import Foundation
import Undertone

/// A WebSocket of the system's.
final class WebSocket: Socket, Sendable {
    private let task: URLSessionWebSocketTask

    private init(_ task: URLSessionWebSocketTask) { self.task = task }

    static func connect(to url: URL) async throws -> WebSocket {
        let task = URLSession.shared.webSocketTask(with: url)
        task.maximumMessageSize = 32 * 1024 * 1024
        task.resume()
        return WebSocket(task)
    }

    func send(_ frame: Data) async throws { try await task.send(.data(frame)) }

    func next() async throws -> Data? {
        while true {
            if case .data(let frame) = try await task.receive() { return frame }
        }
    }

    func close() { task.cancel(with: .normalClosure, reason: nil) }
}
#endif
