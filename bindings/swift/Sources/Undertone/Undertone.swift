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

    nonisolated let worker: Worker
    nonisolated let subscriptions: Subscriptions
    let transport: (any Transport)?
    let services: Services
    let certifier: Certifier?
    let clock: ManualClock?

    // The loop.
    var driving: Task<Void, Never>?
    var watching: Task<Void, Never>?
    var waiting = false
    var failure: (any Error)?
    let signal: AsyncStream<Void>
    let signalled: AsyncStream<Void>.Continuation
    /// Held by the loop while it drains, and while the engine is suspended.
    let turn = Turn()

    // What it has handed out.
    var work: [UUID: Task<Void, Never>] = [:]
    var sending: Task<Void, Never>?
    var handing: Task<Void, Never>?
    var queued = 0
    let transmits: AsyncStream<Transmit>
    let toTransmit: AsyncStream<Transmit>.Continuation

    // Who listens.
    var subscribers: [SubscriptionId: AsyncStream<Void>.Continuation] = [:]
    var listeners: [UUID: Listener] = [:]
    var connectionWaiters: [UUID: AsyncStream<Void>.Continuation] = [:]

    // Its life.
    var connecting: Task<Void, Never>?
    /// How often it was begun.
    private var connections = 0
    /// The certificate that a relay was shown last.
    var shown: Data?
    /// Why the relay does not let this device in, if nothing is to be done about it.
    private var refused: Refused?
    /// While something stops the engine: whether it connects if that fails.
    private var connectsLater: Bool?
    var suspended = false
    var closed = false
    /// Held by whoever suspends, resumes, wipes or closes: one after the other.
    private let life = Turn()

    /// Whether there is a connection and this device is logged in.
    public internal(set) var isOnline = false
    /// When the engine next wants to do something by itself; `nil` for never.
    public internal(set) var wakeAt: Date?

    /// Opens the chat of a device, or makes it the first time.
    ///
    /// - Parameters:
    ///   - config: Who this device's user is, whom it trusts, and what applies to new conversations.
    ///   - store: Where everything is kept, encrypted.
    ///   - hostKey: 32 bytes that the platform's keystore keeps. Without them the store cannot be read.
    ///   - transport: How this device speaks to its relay; without it the chat is offline.
    ///   - services: What the platform does beside its relay.
    ///   - clock: A clock that a test moves, in the place of the system's.
    /// - Throws: `UndertoneError`, and what `services.certify` throws when this device has no certificate yet. When its
    ///   certificate has run out or was revoked, the chat opens, and asks for another meanwhile.
    public static func open(
        config: Config,
        store: Store,
        hostKey: Data,
        transport: (any Transport)? = nil,
        services: Services = Services(),
        clock: ManualClock? = nil
    ) async throws -> Undertone {
        try checkLibrary()
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
        certifier = if let certify = services.certify { Certifier(identity, certify) } else { nil }
        subscriptions = try engine.subscriptions()
        user = try engine.user()
        device = try engine.device()
        (signal, signalled) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (transmits, toTransmit) = AsyncStream.makeStream()
    }

    private func start() async throws {
        if let certifier { try await certify(certifier) }
        driving = Task { await self.drive() }
        sending = Task { await self.sendInOrder() }
        goOnline()
    }

    /// A new device is of no use without a certificate; one whose certificate is of no use any more still shows what it has.
    private func certify(_ certifier: Certifier) async throws {
        switch try await diagnose().certificate {
        case .unenrolled: try await certifier.enrol()
        case .expired, .revoked: spawn { await certifier.replace() }
        default: break
        }
    }

    /// Connects, and connects anew whenever the connection ends. A chat that is suspended connects when it is resumed.
    ///
    /// - Throws: `misuse.transport` when this chat has no transport, `misuse.closed` when it was closed.
    public func connect() throws {
        if transport == nil {
            throw UndertoneError.Misuse(code: "misuse.transport", text: "this chat has no transport: open it with one")
        }
        try checkOpen()
        goOnline()
    }

    private func goOnline() {
        guard let transport, !closed, !suspended else { return }
        if connectsLater != nil { connectsLater = true } else if !isConnecting { connect(transport) }
    }

    private var isConnecting: Bool { connecting?.isCancelled == false }

    private func connect(_ transport: any Transport) {
        refused = nil
        let former = connecting
        connections += 1
        let number = connections
        connecting = Task {
            // One that was told to end may still be about to: a transport is run once at a time.
            await former?.value
            let refused = await self.stayConnected(transport)
            // Another may have been begun since this one was told to end.
            if number == self.connections { self.ended(refused) }
        }
    }

    private func ended(_ refused: Refused?) {
        connecting = nil
        self.refused = refused
        wakeWaiters()
    }

    /// Stays offline until `connect`.
    public func disconnect() async {
        if connectsLater != nil { connectsLater = false }
        await hangUp()
    }

    private func hangUp() async {
        // Who connects meanwhile has a connection that lasts.
        let connecting = connecting
        connecting?.cancel()
        await connecting?.value
    }

    /// Waits until there is a connection and this device is logged in.
    ///
    /// - Throws: What has ended the engine, `misuse.closed` when this chat is closed meanwhile, `Refused` when the relay does
    ///   not let this device in and connecting again would not help, and `CancellationError`.
    public func online() async throws {
        while !isOnline {
            try check()
            try checkOpen()
            if let refused { throw refused }
            let (changes, changed) = AsyncStream<Void>.makeStream()
            let id = UUID()
            connectionWaiters[id] = changed
            for await _ in changes { break }
            connectionWaiters[id] = nil
            try Task.checkCancellation()
        }
    }

    /// How this engine does, in numbers and codes: without content, keys or ids.
    public nonisolated func diagnose() async throws -> Diagnosis { try await run { try $0.diagnose() } }

    /// Bytes of the store's files, and of the rows that they hold.
    public nonisolated func usage() async throws -> Usage { try await run { try $0.usage() } }

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

    /// Releases every lock and file, so that the system may freeze the process. It disconnects. A chat that is suspended
    /// already stays so.
    public func suspend() async throws {
        await life.take()
        defer { life.giveBack() }
        if !suspended { try await stop { try $0.suspend() } }
    }

    /// Disconnects and does what stops the engine. If that fails, the chat goes on, and what waits to be sent with it.
    private func stop(_ work: @escaping @Sendable (Engine) throws -> Void) async throws {
        connectsLater = isConnecting
        await hangUp()
        // The loop would find nothing there.
        if !suspended { await turn.take() }
        do {
            try await run(work)
        } catch {
            if !suspended { turn.giveBack() }
            let again = connectsLater == true
            connectsLater = nil
            if again { goOnline() }
            throw error
        }
        connectsLater = nil
        suspended = true
    }

    /// Takes the locks and files back, and connects. A chat that is not suspended goes on as it is.
    public func resume() async throws {
        await life.take()
        defer { life.giveBack() }
        guard suspended else { return }
        try await run { try $0.resume() }
        suspended = false
        turn.giveBack()
        goOnline()
    }

    /// Logs the user out: wipes everything that this device keeps of them, and closes the chat.
    ///
    /// - Parameter loseUnsent: Whether what waits to be sent is lost; else nothing is wiped while something waits.
    public func wipe(loseUnsent: Bool = false) async throws {
        await life.take()
        defer { life.giveBack() }
        try await stop { try $0.wipe(loseUnsent: loseUnsent) }
        await end()
    }

    /// Ends the chat and releases its store. It waits for the call that is under way, and for what was begun in parallel, but
    /// for no answer of a relay.
    public func close() async {
        await life.take()
        defer { life.giveBack() }
        await end()
    }

    private func end() async {
        guard !closed else { return }
        closed = true
        connecting?.cancel()
        handing?.cancel()
        signalled.finish()
        toTransmit.finish()
        for task in work.values { task.cancel() }
        if suspended {
            suspended = false
            turn.giveBack()
        }
        await connecting?.value
        await driving?.value
        await sending?.value
        for task in work.values { await task.value }
        // What nobody has drained yet is durable after that.
        try? await run { try $0.suspend() }
        try? await run { try $0.shutDown() }
        await watching?.value
        for listener in listeners.values { listener.end() }
        for subscriber in subscribers.values { subscriber.finish() }
        wakeWaiters()
    }

    /// Whether this chat has nothing to do but to wait, for time or for others: what a test looks at.
    public func isIdle() -> Bool {
        if failure != nil || closed { return true }
        guard work.isEmpty, queued == 0, !worker.isBusy else { return false }
        return suspended || (waiting && (try? engine.isReady()) == false)
    }

    /// Whoever waits for a connection looks at how things are now.
    func wakeWaiters() {
        for waiter in connectionWaiters.values { waiter.finish() }
    }

    func check() throws {
        if let failure { throw failure }
    }

    private func checkOpen() throws {
        if closed { throw UndertoneError.Misuse(code: "misuse.closed", text: "the engine is closed: open it again") }
    }

    func now() -> Date { (try? clock?.now()) ?? Date() }
}
