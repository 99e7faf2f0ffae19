import Foundation
import UndertoneEngine

/// A chat: one device of one user, with tasks, a transport, and the platform's services.
///
/// Its nouns (`conversations`, `messages`, `calls`, …) have every call of the engine, which runs off the threads that show
/// things. A call whose task is cancelled still comes to its end, and the engine is as it would be without that. Close it when
/// it is not needed any more: what waits to be sent goes out when it is opened again.
public actor Undertone {
    /// The engine itself, whose calls block. What they bring is done by this chat.
    public nonisolated let engine: Engine
    /// The conversations of this user.
    public nonisolated let conversations: ChatConversations
    /// The messages of this user's conversations.
    public nonisolated let messages: ChatMessages
    /// The files of messages.
    public nonisolated let attachments: ChatAttachments
    /// Calls of this user.
    public nonisolated let calls: ChatCalls
    /// Users, devices and certificates.
    public nonisolated let identity: ChatIdentity
    /// What others are told of this user, and what this user decided of them.
    public nonisolated let privacy: ChatPrivacy
    /// What a system's notifications may say.
    public nonisolated let notifications: ChatNotifications
    /// Whose device this is.
    public nonisolated let user: UserId
    /// Which device this is.
    public nonisolated let device: DeviceId

    private static let abi: UInt32 = 1
    private static let batch: UInt32 = 256
    private static let page: UInt32 = 50
    private static let retryFirst = 0.5
    private static let retryMost = 60.0

    private nonisolated let worker: Worker
    private nonisolated let subscriptions: Subscriptions
    private let transport: (any Transport)?
    private let services: Services
    private let clock: ManualClock?

    private var driving: Task<Void, Never>?
    private var connecting: Task<Void, Never>?
    private var work: [UUID: Task<Void, Never>] = [:]
    private var subscribers: [SubscriptionId: AsyncStream<Void>.Continuation] = [:]
    private var listeners: [UUID: AsyncStream<Event>.Continuation] = [:]
    private var failure: (any Error)?
    private var closed = false
    private var watching = false
    private var waiting = false
    private var suspended = false
    private var draining = false
    private let signal: AsyncStream<Void>
    private let signalled: AsyncStream<Void>.Continuation

    /// Whether there is a connection and this device is logged in.
    public private(set) var isOnline = false
    /// When the engine next wants to do something by itself; `nil` for never.
    public private(set) var wakeAt: Date?

    /// Opens the chat of a device, or makes it the first time. `hostKey` is 32 bytes that the platform's keystore keeps.
    /// Without a `transport` the chat is offline.
    public static func open(
        config: Config,
        store: Store,
        hostKey: Data,
        transport: (any Transport)? = nil,
        services: Services = Services(),
        clock: ManualClock? = nil
    ) async throws -> Undertone {
        precondition(abiVersion() == abi, "this library is of another version than its Swift code: install both together")
        let worker = Worker()
        let engine = try await worker.run {
            if let clock {
                try Engine.openWithClock(config: config, store: store, hostKey: hostKey, clock: clock)
            } else {
                try Engine.open(config: config, store: store, hostKey: hostKey)
            }
        }
        let chat = try Undertone(engine, worker, transport, services, clock)
        do {
            try await chat.start()
        } catch {
            await chat.close()
            throw error
        }
        return chat
    }

    private init(
        _ engine: Engine, _ worker: Worker, _ transport: (any Transport)?, _ services: Services, _ clock: ManualClock?
    ) throws {
        self.engine = engine
        self.worker = worker
        self.transport = transport
        self.services = services
        self.clock = clock
        conversations = ChatConversations(noun: try engine.conversations(), worker: worker)
        messages = ChatMessages(noun: try engine.messages(), worker: worker)
        attachments = ChatAttachments(noun: try engine.attachments(), worker: worker)
        calls = ChatCalls(noun: try engine.calls(), worker: worker)
        identity = ChatIdentity(noun: try engine.identity(), worker: worker)
        privacy = ChatPrivacy(noun: try engine.privacy(), worker: worker)
        notifications = ChatNotifications(noun: try engine.notifications(), worker: worker)
        subscriptions = try engine.subscriptions()
        user = try engine.user()
        device = try engine.device()
        (signal, signalled) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    private func start() async throws {
        if let certify = services.certify, case .unenrolled = try await diagnose().certificate {
            try await identity.enrol(certificate: certify(identity.enrolmentRequest()))
        }
        driving = Task { await self.drive() }
        if transport != nil { connect() }
    }

    /// Connects, and connects anew whenever the connection ends.
    public func connect() {
        guard let transport, connecting == nil, !closed else { return }
        connecting = Task { await self.stayConnected(transport) }
    }

    /// Stays offline until `connect`.
    public func disconnect() async {
        connecting?.cancel()
        await connecting?.value
        connecting = nil
    }

    /// How this engine does, in numbers and codes: without content, keys or ids.
    public nonisolated func diagnose() async throws -> Diagnosis { try await run { try $0.diagnose() } }

    /// Bytes of the store's files, and of the rows that they hold.
    public nonisolated func usage() async throws -> Usage { try await run { try $0.usage() } }

    /// Releases every lock and file, so that the system may freeze the process. It disconnects.
    public func suspend() async throws {
        await disconnect()
        suspended = true
        // The turn that is under way comes to its end first.
        while draining { try await Task.sleep(nanoseconds: 1_000_000) }
        do {
            try await run { try $0.suspend() }
        } catch {
            suspended = false
            signalled.yield()
            throw error
        }
    }

    /// Takes the locks and files back, and connects.
    public func resume() async throws {
        try await run { try $0.resume() }
        suspended = false
        signalled.yield()
        connect()
    }

    /// Logs the user out: wipes everything that this device keeps of them, and closes the chat.
    public func wipe(loseUnsent: Bool = false) async throws {
        await disconnect()
        suspended = true
        while draining { try await Task.sleep(nanoseconds: 1_000_000) }
        do {
            try await run { try $0.wipe(loseUnsent: loseUnsent) }
        } catch {
            suspended = false
            signalled.yield()
            throw error
        }
        await close()
    }

    /// Runs calls of the engine off the threads that show things: `try await chat.run { try $0.usage() }`.
    public nonisolated func run<T: Sendable>(_ calls: @escaping @Sendable (Engine) throws -> T) async throws -> T {
        let engine = engine
        return try await worker.run { try calls(engine) }
    }

    /// Sends a text. It is in the conversation at once, and goes out as soon as it can.
    @discardableResult
    public nonisolated func send(_ text: String, to conversation: ConversationId) async throws -> MessageId {
        try await messages.send(conversation: conversation, draft: Draft(text: text))
    }

    /// Ends the chat and releases its store. It waits for the call that is under way.
    public func close() async {
        guard !closed else { return }
        closed = true
        connecting?.cancel()
        driving?.cancel()
        signalled.finish()
        for task in work.values { task.cancel() }
        await connecting?.value
        await driving?.value
        for task in work.values { await task.value }
        try? await run { try $0.shutDown() }
        for listener in listeners.values { listener.finish() }
        for subscriber in subscribers.values { subscriber.finish() }
    }

    /// Whether this chat has nothing to do but to wait, for time or for others: what a test looks at.
    public func isIdle() -> Bool {
        if failure != nil || closed { return true }
        return waiting && work.isEmpty && !worker.isBusy && (try? engine.isReady()) == false
    }

    /// What happens from now on. Who cannot keep up with 10,000 events misses the oldest, and reads everything anew.
    public func events() -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream<Event>.makeStream(bufferingPolicy: .bufferingNewest(10_000))
        let id = UUID()
        listeners[id] = continuation
        continuation.onTermination = { _ in Task { await self.forget(listener: id) } }
        return stream
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

    /// Sends a message with the file at `path`, and uploads it; returns when it is uploaded.
    @discardableResult
    public func sendFile(
        _ path: String, as attachment: Attachment, to conversation: ConversationId, draft: Draft = Draft()
    ) async throws -> MessageId {
        let message = try await attachments.send(conversation: conversation, attachment: attachment, draft: draft)
        try await upload(path, of: message, in: conversation)
        return message
    }

    /// Uploads the file of a message, or goes on with it.
    public func upload(_ path: String, of message: MessageId, in conversation: ConversationId) async throws {
        let blobs = try needBlobs()
        let name = "\(device.hex)-\(message.hex)"
        let reference = MessageRef(author: user, id: message)
        while let transfer = try await attachments.transfer(conversation: conversation, message: reference),
            transfer.way == .up
        {
            guard let piece = transfer.next else {
                let location = try await blobs.location(name)
                return try await attachments.finish(conversation: conversation, id: message, location: location)
            }
            let stored = try await attachments.sealFromPath(
                conversation: conversation, id: message, piece: piece.number, path: path)
            try await blobs.put(name, start: piece.stored.start, data: stored)
        }
    }

    /// Downloads the file of a message to `path`, or goes on with it.
    public func saveFile(of message: MessageRef, in conversation: ConversationId, to path: String) async throws {
        let blobs = try needBlobs()
        let content = try await messages.get(conversation: conversation, message: message).content
        try await attachments.download(conversation: conversation, message: message)
        guard case .attachment(let attachment) = content, let location = attachment.location else { return }
        while let piece = try await attachments.transfer(conversation: conversation, message: message)?.next {
            let stored = try await blobs.get(location, start: piece.stored.start, end: piece.stored.end)
            try await attachments.openToPath(
                conversation: conversation, message: message, piece: piece.number, stored: stored, path: path)
        }
    }

    private func needBlobs() throws -> any Blobs {
        guard let blobs = services.blobs else {
            throw UndertoneError.Misuse(code: "misuse.blobs", text: "this chat has no place for files: give it blobs")
        }
        return blobs
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

    private func check() throws {
        if let failure { throw failure }
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

    /// What is unread, oldest first.
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

    /// Drains the engine, does what it says, and waits until there is more.
    private func drive() async {
        var wakes = signal.makeAsyncIterator()
        do {
            while !closed {
                // Whoever resumes the engine says so.
                while suspended {
                    waiting = true
                    if await wakes.next() == nil { return }
                }
                draining = true
                defer { draining = false }
                let drained = try await run { try $0.drain(limit: Self.batch) }
                try await perform(drained)
                if drained.more { continue }
                wakeAt = drained.wakeAt
                draining = false
                watch()
                let timer = sleeper(until: drained.wakeAt)
                waiting = true
                let woken: Void? = await wakes.next()
                waiting = false
                timer?.cancel()
                if woken == nil { return }
                if let at = drained.wakeAt, at <= now(), !suspended {
                    draining = true
                    try await run { try $0.handleTimeout() }
                }
            }
        } catch {
            if closed { return }
            failure = error
            for subscriber in subscribers.values { subscriber.yield() }
            for listener in listeners.values { listener.finish() }
            connecting?.cancel()
        }
    }

    /// One task that waits for the engine, however often the loop turns.
    private func watch() {
        guard !watching else { return }
        watching = true
        let engine = engine
        Task {
            try? await engine.ready()
            self.watching = false
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

    private func now() -> Date { (try? clock?.now()) ?? Date() }

    private func perform(_ drained: Drained) async throws {
        var acknowledged: [DeliveryId] = []
        var news = false
        for output in drained.outputs {
            switch output {
            case .transmit(let id, let envelopes): spawn { await self.transmit(id, envelopes) }
            case .acknowledge(let delivery): acknowledged.append(delivery)
            case .request(let id, let request): spawn { await self.answer(id, request) }
            case .event(let event):
                news = true
                tell(event)
            }
        }
        if !acknowledged.isEmpty, let transport {
            let deliveries = acknowledged
            // What is not acknowledged is delivered again, and then acknowledged again.
            spawn { try? await transport.acknowledge(deliveries) }
        }
        if news, !subscribers.isEmpty {
            let subscriptions = subscriptions
            for number in try await worker.run({ try subscriptions.ready() }) { subscribers[number]?.yield() }
        }
    }

    private func tell(_ event: Event) {
        for listener in listeners.values { listener.yield(event) }
        if case .certificateNeeded = event, let certify = services.certify {
            let identity = identity
            spawn { try? await identity.enrol(certificate: certify(identity.enrolmentRequest())) }
        }
    }

    private func transmit(_ id: TransmitId, _ envelopes: [Data]) async {
        var result = TransmitResult.failed
        if let transport, isOnline, let sent = try? await transport.send(envelopes) { result = sent }
        let told = result
        // An answer to what nobody waits for any more comes to nothing; a fault of the engine, the loop meets as well.
        if id.number != 0 { try? await run { try $0.transmitDone(id: id, result: told) } }
    }

    private func answer(_ id: RequestId, _ request: Request) async {
        let answer = (try? await answer(request)) ?? .failed
        try? await run { try $0.requestDone(id: id, answer: answer) }
    }

    private func answer(_ request: Request) async throws -> Answer {
        if case .fallback = request {
            // Without another channel there is nobody to tell, now and later.
            guard let fallback = services.fallback else { return .notified }
            return try await fallback(request) ? .notified : .failed
        }
        guard let transport, isOnline else { return .failed }
        guard case .fetch(let since) = request else { return try await transport.directory(request) }
        let page = try await transport.fetch(since: since)
        try await run { try $0.receive(deliveries: page.deliveries) }
        return .fetched(next: page.next)
    }

    private func spawn(_ task: @escaping @Sendable () async -> Void) {
        let id = UUID()
        work[id] = Task {
            await task()
            self.work[id] = nil
        }
    }

    private func stayConnected(_ transport: any Transport) async {
        var wait = Self.retryFirst
        while !Task.isCancelled, failure == nil {
            var refused = false
            do {
                try await transport.run(ChatLink(chat: self))
            } catch is Refused {
                refused = true
            } catch {}
            if isOnline {
                wait = Self.retryFirst
                isOnline = false
                try? await run { try $0.disconnected() }
            }
            if refused {
                tell(.certificateNeeded)
                return
            }
            try? await Task.sleep(nanoseconds: UInt64(wait * Double.random(in: 0.5...1) * 1_000_000_000))
            wait = min(wait * 2, Self.retryMost)
        }
    }

    fileprivate func connected(_ login: Login) async throws {
        isOnline = true
        try await run { try $0.connected(login: login) }
    }
}

/// What a transport tells a chat's engine.
private struct ChatLink: Link {
    let chat: Undertone

    func certificate() async throws -> Data { try await chat.identity.certificate().bytes }
    func answer(challenge: Data) async throws -> Data { try await chat.identity.answerChallenge(challenge: challenge) }
    func connected(_ login: Login) async throws { try await chat.connected(login) }
    func received(_ deliveries: [Delivery]) async throws { try await chat.run { try $0.receive(deliveries: deliveries) } }
    func mailWaiting() async throws { try await chat.run { try $0.mailWaiting() } }
    func directoryChanged(_ user: UserId) async throws { try await chat.run { try $0.directoryChanged(user: user) } }
    func revoked(_ list: Data) async throws { try await chat.identity.revoke(list: list) }
}
