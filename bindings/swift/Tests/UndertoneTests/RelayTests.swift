#if os(Linux)
import Foundation
import Glibc
import Testing
import UndertoneRelay

/// The WebSocket of Linux, and hosts that are no relay (R41).
@Suite struct RelayTests {
    private let welcome = Data("HTTP/1.1 101 Switching Protocols\r\n\r\n".utf8)

    @Test(arguments: ["wss", "https", "http"]) func nothingIsSpokenInPlainTextThatShouldNotBe(_ scheme: String) async throws {
        let host = try Host(saying: Data())
        let address = "\(scheme)://127.0.0.1:\(host.port)"
        await #expect(throws: Refused.self) { try await Demo(address).publicKey() }
        let (config, _) = try configured()
        let chat = try await Undertone.open(
            config: config, store: .memory(disk: try MemoryDisk()), hostKey: key, transport: relayTransport(address))
        await #expect(throws: Refused.self) { try await chat.online() }
        await chat.close()
        #expect(host.visits == 0)
    }

    @Test(.timeLimit(.minutes(1))) func aFrameOfAnImpossibleLengthEndsTheConnectionAndNothingElse() async throws {
        // The second has the top bit set: as a number of 64 bits it is negative.
        for length in [Data([0, 0, 0, 0, 0x02, 0, 0, 1]), Data([0x80, 0, 0, 0, 0, 0, 0, 1])] {
            let host = try Host(saying: welcome + Data([0x82, 0x7f]) + length)
            await #expect(throws: Disconnected.self) { try await Demo(host.address).publicKey() }
            #expect(await host.isLeft())
        }
    }

    @Test(.timeLimit(.minutes(1))) func aHostThatDoesNotWantToLeavesNothingOpen() async throws {
        for answer in [Data("HTTP/1.1 403 Forbidden\r\n\r\n".utf8), Data(repeating: 0x2e, count: 9_000)] {
            let host = try Host(saying: answer)
            await #expect(throws: Disconnected.self) { try await Demo(host.address).publicKey() }
            #expect(await host.isLeft())
        }
    }

    @Test(.timeLimit(.minutes(1))) func aHostThatNeverAnswersHoldsNobodyUp() async throws {
        let host = try Host(saying: Data())
        let asking = Task { try await Demo(host.address).publicKey() }
        while host.visits == 0 { try await Task.sleep(nanoseconds: 1_000_000) }
        asking.cancel()
        await #expect(throws: Disconnected.self) { try await asking.value }
        #expect(await host.isLeft())

        let other = try Host(saying: Data())
        let (config, _) = try configured()
        let chat = try await Undertone.open(
            config: config, store: .memory(disk: try MemoryDisk()), hostKey: key,
            transport: relayTransport(other.address))
        while other.visits == 0 { try await Task.sleep(nanoseconds: 1_000_000) }
        await chat.disconnect()
        await chat.close()
    }
}

/// A host at a port of its own. To each who comes it says the same, and nothing more.
private final class Host: @unchecked Sendable {
    let port: Int
    var address: String { "ws://127.0.0.1:\(port)" }

    private let file: Int32
    private let condition = NSCondition()
    private var came = 0
    private var left = 0

    /// How many came.
    var visits: Int { condition.withLock { came } }

    init(saying answer: Data) throws {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listens = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, length) == 0 && listen(file, 8) == 0 && getsockname(file, $0, &length) == 0
            }
        }
        guard file >= 0, listens else { throw Fault() }
        self.file = file
        port = Int(UInt16(bigEndian: place.sin_port))
        Thread.detachNewThread { [weak self] in
            while true {
                let visitor = accept(file, nil, nil)
                guard visitor >= 0 else { break }
                self?.note(\.came)
                if Host.serve(visitor, answer) { self?.note(\.left) }
            }
            Glibc.close(file)
        }
    }

    deinit { shutdown(file, Int32(SHUT_RDWR)) }

    /// Whether somebody has come and gone, ten seconds at most after this was asked.
    func isLeft() async -> Bool {
        for _ in 0..<1_000 {
            if condition.withLock({ left > 0 }) { return true }
            try? await Task.sleep(nanoseconds: 10_000_000)
        }
        return false
    }

    private func note(_ number: ReferenceWritableKeyPath<Host, Int>) { condition.withLock { self[keyPath: number] += 1 } }

    /// Whether the visitor hung up, within ten seconds.
    private static func serve(_ visitor: Int32, _ answer: Data) -> Bool {
        defer { Glibc.close(visitor) }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(visitor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var asked = [UInt8](repeating: 0, count: 4_096)
        guard recv(visitor, &asked, asked.count, 0) > 0 else { return true }
        _ = answer.withUnsafeBytes { Glibc.send(visitor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        while true {
            let count = recv(visitor, &asked, asked.count, 0)
            if count > 0 { continue }
            // Who hangs up before reading everything resets the connection.
            return count == 0 || errno == ECONNRESET
        }
    }
}
#endif
