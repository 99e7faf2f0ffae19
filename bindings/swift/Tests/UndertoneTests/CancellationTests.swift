import Foundation
import Testing
import Undertone
import UndertoneTesting

/// Tasks that are cancelled in the middle of their calls: each call comes to its end all the same (R41).
@Suite struct CancellationTests {
    @Test func aCallThatIsCancelledComesToItsEnd() async throws {
        try await acquainted { network, ann, bea, talk in
            for number in 0..<100 {
                let sending = Task { try await ann.send("\(number)", to: talk) }
                sending.cancel()
                let id = try await sending.value
                let reference = MessageRef(author: ann.user, id: id)
                #expect(text(try await ann.messages.get(conversation: talk, message: reference)) == "\(number)")
            }
            await network.settle()
            #expect(try await texts(bea, talk) == (50..<100).map(String.init))
        }
    }

    @Test func everyCallOfEveryNounCanBeCancelled() async throws {
        let folder = try Folder()
        try await acquainted { network, ann, bea, talk in
            let calls = try await Subject(ann, bea, talk, folder).calls
            #expect(try Set(calls.map(\.name)) == exported(), "a call is missing here")
            for round in 0..<3 {
                for (name, call) in calls {
                    let task = Task { try await call() }
                    if round != 1 { task.cancel() } else { Task { task.cancel() } }
                    if case .failure(let error) = await task.result { harmless(error, name) }
                }
            }
            try await ann.privacy.block(user: bea.user, blocked: false)
            try await ann.send("still here", to: talk)
            try await network.advance(120)
            #expect(try await texts(bea, talk).contains("still here"))
            #expect(try await ann.diagnose().open)
        }
    }

    @Test func aChatsOwnCallsCanBeCancelled() async throws {
        let folder = try Folder()
        try await acquainted { network, ann, bea, talk in
            let attachment = Attachment(details: .file, mediaType: "text/plain", size: 3)
            let calls: [(String, @Sendable () async throws -> Void)] = [
                ("suspend", { try await ann.suspend() }),
                ("resume", { try await ann.resume() }),
                ("disconnect", { await ann.disconnect() }),
                ("connect", { try await ann.connect() }),
                ("online", { try await ann.online() }),
                ("diagnose", { _ = try await ann.diagnose() }),
                ("usage", { _ = try await ann.usage() }),
                ("events", { for await _ in await ann.events() {} }),
                ("updates", { for try await _ in ann.updates(of: .conversations) {} }),
                ("messages", { for try await _ in ann.messages(in: talk) {} }),
                ("incoming", { for try await _ in ann.incoming() {} }),
                ("sendFile", { try await ann.sendFile(folder.path("none"), as: attachment, to: talk) }),
            ]
            for _ in 0..<10 {
                for (name, call) in calls {
                    let task = Task { try await call() }
                    task.cancel()
                    if case .failure(let error) = await task.result { harmless(error, name) }
                }
            }
            try await ann.connect()
            try await ann.online()
            try await ann.send("still here", to: talk)
            try await network.advance(120)
            #expect(try await texts(bea, talk).contains("still here"))
            let closing = Task { await ann.close() }
            closing.cancel()
            await closing.value
            do {
                _ = try await ann.usage()
                Issue.record("it is open")
            } catch let error as UndertoneError {
                #expect(error.code == "misuse.closed")
            }
        }
    }

    @Test func loggingOutCanBeCancelledAndIsDoneAllTheSame() async throws {
        try await acquainted { network, ann, bea, talk in
            let wiping = Task { try await ann.wipe(loseUnsent: true) }
            wiping.cancel()
            try await wiping.value
            #expect(await codeOf { _ = try await ann.usage() } == "misuse.closed")
        }
    }

    @Test func openingCanBeCancelledAndLeavesTheStoreFree() async throws {
        let (config, authority) = try configured()
        let now = Date()
        let certifying = Services(certify: { request in
            try authority.issue(
                request: request, role: Role("client"), serial: 1, notBefore: now - 60, notAfter: now + 86_400)
        })
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let hanging = Services(certify: { _ in
            begins.yield()
            // In a task of its own, which nobody cancels.
            return try await Task { () -> Data in
                try await Task.sleep(nanoseconds: 600_000_000_000)
                throw Fault()
            }.value
        })
        for (services, hangs) in [(certifying, false), (hanging, true)] {
            let folder = try Folder()
            let store = Store.sqlite(path: folder.path("store"), lockWaitMs: 0)
            let opening = Task {
                try await Undertone.open(config: config, store: store, hostKey: key, services: services)
            }
            if hangs { for await _ in begun { break } }
            opening.cancel()
            // Whoever has it all the same closes it.
            try? await opening.value.close()
            let chat = try await Undertone.open(config: config, store: store, hostKey: key, services: certifying)
            await chat.close()
        }
    }

    /// Input may be refused, and what waits may be given up; nothing else.
    private func harmless(_ error: any Error, _ name: String) {
        switch error {
        case UndertoneError.Bug(let code, _), UndertoneError.Store(let code, _): Issue.record("\(name): \(code)")
        case is UndertoneError, is CancellationError: break
        default: Issue.record("\(name): \(error)")
        }
    }

