"""Defects between the parts of a submission: what binding and proof are there for (docs/wire.md, section 3)."""

import base64
from dataclasses import replace

from assay_toolkit.simulator.base_phone import Phone
from assay_toolkit.simulator.conditions import Platform
from assay_toolkit.simulator.defect import Purpose, Tamper
from assay_toolkit.simulator.keys import b64url
from assay_toolkit.simulator.rasp import RaspReport
from assay_toolkit.simulator.submission import ProtectedRequest, Submission, bind, prove

_BOTH = frozenset(Platform)


def _report_of_another(phone: Phone, _stranger: Phone, challenge: bytes) -> Submission:
    report = RaspReport(app_version="another phone's").encode()
    return replace(phone.enrolment(challenge=challenge), rasp_report=report)


def _report_dropped(phone: Phone, _stranger: Phone, challenge: bytes) -> Submission:
    return replace(phone.enrolment(challenge=challenge), rasp_report=None)


def _report_of_no_schema(phone: Phone, _stranger: Phone, challenge: bytes) -> Submission:
    report = RaspReport().encode().replace(b'"clear"', b'"spotless"', 1)
    return phone.enrolment(challenge=challenge, rasp_report=report)


def _request_redirected(phone: Phone, _stranger: Phone, challenge: bytes) -> Submission:
    request = ProtectedRequest(method="POST", url="https://api.example/v1/payments", body=b"{}")
    submission = phone.enrolment(challenge=challenge, request=request)
    return replace(submission, descriptor=submission.descriptor | {"htu": "https://api.example/v1/limits"})


def _proof_flipped(phone: Phone, _stranger: Phone, challenge: bytes) -> Submission:
    submission = phone.enrolment(challenge=challenge)
    signed, _, signature = submission.proof.rpartition(".")
    octets = bytearray(base64.urlsafe_b64decode(signature + "=="))
    octets[-1] ^= 0x01
    return replace(submission, proof=f"{signed}.{b64url(bytes(octets))}")


def _proof_for_another_challenge(phone: Phone, _stranger: Phone, challenge: bytes) -> Submission:
    submission = phone.enrolment(challenge=challenge)
    binding = bind(
        challenge=another(challenge),
        key=phone.instance_key.public_key(),
        rasp_report=submission.rasp_report,
        descriptor=submission.descriptor,
    )
    return replace(submission, proof=prove(key=phone.instance_key, binding=binding))


def _stranger_renews(_phone: Phone, stranger: Phone, challenge: bytes) -> Submission:
    return stranger.renewal(challenge=challenge)


def another(challenge: bytes) -> bytes:
    """32 bytes that are not this challenge."""
    return bytes([challenge[0] ^ 0x01]) + challenge[1:]


SUBMISSION_TAMPERS = (
    Tamper(
        name="report_of_another",
        how="The RASP report is that of another phone, put in after the proof was made.",
        expected="proof_binding_mismatch",
        make=_report_of_another,
        platforms=_BOTH,
    ),
    Tamper(
        name="report_dropped",
        how="The RASP report that the proof covers is left out.",
        expected="proof_binding_mismatch",
        make=_report_dropped,
        platforms=_BOTH,
    ),
    Tamper(
        name="report_of_no_schema",
        how="The RASP report, bound as it should be, gives a check a state that there is none of.",
        expected="rasp_malformed",
        make=_report_of_no_schema,
        platforms=_BOTH,
    ),
    Tamper(
        name="request_redirected",
        how="A request token is asked for another path than the one the proof covers.",
        expected="proof_binding_mismatch",
        make=_request_redirected,
        platforms=_BOTH,
    ),
    Tamper(
        name="proof_for_another_challenge",
        how="The proof is that of an earlier submission.",
        expected="proof_binding_mismatch",
        make=_proof_for_another_challenge,
        platforms=_BOTH,
    ),
    Tamper(
        name="proof_flipped",
        how="One bit of the proof's signature is flipped.",
        expected="proof_signature",
        make=_proof_flipped,
        platforms=_BOTH,
    ),
    Tamper(
        name="stranger_renews",
        how="A phone that was never enrolled asks for a renewal.",
        expected="instance_unknown",
        make=_stranger_renews,
        platforms=_BOTH,
        purpose=Purpose.RENEW,
    ),
)
