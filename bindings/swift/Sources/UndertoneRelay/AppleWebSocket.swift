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

    // The system's calls do not hear of a cancelled task: they end with the connection.

    func send(_ frame: Data) async throws {
        try await withTaskCancellationHandler {
            try await task.send(.data(frame))
        } onCancel: {
            close()
        }
    }

    func next() async throws -> Data? {
        try await withTaskCancellationHandler {
            while true {
                if case .data(let frame) = try await task.receive() { return frame }
            }
        } onCancel: {
            close()
        }
    }

    func close() { task.cancel(with: .normalClosure, reason: nil) }
}
#endif