    /// What the nouns of a chat have, by their source: a call that the engine gains is missing in this test then.
    private func exported() throws -> Set<String> {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let source = try String(contentsOf: package.appendingPathComponent("Sources/Undertone/Nouns.swift"), encoding: .utf8)
        var noun = ""
        var found: Set<String> = []
        for line in source.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "(" || $0 == ":" })
            if line.hasPrefix("public struct Chat") { noun = String(words[2].dropFirst(4)) }
            if line.hasPrefix("public func ") { found.insert("\(noun).\(words[2])") }
        }
        return found
    }
}

/// Every call of every noun, with something to call it on.
private struct Subject {
    typealias Call = (name: String, call: @Sendable () async throws -> Void)

    let calls: [Call]

    init(_ ann: Undertone, _ bea: Undertone, _ talk: ConversationId, _ folder: Folder) async throws {
        let (other, user) = (try await ann.send("another", to: talk), bea.user)
        let newest = try await ann.messages.page(conversation: talk, cursor: .newest, limit: 1).messages[0]
        let reference = MessageRef(author: ann.user, id: other)
        let call = try await ann.calls.start(conversation: talk, kind: .voice, description: Data("offer".utf8))
        calls =
            Self.conversations(ann.conversations, talk, user)
            + Self.messages(ann.messages, talk, reference, newest.key)
            + Self.attachments(ann.attachments, talk, reference, folder.path("file"))
            + Self.calls(ann.calls, talk, call) + Self.identity(ann.identity, user)
            + Self.rest(ann.privacy, ann.notifications, talk, user, newest.key)
    }

    private static func conversations(_ noun: ChatConversations, _ talk: ConversationId, _ user: UserId) -> [Call] {
        [
            ("Conversations.start", { _ = try await noun.start(user: user) }),
            ("Conversations.page", { _ = try await noun.page() }),
            ("Conversations.search", { _ = try await noun.search(text: "bea") }),
            ("Conversations.get", { _ = try await noun.get(conversation: talk) }),
            ("Conversations.can", { _ = try await noun.can(action: .start, user: user) }),
            ("Conversations.setPeriod", { try await noun.setPeriod(conversation: talk, period: 60, clock: .fromSend) }),
            ("Conversations.archive", { try await noun.archive(conversation: talk, archived: true) }),
            ("Conversations.mute", { try await noun.mute(conversation: talk, until: nil) }),
            ("Conversations.pin", { try await noun.pin(conversation: talk, pinned: true) }),
            ("Conversations.setTyping", { try await noun.setTyping(conversation: talk, typing: true) }),
            ("Conversations.typing", { _ = try await noun.typing(conversation: talk) }),
            ("Conversations.setDraft", { try await noun.setDraft(conversation: talk, draft: "half a sen") }),
        ]
    }

    private static func messages(
        _ noun: ChatMessages, _ talk: ConversationId, _ message: MessageRef, _ key: MessageKey
    ) -> [Call] {
        let place = Structured.place(place: Place(latitude: 1, longitude: 2, name: "here"))
        return [
            ("Messages.send", { _ = try await noun.send(conversation: talk, draft: Draft(text: "one more")) }),
            ("Messages.sendStructured", {
                _ = try await noun.sendStructured(conversation: talk, structured: place, draft: Draft())
            }),
            ("Messages.forward", { _ = try await noun.forward(conversation: talk, message: message, to: talk) }),
            ("Messages.react", { try await noun.react(conversation: talk, message: message, emoji: "👍") }),
            ("Messages.setPayment", { try await noun.setPayment(conversation: talk, message: message, state: .paid) }),
            ("Messages.page", { _ = try await noun.page(conversation: talk, cursor: .newest, limit: 5) }),
            ("Messages.get", { _ = try await noun.get(conversation: talk, message: message) }),
            ("Messages.search", { _ = try await noun.search(text: "another", scope: .all) }),
            ("Messages.markRead", { try await noun.markRead(conversation: talk, upTo: key) }),
            ("Messages.cancel", { try await noun.cancel(conversation: talk, id: message.id) }),
            ("Messages.retry", { try await noun.retry(conversation: talk, id: message.id) }),
            ("Messages.edit", { try await noun.edit(conversation: talk, id: message.id, text: "changed") }),
            ("Messages.report", { _ = try await noun.report(conversation: talk, messages: [message]) }),
            ("Messages.deleteForEveryone", { try await noun.deleteForEveryone(conversation: talk, message: message) }),
            ("Messages.deleteHere", { try await noun.deleteHere(conversation: talk, message: message) }),
        ]
    }

