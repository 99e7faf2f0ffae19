import Foundation
import UndertoneRelay
import UndertoneTesting

/// A device, by the commands of a scenario. See the player in Python, which says what each is.
actor Player {
    private var chat: Undertone?
    private var opening: (@Sendable () async throws -> Undertone)?

    private var it: Undertone {
        get throws {
            guard let chat else { throw Disconnected(code: "the scenario opens a device first") }
            return chat
        }
    }

    func act(_ command: String, _ w: [String]) async throws -> [String] {
        switch command {
        case "open": return try await open(w[0], URL(fileURLWithPath: w[1]), w[2], Role(w[3]))
        case "restart":
            try await it.close()
            chat = try await opening?()
        case "offline": try await it.disconnect()
        case "online":
            try await it.connect()
            try await it.online()
        case "sleep":
            try await it.suspend()
            try await it.resume()
        case "wipe": try await it.wipe(loseUnsent: true)
        case "quit": await chat?.close()
        case "start": return [try await it.conversations.start(user: UserId(w[0])).hex]
        case "may": return [try await may(w[0], UserId(w[1]))]
        default: return try await actOnTalk(command, w)
        }
        return []
    }

    private func actOnTalk(_ command: String, _ w: [String]) async throws -> [String] {
        let messages = try it.messages
        switch command {
        case "send":
            let period = w.count > 2 ? Int32(w[2]) : nil
            return [try await messages.send(conversation: talk(w), draft: Draft(text: w[1], period: period)).hex]
        case "answer":
            return [try await messages.send(conversation: talk(w), draft: Draft(text: w[3], target: message(w))).hex]
        case "texts":
            let page = try await messages.page(conversation: talk(w), cursor: .newest, limit: 50)
            return page.messages.reversed().map { show($0.content) }
        case "state": return [name(try await messages.get(conversation: talk(w), message: message(w)).state)]
        case "answers":
            return [try await messages.get(conversation: talk(w), message: message(w)).target?.id.hex].compactMap { $0 }
        case "read":
            let newest = try await messages.page(conversation: talk(w), cursor: .newest, limit: 1).messages[0]
            try await messages.markRead(conversation: talk(w), upTo: newest.key)
        case "react": try await messages.react(conversation: talk(w), message: message(w), emoji: w[3])
        case "reactions":
            return try await messages.get(conversation: talk(w), message: message(w)).reactions
                .map { "\($0.user.name):\($0.emoji)" }
        case "edit": try await messages.edit(conversation: talk(w), id: MessageId(hex: w[1]), text: w[2])
        case "delete": try await messages.deleteForEveryone(conversation: talk(w), message: message(w))
        case "forward":
            let to = ConversationId(hex: w[3])
            return [try await messages.forward(conversation: talk(w), message: message(w), to: to).hex]
        case "forwarded":
            return [try await messages.get(conversation: talk(w), message: message(w)).forwarded ? "on" : "off"]
        case "search": return try await messages.search(text: w[0], scope: .all).hits.map { show($0.message.content) }
        case "place":
            let place = Place(latitude: Int32(w[1])!, longitude: Int32(w[2])!, name: w[3])
            return [try await card(w, .place(place: place))]
        case "ask":
            return [try await card(w, .payment(request: PaymentRequest(amount: UInt64(w[1])!, currency: w[2])))]
        case "pay":
            try await messages.setPayment(conversation: talk(w), message: message(w), state: payment(w[3]))
        case "paid":
            return [try await messages.get(conversation: talk(w), message: message(w)).payment.map(name) ?? "none"]
        case "file":
            let size = try FileManager.default.attributesOfItem(atPath: w[1])[.size] as? UInt64 ?? 0
            let attachment = Attachment(
                details: .file, mediaType: "application/octet-stream", name: w[2], size: size)
            return [try await it.sendFile(w[1], as: attachment, to: talk(w)).hex]
        case "save": try await it.saveFile(of: message(w), in: talk(w), to: w[3])
        default: return try await actOnOthers(command, w)
        }
        return []
    }

    private func actOnOthers(_ command: String, _ w: [String]) async throws -> [String] {
        let (conversations, calls, identity) = try (it.conversations, it.calls, it.identity)
        switch command {
        case "unread": return [String(try await conversations.get(conversation: talk(w)).unread)]
        case "typing": try await conversations.setTyping(conversation: talk(w), typing: w[1] == "on")
        case "typers": return try await conversations.typing(conversation: talk(w)).map(\.name)
        case "period": try await conversations.setPeriod(conversation: talk(w), period: Int32(w[1])!, clock: .fromSend)
        case "pin": try await conversations.pin(conversation: talk(w), pinned: w[1] == "on")
        case "draft": try await conversations.setDraft(conversation: talk(w), draft: w[1])
        case "kept":
            let kept = try await conversations.get(conversation: talk(w))
            return [String(kept.period), kept.pinned ? "pinned" : "", kept.draft ?? ""]
        case "privacy":
            try await it.privacy.set(settings: PrivacySettings(readReceipts: w[0] == "on", typing: w[1] == "on"))
        case "block": try await it.privacy.block(user: UserId(w[0]), blocked: w[1] == "on")
        case "call":
            let kind: CallKind = w[1] == "VIDEO" ? .video : .voice
            return [try await calls.start(conversation: talk(w), kind: kind, description: Data(w[2].utf8)).hex]
        case "offer": return [String(decoding: try await calls.description(call: call(w)), as: UTF8.self)]
        case "accept": try await calls.accept(call: call(w), description: Data(w[1].utf8))
        case "signal": try await calls.signal(call: call(w), payloads: [Data(w[1].utf8)])
        case "payloads": return try await calls.takePayloads(call: call(w)).map { String(decoding: $0, as: UTF8.self) }
        case "key": return [try await calls.mediaKey(call: call(w)).map { String(format: "%02x", $0) }.joined()]
        case "hang_up": try await calls.hangUp(call: call(w))
        case "status": return [name(try await calls.get(call: call(w)).status)]
        case "safety": return [try await identity.safetyNumber(user: UserId(w[0]))?.digits].compactMap { $0 }
        case "verify": try await identity.setVerified(user: UserId(w[0]), verified: w[1] == "on")
        case "trust": return [name(try await identity.trust(user: UserId(w[0])))]
        case "hints": return try await it.notifications.hints().map(\.sender.name)
        default: throw Disconnected(code: "no command \(command)")
        }
        return []
    }

    private func open(_ relay: String, _ folder: URL, _ user: String, _ role: Role) async throws -> [String] {
        let demo = Demo(relay)
        let config = Config(user: UserId(user), authorities: [try await demo.publicKey()])
        let blobs = try FolderBlobs(folder.appendingPathComponent("blobs"))
        opening = {
            try await Undertone.open(
                config: config, store: .sqlite(path: "\(folder.path)/\(user)", lockWaitMs: 1_000),
                hostKey: Data(count: 32), transport: relayTransport(relay),
                services: Services(certify: { try await demo.certify($0, as: role) }, blobs: blobs))
        }
        chat = try await opening?()
        try await it.online()
        return [try it.device.hex]
    }

    private func may(_ action: String, _ user: UserId) async throws -> String {
        let wanted: Action = action == "start" ? .start : action == "reply" ? .reply : .deleteOthers
        switch try await it.conversations.can(action: wanted, user: user) {
        case .allow: return "allowed"
        case .deny(let reason): return reason.code
        case nil:
            try await it.identity.lookUp(user: user)
            return "unknown"
        }
    }

    private func card(_ w: [String], _ card: Structured) async throws -> String {
        try await it.messages.sendStructured(conversation: talk(w), structured: card, draft: Draft()).hex
    }

    private func talk(_ w: [String]) -> ConversationId { ConversationId(hex: w[0]) }
    private func call(_ w: [String]) -> CallId { CallId(hex: w[0]) }
    private func message(_ w: [String]) -> MessageRef { MessageRef(author: UserId(w[1]), id: MessageId(hex: w[2])) }

    private func payment(_ name: String) -> PaymentState {
        ["DECLINED": .declined, "CANCELLED": .cancelled, "PAID": .paid, "CONFIRMED": .confirmed][name] ?? .requested
    }

    /// A text as it is, anything else by its name.
    private func show(_ content: MessageContent) -> String {
        switch content {
        case .text(let text): text
        case .attachment: "[ATTACHMENT]"
        case .structured: "[STRUCTURED]"
        case .call: "[CALL]"
        case .unsupported: "[UNSUPPORTED]"
        case .system: "[SYSTEM]"
        case .encrypted: "[ENCRYPTED]"
        }
    }

    /// The name of a case, as all languages say it.
    private func name<T>(_ value: T) -> String { "\(value)".uppercased() }
}

// A hidden mode, for a test.
if CommandLine.arguments.dropFirst().first == "leave" {
    try leave(CommandLine.arguments[2], CommandLine.arguments[3])
}

// Reads commands, a line each, and answers each with a line: `ok` and what was asked for, or `error` and a code.
let player = Player()
while let line = readLine() {
    let words = line.split(separator: " ", omittingEmptySubsequences: false).map { String($0).removingPercentEncoding ?? "" }
    var answer: [String]
    do {
        answer = ["ok"] + (try await player.act(words[0], Array(words.dropFirst())))
    } catch let error as UndertoneError {
        answer = ["error", error.code]
    }
    let plain = CharacterSet.alphanumerics.intersection(CharacterSet(charactersIn: Unicode.Scalar(0)...Unicode.Scalar(127)))
    let said = answer.map { $0.addingPercentEncoding(withAllowedCharacters: plain) ?? "" }.joined(separator: " ")
    FileHandle.standardOutput.write(Data("\(said)\n".utf8))
    if words[0] == "quit" { break }
}
