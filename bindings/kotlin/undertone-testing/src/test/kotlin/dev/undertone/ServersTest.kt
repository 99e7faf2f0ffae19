package dev.undertone

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Duration
import java.time.Instant

/** What a platform's server asks of this library: certificates, rules and reports (R41). */
class ServersTest {
    private val authority = Engines.authority
    private val stranger = Authority.fromSeed(ByteArray(32))
    private val now = Instant.ofEpochSecond(Instant.now().epochSecond)
    private val hour = Duration.ofHours(1)

    @Test
    fun `a certificate says what was certified and is renewed in another role`() {
        val engine = Engines.open()
        val identity = engine.identity()
        val asked = readEnrolment(identity.enrolmentRequest())
        assertEquals(listOf(UserId("ann"), 32, 32), listOf(asked.user, asked.identityKey.size, asked.deviceKey.size))
        val first = identity.certificate()
        val renewed = authority.renew(first.bytes, SUPPORT, 2uL, now - hour, now + hour)
        val shown = readCertificate(renewed, listOf(stranger.publicKey(), authority.publicKey()))
        assertEquals(listOf(UserId("ann"), SUPPORT, 2uL, engine.device()), shown.run { listOf(user, role, serial, device) })
        assertEquals(listOf(now - hour, now + hour), listOf(shown.notBefore, shown.notAfter))
        assertArrayEquals(asked.identityKey, shown.identityKey)
        identity.enrol(renewed)
        assertArrayEquals(renewed, identity.certificate().bytes)
        assertEquals(SUPPORT, identity.role(engine.user()))
    }

    @Test
    fun `a certificate of another authority is refused`() {
        val certificate = Engines.open().identity().certificate().bytes
        assertEquals("peer.certificate", codeOf { stranger.renew(certificate, SUPPORT, 3uL, now, now + hour) })
        assertEquals("peer.certificate", codeOf { readCertificate(certificate, listOf(stranger.publicKey())) })
        assertEquals("misuse.config", codeOf { readCertificate(certificate, emptyList()) })
        assertEquals("peer.malformed", codeOf { readEnrolment(certificate) })
    }

    @Test
    fun `a revoked certificate is of no use to its device`() {
        val engine = Engines.open()
        val revoked = { serials: List<ULong>, number: ULong -> authority.revoke(number, now, serials) }
        val forged = stranger.revoke(1uL, now, listOf(1uL))
        assertEquals("peer.forged", codeOf { engine.identity().revoke(forged) })
        engine.identity().revoke(revoked(listOf(7uL), 1uL))
        assertTrue(engine.diagnose().certificate is CertificateState.Valid)
        engine.identity().revoke(revoked(listOf(1uL, 7uL), 2uL))
        assertEquals(CertificateState.Revoked, engine.diagnose().certificate)
    }

    @Test
    fun `the rules are asked without an engine`() {
        val policy = Policy.companion()
        assertEquals(setOf(CLIENT, ESCORT, SUPPORT), policy.roles().toSet())
        assertEquals(Decision.Allow, policy.decide(CLIENT, Action.Start, ESCORT))
        val denied = (policy.decide(ESCORT, Action.Start, CLIENT) as Decision.Deny).reason
        assertEquals(listOf("denied.start", ESCORT, CLIENT), denied.run { listOf(code, actor, target) })
        val unknown = (policy.decide(Role("visitor"), Action.Start, CLIENT) as Decision.Deny).reason
        assertEquals("denied.unknown_role", unknown.code)
    }

    @Test
    fun `a report shows a server who said what`() = acquainted {
        val message = bea.newest(talk)
        val report = bea.messages.report(talk, listOf(message.reference))
        val claim = checkNotNull(readReport(report, listOf(network.authority.publicKey())).single())
        assertEquals(listOf(ann.user, ann.device, message.acceptedAt), claim.run { listOf(user, device, at) })
        assertEquals(1, claim.kind.toInt())
        // A short text, as MessagePack has it.
        assertArrayEquals(byteArrayOf(0xaa.toByte()) + "Hello, Bea".encodeToByteArray(), claim.body)
        assertEquals(listOf(16, 32, 32), claim.run { listOf(tag.size, commitment.size, mark.size) })
        assertEquals(listOf(null), readReport(report, listOf(stranger.publicKey())))
        assertEquals("peer.malformed", codeOf { readReport(report.copyOf(report.size - 1), listOf(stranger.publicKey())) })
        bea.conversations.setPeriod(talk, 60, Clock.FROM_SEND)
        val note = bea.newest(talk).reference
        assertEquals("misuse.report", codeOf { bea.engine.messages().report(talk, listOf(note)) })
    }

    private companion object {
        val CLIENT = Role("client")
        val ESCORT = Role("escort")
        val SUPPORT = Role("support")
    }
}
