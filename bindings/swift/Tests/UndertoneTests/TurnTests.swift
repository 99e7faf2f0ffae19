import Foundation
import Testing
@testable import Undertone

/// What the loop, and whoever suspends it, wait for (R41).
@Suite struct TurnTests {
    @Test func whoAskedFirstGoesFirst() async {
        let turn = Turn()
        await turn.take()
        let (order, entered) = AsyncStream<Int>.makeStream()
        for number in 0..<10 {
            // One waits before the next asks.
            let asked = turn.waitingCount
            Task {
                await turn.take()
                entered.yield(number)
                turn.giveBack()
            }
            while turn.waitingCount == asked { await Task.yield() }
        }
        turn.giveBack()
        var found: [Int] = []
        for await number in order {
            found.append(number)
            if found.count == 10 { break }
        }
        #expect(found == Array(0..<10))
    }

    @Test func nobodyIsInsideWithAnother() async {
        let turn = Turn()
        let inside = Inside()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    await turn.take()
                    await inside.enter()
                    await Task.yield()
                    await inside.leave()
                    turn.giveBack()
                }
            }
        }
        #expect(await inside.most == 1)
    }

    @Test func workOfAHostIsGivenUpAtOnce() async {
        let (never, held) = AsyncStream<Void>.makeStream()
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let task = Task {
            try await abandonable {
                begins.yield()
                // In a task of its own, which nobody cancels.
                await Task { for await _ in never {} }.value
            }
        }
        for await _ in begun { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        held.finish()
    }

    @Test func workOfAHostComesToWhatItComesTo() async throws {
        #expect(try await abandonable { 7 } == 7)
        await #expect(throws: Disconnected.self) { try await abandonable { throw Disconnected() } }
    }
}

private actor Inside {
    private(set) var most = 0
    private var now = 0

    func enter() {
        now += 1
        most = max(most, now)
    }

    func leave() { now -= 1 }
}
