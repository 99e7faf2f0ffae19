import Foundation

/// Runs calls of one engine, one after the other, off the threads that show things and off those that tasks share.
final class Worker: @unchecked Sendable {
    private let queue = DispatchQueue(label: "dev.undertone")
    private let lock = NSLock()
    private var calls = 0

    /// Whether a call waits or runs.
    var isBusy: Bool { lock.withLock { calls > 0 } }

    /// A call whose task is cancelled still comes to its end.
    func run<T: Sendable>(_ call: @escaping @Sendable () throws -> T) async throws -> T {
        lock.withLock { calls += 1 }
        defer { lock.withLock { calls -= 1 } }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try call() }) }
        }
    }
}
