import Foundation
import Testing
import Undertone
import UndertoneTesting

/// Events of a chat, as a host takes them (R41).
@Suite struct EventsTests {
    private let batch = 500
    private let batches = 22

    @Test func whoFallsBehindIsToldToReadEverythingAnew() async throws {
        try await acquainted { network, _, bea, _ in
            let events = await bea.events()
            for number in 0..<batches { try await refuse(network, bea, number) }
            let found = await all(events, of: bea)
            #expect(found.first.map(isResync) == true)
            #expect(found.filter(isResync).count == 1)
            #expect(found.count > 1 && found.count < batches * batch)
        }
    }

    @Test func whoKeepsUpIsToldEverything() async throws {
        try await acquainted { network, _, bea, _ in
            let events = await bea.events()
            for number in 0..<2 { try await refuse(network, bea, number) }
            let found = await all(events, of: bea)
            let refused = found.filter { if case .refused = $0 { true } else { false } }
            #expect(refused.count == 2 * batch)
            #expect(!found.contains(where: isResync))
            #expect(await all(bea.events(), of: bea).isEmpty)
        }
    }

    /// All events until the chat is closed.
    private func all(_ events: AsyncStream<Event>, of chat: Undertone) async -> [Event] {
        await chat.close()
        var found: [Event] = []
        for await event in events { found.append(event) }
        return found
    }

    private func isResync(_ event: Event) -> Bool { if case .resync = event { true } else { false } }

    /// Makes an event for each of a batch of envelopes that are none, all of which are handed on.
    private func refuse(_ network: Network, _ chat: Undertone, _ number: Int) async throws {
        let first = UInt64(1_000 + number * batch)
        let deliveries = (0..<UInt64(batch)).map {
            Delivery(id: DeliveryId(number: first + $0), acceptedAt: Date(), envelope: Data("\u{1}garbage".utf8))
        }
        try await chat.run { try $0.receive(deliveries: deliveries) }
        await network.settle()
    }
}
