import Foundation

/// A lock that tasks wait for without a thread, in the order in which they ask. Whoever gives it back need not be the task
/// that took it.
final class Turn: @unchecked Sendable {
    private let lock = NSLock()
    private var taken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// How many wait: what a test looks at.
    var waitingCount: Int { lock.withLock { waiting.count } }

    /// Waits until all who asked before have given it back.
    func take() async {
        await withCheckedContinuation { continuation in
            let mine = lock.withLock {
                if taken { waiting.append(continuation) }
                defer { taken = true }
                return !taken
            }
            if mine { continuation.resume() }
        }
    }

    /// Lets the next one go on.
    func giveBack() {
        let next: CheckedContinuation<Void, Never>? = lock.withLock {
            if waiting.isEmpty {
                taken = false
                return nil
            }
            return waiting.removeFirst()
        }
        next?.resume()
    }
}
