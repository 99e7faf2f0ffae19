import Foundation
import UndertoneEngine

/// What happens, as it happens.
extension Undertone {
    private static let page: UInt32 = 50

    /// What happens from now on, until the chat is closed. Who falls 10,000 events behind is given `Event.resync` instead of
    /// what was not taken yet, and reads everything anew.
    public func events() -> AsyncStream<Event> {
        let (wakes, woken) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let listener = Listener(woken)
        listen(listener, woken)
        return listener.heard(wakes)
    }

    private func listen(_ listener: Listener, _ woken: AsyncStream<Void>.Continuation) {
        if failure != nil || closed { return listener.end() }
        let id = UUID()
        listeners[id] = listener
        woken.onTermination = { [weak self] _ in
            Task { [weak self] in await self?.forget(listener: id) }
        }
    }

    /// What changes of a topic from now on, as it is when it is taken.
    public nonisolated func updates(of topic: Topic) -> AsyncThrowingStream<Update, any Error> {
        stream { emit in
            try await self.subscribed(to: topic) { updates in
                for update in updates { emit(update) }
            }
        }
    }

    /// What is unread in a conversation, oldest first, and then each message as it comes; with `own` those of this user as well,
    /// from now on.
    public nonisolated func messages(
        in conversation: ConversationId, own: Bool = false
    ) -> AsyncThrowingStream<Message, any Error> {
        stream { emit in
            var last = try await self.messages.page(conversation: conversation, cursor: .newest, limit: 1).messages.first?.key
            var shown: Set<MessageKey>?
            try await self.subscribed(to: .conversation(conversation: conversation)) { updates in
                if shown == nil {
                    let unread = try await self.unread(conversation)
                    unread.forEach(emit)
                    shown = Set(unread.map(\.key))
                }
                for update in updates {
                    let added: [Message] =
                        switch update {
                        case .messageAdded(let message): [message]
                        case .resync: try await self.since(conversation, last)
                        default: []
                        }
                    for message in added {
                        last = max(last ?? message.key, message.key)
                        if shown?.contains(message.key) != true, own || !message.own { emit(message) }
                    }
                }
            }
        }
    }

    /// Every unread message of every conversation, oldest first in each, once, as long as this is iterated. Mark as read what
    /// was dealt with: what was not is given again by the next program.
    public nonisolated func incoming() -> AsyncThrowingStream<Message, any Error> {
        stream { emit in
            // What was given and is unread still; what was read does not come again.
            var given: [ConversationId: Set<MessageRef>] = [:]
            var begun = false
            try await self.subscribed(to: .conversations) { updates in
                for conversation in try await self.changed(updates, all: !begun) {
                    let unread = try await self.unread(conversation)
                    for message in unread where given[conversation]?.contains(message.reference) != true { emit(message) }
                    given[conversation] = Set(unread.map(\.reference))
                }
                begun = true
            }
        }
    }

    /// The conversations of updates that have something unread, or all that have.
    private nonisolated func changed(_ updates: [Update], all: Bool) async throws -> [ConversationId] {
        var found: [ConversationId] = []
        for update in updates {
            switch update {
            case .conversation(let conversation): if conversation.unread > 0 { found.append(conversation.id) }
            case .resync: return try await unread()
            default: break
            }
        }
        return all ? try await unread() : found
    }

    /// The conversations that have something unread.
    private nonisolated func unread() async throws -> [ConversationId] {
        var found: [ConversationId] = []
        var cursor: ConversationCursor?
        repeat {
            let page = try await conversations.page(cursor: cursor)
            found += page.conversations.filter { $0.unread > 0 }.map(\.id)
            cursor = page.next
        } while cursor != nil
        return found
    }

    /// What is unread in a conversation, oldest first.
    private nonisolated func unread(_ conversation: ConversationId) async throws -> [Message] {
        var found: [Message] = []
        var cursor = Cursor.newest
        while true {
            let page = try await messages.page(conversation: conversation, cursor: cursor, limit: Self.page)
            found += page.messages.filter(\.unread)
            guard let first = page.firstUnread, page.more, let oldest = page.messages.last,
                !page.messages.contains(where: { $0.key <= first })
            else { return found.reversed() }
            cursor = .before(key: oldest.key)
        }
    }

    /// Everything behind a place, oldest first.
    private nonisolated func since(_ conversation: ConversationId, _ from: MessageKey?) async throws -> [Message] {
        guard var last = from else {
            return try await messages.page(conversation: conversation, cursor: .newest, limit: Self.page).messages.reversed()
        }
        var found: [Message] = []
        while true {
            let page = try await messages.page(conversation: conversation, cursor: .after(key: last), limit: Self.page)
            found += page.messages.reversed()
            guard page.more, let newest = page.messages.first else { return found }
            last = newest.key
        }
    }

    private nonisolated func stream<T: Sendable>(
        _ feed: @escaping @Sendable (_ emit: @escaping @Sendable (T) -> Void) async throws -> Void
    ) -> AsyncThrowingStream<T, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    try await feed { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private nonisolated func subscribed(
        to topic: Topic, _ take: ([Update]) async throws -> Void
    ) async throws {
        let subscriptions = subscriptions
        let number = try await worker.run { try subscriptions.open(topic: topic) }
        let (ready, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        await add(subscriber: continuation, number)
        continuation.yield()
        do {
            for await _ in ready {
                try await check()
                try await take(worker.run { try subscriptions.take(id: number) })
            }
        } catch {
            await end(number)
            throw error
        }
        await end(number)
    }

    private func add(subscriber: AsyncStream<Void>.Continuation, _ number: SubscriptionId) {
        subscribers[number] = subscriber
        if closed { subscriber.finish() }
    }

    private func end(_ number: SubscriptionId) async {
        subscribers[number] = nil
        let subscriptions = subscriptions
        _ = try? await worker.run { try subscriptions.end(id: number) }
    }

    private func forget(listener: UUID) { listeners[listener] = nil }
}
