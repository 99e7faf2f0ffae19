#if os(Linux)
import Foundation
import Glibc
import Undertone

/// A WebSocket (RFC 6455) on a plain socket, since Foundation has none on Linux: to a relay on the same machine, without TLS,
/// extensions or fragments of its own.
final class WebSocket: Socket, @unchecked Sendable {
    private static let longest = 32 * 1024 * 1024
    /// So many frames wait for who is slow to take them; then nothing more is read.
    private static let waiting = 16
    /// Seconds until a host must have answered that it speaks WebSocket.
    private static let patience: UInt64 = 30

    private let file: Int32
    private let frames: AsyncThrowingStream<Data, any Error>
    private let found: AsyncThrowingStream<Data, any Error>.Continuation
    /// Room for frames that wait.
    private let room = DispatchSemaphore(value: 0)
    private let sending = DispatchQueue(label: "dev.undertone.websocket")
    /// Held while a frame is written, which may take long.
    private let writing = NSLock()
    /// Held for a moment, around what becomes of `open`.
    private let lock = NSLock()
    private var open = true

    private init(_ file: Int32) {
        self.file = file
        (frames, found) = AsyncThrowingStream<Data, any Error>.makeStream()
        for _ in 0..<Self.waiting { room.signal() }
        // The thread ends when the connection does, and nobody uses the file after it.
        Thread.detachNewThread {
            self.found.finish(throwing: self.listen())
            self.close()
            self.writing.withLock { _ = Glibc.close(file) }
        }
    }

    /// Takes what comes until the end; why it has ended, if that is an error.
    private func listen() -> Disconnected? {
        var whole = Data()
        while let (last, kind, part) = Self.frame(file) {
            switch kind {
            case 0, 2:
                whole += part
                guard whole.count <= Self.longest else { return Disconnected(code: "websocket.long") }
                if last {
                    room.wait()
                    found.yield(whole)
                    whole = Data()
                }
            case 9: put(10, part)
            case 8: return nil
            default: break
            }
        }
        return nil
    }

    static func connect(to url: URL) async throws -> WebSocket {
        // Whoever wants TLS must not be served without.
        guard url.scheme?.lowercased() == "ws" else { throw Refused(code: "websocket.scheme") }
        let host = url.host ?? "127.0.0.1"
        let port = url.port ?? 80
        let attempt = Attempt()
        let timer = Task {
            try await Task.sleep(nanoseconds: patience * 1_000_000_000)
            attempt.giveUp()
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global().async {
                    continuation.resume(with: Result { try WebSocket(dial(host, port, url.path, attempt)) })
                }
            }
        } onCancel: {
            attempt.giveUp()
        }
    }

    func send(_ frame: Data) async throws {
        // A write can wait for ever on who does not read: whoever is cancelled has no use for this connection.
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                sending.async {
                    self.put(2, frame) ? continuation.resume() : continuation.resume(throwing: Disconnected())
                }
            }
        } onCancel: {
            close()
        }
    }

    func next() async throws -> Data? {
        defer { room.signal() }
        var iterator = frames.makeAsyncIterator()
        return try await iterator.next()
    }

    /// Ends the connection, and whatever waits for it.
    func close() {
        lock.withLock {
            if open { shutdown(file, Int32(SHUT_RDWR)) }
            open = false
            // Whoever waits for room finds the end.
            room.signal()
        }
    }

    private static func dial(_ host: String, _ port: Int, _ path: String, _ attempt: Attempt) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let address = found else {
            throw Disconnected(code: "websocket.host")
        }
        defer { freeaddrinfo(found) }
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw Disconnected(code: "websocket.connect") }
        do {
            try attempt.begin(file)
            guard Glibc.connect(file, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
                throw Disconnected(code: "websocket.connect")
            }
            try shakeHands(file, "\(host):\(port)", path)
            try attempt.end()
            return file
        } catch {
            // Nobody may shut down the file that has this number next.
            try? attempt.end()
            Glibc.close(file)
            throw error
        }
    }

    /// Asks a host to speak WebSocket.
    private static func shakeHands(_ file: Int32, _ host: String, _ path: String) throws {
        let key = Data((0..<16).map { _ in UInt8.random(in: .min ... .max) }).base64EncodedString()
        let request =
            "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n\r\n"
        guard write(file, Data(request.utf8)) else { throw Disconnected(code: "websocket.connect") }
        var answer = Data()
        while !answer.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard answer.count < 8_192, let byte = read(file, 1) else { throw Disconnected(code: "websocket.answer") }
            answer += byte
        }
        guard String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 101") else {
            throw Disconnected(code: "websocket.answer")
        }
    }

    /// Whether it is the last of a message, its kind, and what it carries; `nil` at the end.
    private static func frame(_ file: Int32) -> (Bool, UInt8, Data)? {
        guard let head = read(file, 2) else { return nil }
        var length = Int(head[1] & 0x7f)
        if length > 125 {
            guard let more = read(file, length == 126 ? 2 : 8) else { return nil }
            length = more.reduce(0) { $0 << 8 | Int($1) }
        }
        // A length of eight bytes may come out as a negative number.
        guard head[1] & 0x80 == 0, (0...longest).contains(length), let data = read(file, length) else { return nil }
        return (head[0] & 0x80 != 0, head[0] & 0x0f, data)
    }

    /// Sends a whole message, masked as a client's must be.
    @discardableResult
    private func put(_ kind: UInt8, _ data: Data) -> Bool {
        var frame = Data([0x80 | kind])
        switch data.count {
        case ..<126: frame.append(0x80 | UInt8(data.count))
        case ..<65_536: frame += Data([UInt8(0xfe)]) + bigEndian(data.count, bytes: 2)
        default: frame += Data([UInt8(0xff)]) + bigEndian(data.count, bytes: 8)
        }
        let mask = (0..<4).map { _ in UInt8.random(in: .min ... .max) }
        frame += mask
        frame += data.enumerated().map { $1 ^ mask[$0 & 3] }
        return writing.withLock { lock.withLock { open } && Self.write(file, frame) }
    }

    private func bigEndian(_ number: Int, bytes: Int) -> Data {
        Data((0..<bytes).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) })
    }

    private static func write(_ file: Int32, _ data: Data) -> Bool {
        data.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.send(file, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }

    private static func read(_ file: Int32, _ length: Int) -> Data? {
        var data = Data(count: length)
        let whole = data.withUnsafeMutableBytes { bytes in
            var got = 0
            while got < length {
                let count = recv(file, bytes.baseAddress! + got, length - got, 0)
                guard count > 0 else { return false }
                got += count
            }
            return true
        }
        return whole ? data : nil
    }
}

/// A connection that is being made, which may be given up meanwhile.
private final class Attempt: @unchecked Sendable {
    private let lock = NSLock()
    private var file: Int32?
    private var givenUp = false

    /// From now on, who gives up ends whatever waits for this file.
    func begin(_ file: Int32) throws {
        try lock.withLock {
            if givenUp { throw Disconnected(code: "websocket.given_up") }
            self.file = file
        }
    }

    /// From now on, who gives up does nothing.
    func end() throws {
        try lock.withLock {
            file = nil
            if givenUp { throw Disconnected(code: "websocket.given_up") }
        }
    }

    func giveUp() {
        lock.withLock {
            givenUp = true
            if let file { shutdown(file, Int32(SHUT_RDWR)) }
        }
    }
}
#endif
