// A chat on the command line: `chat RELAY FOLDER USER ROLE`, at a relay that was started with `--demo`.
//
// `/to NAME` starts or opens the conversation with a user; any other line is sent to it, and after something came in, to
// whoever wrote last. `/quit`, or the end of the input, ends the chat.

import Foundation
import UndertoneRelay

/// What one user sees, and types.
actor Screen {
    private let chat: Undertone
    private var talk: ConversationId?

    init(_ chat: Undertone) { self.chat = chat }

    /// Does what a line says, until one ends the chat.
    func type(_ lines: AsyncStream<String>) async {
        for await line in lines {
            if line == "/quit" { return }
            do { try await type(line) } catch { show(error) }
        }
    }

    /// Shows what others write.
    func listen() async {
        do {
            try await chat.online()
            show("\(chat.user.name) is online")
            for try await message in chat.incoming() {
                show("\(message.author.name): \(text(of: message.content))")
                talk = message.conversation
                do {
                    try await chat.messages.markRead(conversation: message.conversation, upTo: message.key)
                } catch { show(error) }
            }
        } catch is CancellationError {
        } catch { show(error) }
    }

    private func type(_ line: String) async throws {
        if line.hasPrefix("/to ") {
            let name = line.dropFirst(4).trimmingCharacters(in: .whitespaces)
            talk = try await chat.conversations.start(user: UserId(name))
        } else if let talk, !line.isEmpty {
            try await chat.send(line, to: talk)
        } else if !line.isEmpty {
            show("say to whom first: /to NAME")
        }
    }

    /// What is no text, by its kind.
    private func text(of content: MessageContent) -> String {
        switch content {
        case .text(let text): text
        case .attachment: "[Attachment]"
        case .structured: "[Card]"
        case .call: "[Call]"
        case .unsupported: "[Unsupported Message]"
        case .system: "[Settings]"
        case .encrypted: "[Encrypted Message]"
        }
    }
}

/// Prints a line at once, also into a pipe. To flush everything would wait for whoever reads the standard input.
func show(_ line: String) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}

/// Prints an error as one line.
func show(_ error: any Error) {
    let text = (error as? UndertoneError)?.text ?? "\(error)"
    show(text.split(whereSeparator: \.isNewline).joined(separator: " "))
}

/// A platform keeps this in its keystore; this program keeps it in a file that only its owner can read.
func hostKey(in folder: URL) throws -> Data {
    let file = folder.appendingPathComponent("host-key")
    let new = open(file.path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    if new >= 0 {
        let handle = FileHandle(fileDescriptor: new, closeOnDealloc: true)
        try handle.write(contentsOf: Data((0..<32).map { _ in UInt8.random(in: .min ... .max) }))
    }
    return try Data(contentsOf: file)
}

/// The lines of the standard input, which are waited for on a thread of their own.
func typed() -> AsyncStream<String> {
    AsyncStream { lines in
        Thread.detachNewThread {
            while let line = readLine() { lines.yield(line) }
            lines.finish()
        }
    }
}

func run(_ relay: String, _ folder: URL, _ user: String, _ role: String) async throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let demo = Demo(relay)
    let chat = try await Undertone.open(
        config: Config(user: UserId(user), authorities: [demo.publicKey()]),
        store: .sqlite(path: folder.appendingPathComponent("store").path, lockWaitMs: 1_000),
        hostKey: hostKey(in: folder),
        transport: relayTransport(relay),
        services: Services(certify: { try await demo.certify($0, as: Role(role)) }))
    let screen = Screen(chat)
    let listening = Task { await screen.listen() }
    await screen.type(typed())
    listening.cancel()
    await chat.close()
}

let arguments = CommandLine.arguments
guard arguments.count == 5 else {
    show("chat RELAY FOLDER USER ROLE")
    exit(2)
}
do {
    try await run(arguments[1], URL(fileURLWithPath: arguments[2]), arguments[3], arguments[4])
} catch {
    show(error)
    exit(1)
}
