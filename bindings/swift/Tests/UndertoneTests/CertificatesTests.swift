import Foundation
import Testing
import Undertone
import UndertoneTesting

/// Certificates that run out while a platform's server does not answer as it should (R41).
@Suite struct CertificatesTests {
    @Test func whoIsNotCertifiedAnewAtFirstComesBack() async throws {
        let asked = Asked()
        let failing: @Sendable (@Sendable () async throws -> Data) async throws -> Data = { issue in
            if (2...3).contains(await asked.next()) { throw Fault() }
            return try await issue()
        }
        try await acquainted(certify: failing) { try await comesBack($0, $1, $2, $3) }
        #expect(await asked.count == 4)
    }

    @Test func whoIsCertifiedAnewLateComesBackAndIsCertifiedOnce() async throws {
        let asked = Asked()
        let slow: @Sendable (@Sendable () async throws -> Data) async throws -> Data = { issue in
            if await asked.next() > 1 { try await Task.sleep(nanoseconds: 3_000_000_000) }
            return try await issue()
        }
        try await acquainted(certify: slow) { try await comesBack($0, $1, $2, $3) }
        #expect(await asked.count == 2)
    }

    private func comesBack(
        _ network: Network, _ ann: Undertone, _ bea: Undertone, _ talk: ConversationId
    ) async throws {
        try await network.advance(91 * 86_400)
        try await inTime { try await ann.online() }
        try await ann.send("after all these days", to: talk)
        var heard: [String] = []
        for _ in 0..<50 where heard.last != "after all these days" {
            try await bea.online()
            try await network.advance(30)
            heard = try await texts(bea, talk)
        }
        #expect(heard.last == "after all these days")
        guard case .valid = try await ann.diagnose().certificate else {
            Issue.record("the certificate is of no use")
            return
        }
    }

    @Test func aChatOpensWhoseCertificateHasRunOutWhateverItsPlatformAnswers() async throws {
        let (config, authority) = try configured()
        let clock = try ManualClock(now: Date(timeIntervalSince1970: 1_893_456_000))
        let store = Store.memory(disk: try MemoryDisk())
        let asked = Asked()
        func open(_ certify: @escaping @Sendable (Data) async throws -> Data) async throws -> Undertone {
            try await Undertone.open(
                config: config, store: store, hostKey: key, services: Services(certify: certify), clock: clock)
        }
        let failing: @Sendable (Data) async throws -> Data = { _ in throw Fault() }
        let hanging: @Sendable (Data) async throws -> Data = { _ in
            try await Task.sleep(nanoseconds: 600_000_000_000)
            throw Fault()
        }
        let issuing: @Sendable (Data) async throws -> Data = { request in
            let now = try clock.now()
            return try authority.issue(
                request: request, role: Role("client"), serial: UInt64(await asked.next()), notBefore: now - 60,
                notAfter: now + 90 * 86_400)
        }
        await #expect(throws: Fault.self) { _ = try await open(failing) }
        let first = try await open(issuing)
        let talk = try await first.conversations.start(user: UserId("bea"))
        try await first.send("kept", to: talk)
        await first.close()
        try clock.set(now: clock.now() + 91 * 86_400)
        for certify in [failing, hanging] {
            let chat = try await open(certify)
            guard case .expired = try await chat.diagnose().certificate else {
                Issue.record("the certificate has not run out")
                return
            }
            #expect(try await texts(chat, talk) == ["kept"])
            await chat.close()
        }
        let last = try await open(issuing)
        var valid = false
        for _ in 0..<6_000 where !valid {
            if case .valid = try await last.diagnose().certificate { valid = true }
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        #expect(valid)
        await last.close()
    }

    @Test func whatIsNoMatterOfCertificatesAsksForNone() async throws {
        for reason in ["closing.replaced", "closing.version"] {
            let (config, authority) = try configured()
            let asked = Asked()
            let certify: @Sendable (Data) async throws -> Data = { request in
                try authority.issue(
                    request: request, role: Role("client"), serial: UInt64(await asked.next()),
                    notBefore: Date() - 60, notAfter: Date() + 90 * 86_400)
            }
            let chat = try await Undertone.open(
                config: config, store: .memory(disk: try MemoryDisk()), hostKey: key,
                transport: Refusing(code: reason), services: Services(certify: certify))
            await #expect(throws: Refused.self) { try await inTime { try await chat.online() } }
            #expect(await asked.count == 1)
            await chat.close()
        }
    }

    @Test func whoWaitsForAConnectionIsToldThatItIsRefused() async throws {
        let (config, _) = try configured()
        let chat = try await Undertone.open(
            config: config, store: .memory(disk: try MemoryDisk()), hostKey: key, transport: Refusing())
        for _ in 0..<3 {
            await #expect(throws: Refused.self) { try await inTime { try await chat.online() } }
            await #expect(throws: Refused.self) { try await inTime { try await chat.online() } }
            // It is tried again.
            try await chat.connect()
        }
        await chat.close()
    }
}

/// How often something was asked for.
private actor Asked {
    private(set) var count = 0

    func next() -> Int {
        count += 1
        return count
    }
}

/// A relay that lets nobody in.
private struct Refusing: Transport {
    var code = "login.revoked"

    func run(_ link: any Link) async throws { throw Refused(code: code) }
    func send(_ envelopes: [Data]) async throws -> Task<TransmitResult, any Error> { throw Disconnected() }
    func acknowledge(_ deliveries: [DeliveryId]) async throws { throw Disconnected() }
    func fetch(since: DeliveryId) async throws -> MailboxPage { throw Disconnected() }
    func directory(_ request: Request) async throws -> Answer { throw Disconnected() }
}
