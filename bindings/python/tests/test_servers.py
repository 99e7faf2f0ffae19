"""What a platform's server asks of this library: certificates, rules and reports (R41)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from undertone import (
    Action,
    Authority,
    Clock,
    Cursor,
    Policy,
    Role,
    UndertoneError,
    read_certificate,
    read_enrolment,
    read_report,
    ref,
)
from undertone.testing import Network

from helpers import AUTHORITY, NOW, acquainted, code, opened

CLIENT, ESCORT, SUPPORT = Role("client"), Role("escort"), Role("support")
HOUR = timedelta(hours=1)


def test_a_certificate_says_what_was_certified_and_is_renewed_in_another_role() -> None:
    authority, other = AUTHORITY, Authority.from_seed(bytes(32))
    engine = opened()
    identity = engine.identity()
    asked = read_enrolment(identity.enrolment_request())
    assert asked.user == "ann" and len(asked.identity_key) == len(asked.device_key) == 32
    first = identity.certificate()
    renewed = authority.renew(first.bytes, SUPPORT, 2, NOW - HOUR, NOW + HOUR)
    shown = read_certificate(renewed, [other.public_key(), authority.public_key()])
    assert (shown.user, shown.role, shown.serial, shown.device) == ("ann", SUPPORT, 2, engine.device())
    assert shown.identity_key == first.identity_key == asked.identity_key
    assert shown.not_after - shown.not_before == 2 * HOUR
    identity.enrol(renewed)
    assert identity.certificate().bytes == shown.bytes == renewed
    assert identity.role(engine.user()) == SUPPORT
    assert code(other.renew, renewed, SUPPORT, 3, NOW, NOW + HOUR) == "peer.certificate"
    assert code(read_certificate, renewed, [other.public_key()]) == "peer.certificate"
    assert code(read_certificate, renewed, []) == "misuse.config"
    assert code(read_enrolment, renewed) == "peer.malformed"


def test_a_revoked_certificate_is_of_no_use_to_its_device() -> None:
    engine = opened()
    state: Any = engine.diagnose().certificate
    assert state.is_VALID()
    forged = Authority.from_seed(bytes(32)).revoke(1, NOW, [1])
    assert code(engine.identity().revoke, forged) == "peer.forged"
    engine.identity().revoke(AUTHORITY.revoke(1, NOW, [7]))
    state = engine.diagnose().certificate
    assert state.is_VALID()
    engine.identity().revoke(AUTHORITY.revoke(2, NOW, [1, 7]))
    state = engine.diagnose().certificate
    assert state.is_REVOKED()


def test_the_rules_are_asked_without_an_engine() -> None:
    policy = Policy.companion()
    assert set(policy.roles()) == {CLIENT, ESCORT, SUPPORT}
    assert policy.decide(CLIENT, Action.START(), ESCORT).is_ALLOW()
    denied: Any = policy.decide(ESCORT, Action.START(), CLIENT)
    assert denied.is_DENY()
    assert (denied.reason.code, denied.reason.actor, denied.reason.target) == ("denied.start", ESCORT, CLIENT)
    unknown: Any = policy.decide(Role("visitor"), Action.START(), CLIENT)
    assert unknown.reason.code == "denied.unknown_role"


async def test_a_report_shows_a_server_who_said_what() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        message = (await bea.messages.page(talk, Cursor.NEWEST(), 1)).messages[0]
        report = await bea.messages.report(talk, [ref(message)])
        (claim,) = read_report(report, [network.authority.public_key()])
        assert claim is not None
        assert (claim.user, claim.device, claim.at, claim.kind) == (ann.user, ann.device, message.accepted_at, 1)
        # A short text, as MessagePack has it.
        assert claim.body == b"\xaaHello, Bea"
        assert (len(claim.tag), len(claim.commitment), len(claim.mark)) == (16, 32, 32)
        stranger = Authority.from_seed(bytes(32)).public_key()
        assert read_report(report, [stranger]) == [None]
        assert code(read_report, report[:-1], [stranger]) == "peer.malformed"
        await bea.conversations.set_period(talk, 60, Clock.FROM_SEND)
        note = (await bea.messages.page(talk, Cursor.NEWEST(), 1)).messages[0]
        with pytest.raises(UndertoneError.Misuse) as refused:
            await bea.messages.report(talk, [ref(note)])
        assert refused.value.code == "misuse.report"
