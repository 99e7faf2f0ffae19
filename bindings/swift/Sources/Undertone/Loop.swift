import Foundation
import UndertoneEngine

/// What an engine has for its relay.
struct Transmit: Sendable {
    let id: TransmitId
    let envelopes: [Data]
}

/// The loop: drains the engine, and does what it says.
extension Undertone {
    private static let batch: UInt32 = 256

    /// Drains the engine, does what it says, and waits until there is more.
    func drive() async {
        var wakes = signal.makeAsyncIterator()
        do {
            while let drained = try await drain() {
                if drained.more { continue }
                wakeAt = drained.wakeAt
                watch()
                let timer = sleeper(until: drained.wakeAt)
                waiting = true
                let woken: Void? = await wakes.next()
                waiting = false
                timer?.cancel()
                if woken == nil { return }
                if let at = drained.wakeAt, at <= now() { try await timeOut() }
            }
        } catch {
            if !closed { fail(error) }
        }
    }

    /// Drains once, while nobody has suspended the engine; `nil` when this chat is closed.
    private func drain() async throws -> Drained? {
        await turn.take()
        defer { turn.giveBack() }
        if closed { return nil }
        let drained = try await run { try $0.drain(limit: Self.batch) }
        try await perform(drained)
        return drained
    }

    private func timeOut() async throws {
        await turn.take()
        defer { turn.giveBack() }
        if !closed { try await run { try $0.handleTimeout() } }
    }

    private func fail(_ error: any Error) {
        failure = error
        for subscriber in subscribers.values { subscriber.yield() }
        for listener in listeners.values { listener.end() }
        wakeWaiters()
        connecting?.cancel()
    }

    /// One task that waits for the engine, however often the loop turns.
    private func watch() {
        guard watching == nil else { return }
        let engine = engine
        watching = Task {
            try? await engine.ready()
            self.watching = nil
            self.signalled.yield()
        }
    }

    private func sleeper(until: Date?) -> Task<Void, Never>? {
        guard let until else { return nil }
        let left = until.timeIntervalSince(now())
        // A clock that a test moves wakes the engine itself.
        if clock != nil, left > 0 { return nil }
        // At most a while, so that a clock that was set is noticed.
        let nanoseconds = UInt64(min(max(left, 0.005), 30) * 1_000_000_000)
        let signalled = signalled
        return Task {
            do { try await Task.sleep(nanoseconds: nanoseconds) } catch { return }
            signalled.yield()
        }
    }

    private func perform(_ drained: Drained) async throws {
        var acknowledged: [DeliveryId] = []
        var news = false
        for output in drained.outputs {
            switch output {
            case .transmit(let id, let envelopes):
                queued += 1
                toTransmit.yield(Transmit(id: id, envelopes: envelopes))
            case .acknowledge(let delivery): acknowledged.append(delivery)
            case .request(let id, let request): spawn { await self.answer(id, request) }
            case .event(let event):
                news = true
                tell(event)
                if case .certificateNeeded = event, let certifier { spawn { await certifier.replace() } }
            }
        }
        if !acknowledged.isEmpty, let transport {
            let deliveries = acknowledged
            // What is not acknowledged is delivered again, and then acknowledged again.
            spawn { try? await abandonable { try await transport.acknowledge(deliveries) } }
        }
        if news, !subscribers.isEmpty {
            let subscriptions = subscriptions
            for number in try await worker.run({ try subscriptions.ready() }) { subscribers[number]?.yield() }
        }
    }

    /// Shows an event to whoever listens.
    func tell(_ event: Event) {
        for listener in listeners.values { listener.hear(event) }
    }

    /// Hands transmits to the transport, each when it has taken over the one before; their answers come as they come.
    func sendInOrder() async {
        for await transmit in transmits {
            let handing = Task { await self.hand(transmit) }
            self.handing = handing
            // Between two transmits, nobody could have cancelled this one.
            if closed { handing.cancel() }
            await handing.value
            self.handing = nil
            queued -= 1
        }
    }

    private func hand(_ transmit: Transmit) async {
        guard let transport, isOnline, !closed,
            let answer = try? await abandonable({ try await transport.send(transmit.envelopes) })
        else { return spawn { await self.sent(transmit.id, .failed) } }
        spawn {
            let result = try? await withTaskCancellationHandler {
                try await abandonable { try await answer.value }
            } onCancel: {
                answer.cancel()
            }
            await self.sent(transmit.id, result ?? .failed)
        }
    }

    private func sent(_ id: TransmitId, _ result: TransmitResult) async {
        // An answer to what nobody waits for any more comes to nothing; a fault of the engine, the loop meets as well.
        if id.number != 0 { try? await run { try $0.transmitDone(id: id, result: result) } }
    }

    private func answer(_ id: RequestId, _ request: Request) async {
        let answer = (try? await answer(request)) ?? .failed
        try? await run { try $0.requestDone(id: id, answer: answer) }
    }

    private func answer(_ request: Request) async throws -> Answer {
        if case .fallback = request {
            // Without another channel there is nobody to tell, now and later.
            guard let fallback = services.fallback else { return .notified }
            return try await abandonable { try await fallback(request) } ? .notified : .failed
        }
        guard let transport, isOnline else { return .failed }
        guard case .fetch(let since) = request else {
            return try await abandonable { try await transport.directory(request) }
        }
        let page = try await abandonable { try await transport.fetch(since: since) }
        try await run { try $0.receive(deliveries: page.deliveries) }
        return .fetched(next: page.next)
    }

    /// Does something beside the loop, until it is done or this chat is closed.
    func spawn(_ task: @escaping @Sendable () async -> Void) {
        let id = UUID()
        work[id] = Task {
            await task()
            self.work[id] = nil
        }
        if closed { work[id]?.cancel() }
    }
}
