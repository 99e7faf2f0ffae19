import Foundation
import UndertoneEngine

/// What has happened and waits for one who listens.
final class Listener: @unchecked Sendable {
    /// So many events wait for who is slow to take them.
    private static let kept = 10_000

    private let lock = NSLock()
    private var events: ArraySlice<Event> = []
    private let woken: AsyncStream<Void>.Continuation

    /// `woken` is told whenever there is something to take.
    init(_ woken: AsyncStream<Void>.Continuation) { self.woken = woken }

    func hear(_ event: Event) {
        lock.withLock {
            // Who falls behind reads everything anew: what was not taken yet says nothing more, and might mislead.
            if events.count < Self.kept { events.append(event) } else { events = [.resync] }
        }
        woken.yield()
    }

    /// What it hears, by the other end of `woken`.
    func heard(_ wakes: AsyncStream<Void>) -> AsyncStream<Event> {
        AsyncStream(unfolding: {
            var wakes = wakes.makeAsyncIterator()
            while true {
                if let event = self.take() { return event }
                // What came before the end is taken first.
                if await wakes.next() == nil { return self.take() }
            }
        })
    }

    /// What has waited longest.
    private func take() -> Event? { lock.withLock { events.popFirst() } }

    /// There will be no more.
    func end() { woken.finish() }
}
