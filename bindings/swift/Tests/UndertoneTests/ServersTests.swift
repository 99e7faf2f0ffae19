import Foundation
import Testing
import Undertone
import UndertoneTesting

/// What a platform's server asks of this library: certificates, rules and reports (R41).
@Suite struct ServersTests {
    private let client = Role("client")
    private let escort = Role("escort")
    private let support = Role("support")
    private let authority: Authority
    private let stranger: Authority
    private let now = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded())
    private let hour: TimeInterval = 3_600

    init() throws {
        authority = try configured().1
        stranger = try Authority.fromSeed(seed: Data(count: 32))
    }

    @Test func aCertificateSaysWhatWasCertifiedAndIsRenewedInAnotherRole() throws {
        let engine = try opened()
        let identity = try engine.identity()
        let asked = try readEnrolment(request: identity.enrolmentRequest())
        #expect(asked.user == UserId("ann") && asked.identityKey.count == 32 && asked.deviceKey.count == 32)
        let first = try identity.certificate()
        let renewed = try authority.renew(
            old: first.bytes, role: support, serial: 2, notBefore: now - hour, notAfter: now + hour)
        let shown = try readCertificate(
            certificate: renewed, authorities: [stranger.publicKey(), authority.publicKey()])
        #expect(shown.user == UserId("ann") && shown.role == support && shown.serial == 2)
        #expect(try shown.device == engine.device() && shown.identityKey == asked.identityKey)
        #expect(shown.notBefore == now - hour && shown.notAfter == now + hour)
        try identity.enrol(certificate: renewed)
        #expect(try identity.certificate().bytes == renewed)
        #expect(try identity.role(user: UserId("ann")) == support)
    }

    @Test func aCertificateOfAnotherAuthorityIsRefused() throws {
        let certificate = try opened().identity().certificate().bytes
        let others = [try stranger.publicKey()]
        let renewed = code {
            try stranger.renew(old: certificate, role: support, serial: 3, notBefore: now, notAfter: now + hour)
        }
        #expect(renewed == "peer.certificate")
        #expect(code { try readCertificate(certificate: certificate, authorities: others) } == "peer.certificate")
        #expect(code { try readCertificate(certificate: certificate, authorities: []) } == "misuse.config")
        #expect(code { try readEnrolment(request: certificate) } == "peer.malformed")
    }

    @Test func aRevokedCertificateIsOfNoUseToItsDevice() throws {
        let engine = try opened()
        let identity = try engine.identity()
        let forged = try stranger.revoke(number: 1, at: now, serials: [1])
        #expect(code { try identity.revoke(list: forged) } == "peer.forged")
        let before = try engine.diagnose().certificate
        try identity.revoke(list: authority.revoke(number: 1, at: now, serials: [7]))
        #expect(try engine.diagnose().certificate == before && before != .revoked)
        try identity.revoke(list: authority.revoke(number: 2, at: now, serials: [1, 7]))
        #expect(try engine.diagnose().certificate == .revoked)
    }

    @Test func theRulesAreAskedWithoutAnEngine() throws {
        let policy = try Policy.companion()
        #expect(try Set(policy.roles()) == [client, escort, support])
        #expect(try policy.decide(actor: client, action: .start, target: escort) == .allow)
        guard case .deny(let reason) = try policy.decide(actor: escort, action: .start, target: client) else {
            Issue.record("an escort may start with a client")
            return
        }
        #expect(reason.code == "denied.start" && reason.actor == escort && reason.target == client)
        guard case .deny(let unknown) = try policy.decide(actor: Role("visitor"), action: .start, target: client) else {
            Issue.record("somebody of no role may start")
            return
        }
        #expect(unknown.code == "denied.unknown_role")
    }

    @Test func aReportShowsAServerWhoSaidWhat() async throws {
        try await acquainted { network, ann, bea, talk in
            let message = try await newest(bea, talk)
            let report = try await bea.messages.report(conversation: talk, messages: [message.reference])
            let claims = try readReport(report: report, authorities: [network.authority.publicKey()])
            let claim = try #require(claims.compactMap { $0 }.first)
            #expect(claims.count == 1 && claim.kind == 1)
            #expect(claim.user == ann.user && claim.device == ann.device && claim.at == message.acceptedAt)
            // A short text, as MessagePack has it.
            #expect(claim.body == Data([0xaa]) + Data("Hello, Bea".utf8))
            #expect(claim.tag.count == 16 && claim.commitment.count == 32 && claim.mark.count == 32)
            let others = [try stranger.publicKey()]
            #expect(try readReport(report: report, authorities: others) == [nil])
            #expect(code { try readReport(report: report.dropLast(), authorities: others) } == "peer.malformed")
            try await bea.conversations.setPeriod(conversation: talk, period: 60, clock: .fromSend)
            let note = try await newest(bea, talk).reference
            let messages = try bea.engine.messages()
            #expect(code { try messages.report(conversation: talk, messages: [note]) } == "misuse.report")
        }
    }
}