    private static func attachments(
        _ noun: ChatAttachments, _ talk: ConversationId, _ message: MessageRef, _ path: String
    ) -> [Call] {
        let file = Attachment(details: .file, mediaType: "text/plain", size: 3)
        return [
            ("Attachments.send", { _ = try await noun.send(conversation: talk, attachment: file, draft: Draft()) }),
            ("Attachments.seal", {
                _ = try await noun.seal(conversation: talk, id: message.id, piece: 0, file: Data("abc".utf8))
            }),
            ("Attachments.sealFromPath", {
                _ = try await noun.sealFromPath(conversation: talk, id: message.id, piece: 0, path: path)
            }),
            ("Attachments.finish", { try await noun.finish(conversation: talk, id: message.id, location: "here") }),
            ("Attachments.download", { try await noun.download(conversation: talk, message: message) }),
            ("Attachments.open", {
                _ = try await noun.open(conversation: talk, message: message, piece: 0, stored: Data(count: 20))
            }),
            ("Attachments.openToPath", {
                try await noun.openToPath(
                    conversation: talk, message: message, piece: 0, stored: Data(count: 20), path: path)
            }),
            ("Attachments.reader", { _ = try await noun.reader(conversation: talk, message: message) }),
            ("Attachments.restart", { try await noun.restart(conversation: talk, message: message) }),
            ("Attachments.cancel", { try await noun.cancel(conversation: talk, message: message) }),
            ("Attachments.transfer", { _ = try await noun.transfer(conversation: talk, message: message) }),
            ("Attachments.transfers", { _ = try await noun.transfers() }),
        ]
    }

    private static func calls(_ noun: ChatCalls, _ talk: ConversationId, _ call: CallId) -> [Call] {
        [
            ("Calls.start", {
                _ = try await noun.start(conversation: talk, kind: .video, description: Data("offer".utf8))
            }),
            ("Calls.accept", { try await noun.accept(call: call, description: Data("answer".utf8)) }),
            ("Calls.reject", { try await noun.reject(call: call) }),
            ("Calls.signal", { try await noun.signal(call: call, payloads: [Data("way".utf8)]) }),
            ("Calls.takePayloads", { _ = try await noun.takePayloads(call: call) }),
            ("Calls.description", { _ = try await noun.description(call: call) }),
            ("Calls.mediaKey", { _ = try await noun.mediaKey(call: call) }),
            ("Calls.get", { _ = try await noun.get(call: call) }),
            ("Calls.active", { _ = try await noun.active() }),
            ("Calls.page", { _ = try await noun.page() }),
            ("Calls.can", { _ = try await noun.can(conversation: talk, kind: .voice) }),
            ("Calls.setRecording", { try await noun.setRecording(call: call, place: "there") }),
            ("Calls.connectionLost", { try await noun.connectionLost(call: call) }),
            ("Calls.hangUp", { try await noun.hangUp(call: call) }),
        ]
    }

    private static func identity(_ noun: ChatIdentity, _ user: UserId) -> [Call] {
        [
            ("Identity.enrolmentRequest", { _ = try await noun.enrolmentRequest() }),
            ("Identity.enrol", { try await noun.enrol(certificate: Data("none".utf8)) }),
            ("Identity.answerChallenge", { _ = try await noun.answerChallenge(challenge: Data(count: 32)) }),
            ("Identity.certificate", { _ = try await noun.certificate() }),
            ("Identity.identityKey", { _ = try await noun.identityKey() }),
            ("Identity.role", { _ = try await noun.role(user: user) }),
            ("Identity.lookUp", { try await noun.lookUp(user: user) }),
            ("Identity.safetyNumber", { _ = try await noun.safetyNumber(user: user) }),
            ("Identity.trust", { _ = try await noun.trust(user: user) }),
            ("Identity.verifyScanned", { _ = try await noun.verifyScanned(user: user, scanned: Data("no".utf8)) }),
            ("Identity.setVerified", { try await noun.setVerified(user: user, verified: true) }),
            ("Identity.acceptIdentity", { try await noun.acceptIdentity(user: user) }),
            ("Identity.revoke", { try await noun.revoke(list: Data("none".utf8)) }),
        ]
    }

    private static func rest(
        _ privacy: ChatPrivacy, _ notifications: ChatNotifications, _ talk: ConversationId, _ user: UserId,
        _ key: MessageKey
    ) -> [Call] {
        [
            ("Privacy.settings", { _ = try await privacy.settings() }),
            ("Privacy.set", { try await privacy.set(settings: PrivacySettings(readReceipts: true, typing: false)) }),
            ("Privacy.block", { try await privacy.block(user: user, blocked: true) }),
            ("Privacy.isBlocked", { _ = try await privacy.isBlocked(user: user) }),
            ("Privacy.setDisplayName", { try await privacy.setDisplayName(user: user, name: "B.") }),
            ("Privacy.displayName", { _ = try await privacy.displayName(user: user) }),
            ("Notifications.hints", { _ = try await notifications.hints() }),
            ("Notifications.shown", { try await notifications.shown(conversation: talk, newest: key) }),
            ("Notifications.dismiss", { try await notifications.dismiss(conversation: talk, newest: key) }),
            ("Notifications.doNotDisturb", { _ = try await notifications.doNotDisturb() }),
            ("Notifications.setDoNotDisturb", { try await notifications.setDoNotDisturb(until: nil) }),
        ]
    }
}
