"""What a phone posts."""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from chalicelib.model.outcome import Refused
from chalicelib.verifiers.rasp import verify_report
from chalicelib.verifiers.submission import decode_challenge_request, decode_submission, verify_proof
from tests.fuzz import material
from tests.fuzz.target import Target


def _submission(data: bytes) -> None:
    submitted = decode_submission(data)
    if isinstance(submitted, Refused):
        return
    proof = verify_proof(submitted)
    if not isinstance(proof, Refused):
        verify_report(proof)


def _descriptor(data: bytes) -> None:
    """The descriptor as the input has it, in a body that is right otherwise."""
    body = json.loads(material.bodies()[0])
    body["descriptor"] = "@"
    _submission(json.dumps(body).encode().replace(b'"@"', data))


def _descriptors() -> Iterable[bytes]:
    yield from (json.dumps(json.loads(body)["descriptor"]).encode() for body in material.bodies()[:6])
    yield json.dumps(
        {
            "v": 1,
            "app": "bank",
            "purpose": "enrol",
            "aud": "https://api.bank.example",
            "token": "request",
            "htm": "POST",
            "htu": "https://api.bank.example/v1/payments",
            "query_digest": "A" * 43,
            "content_digest": "A" * 43,
        }
    ).encode()


def _report(data: bytes) -> None:
    verify_report(replace(_proof(), rasp_report=data))


@cache
def _proof():
    submitted = decode_submission(material.bodies()[0])
    assert not isinstance(submitted, Refused)
    proof = verify_proof(submitted)
    assert not isinstance(proof, Refused)
    return proof


TARGETS = (
    Target(name="submission", run=_submission, seeds=material.bodies),
    Target(
        name="challenge_request",
        run=decode_challenge_request,
        seeds=lambda: (b'{"app":"demo-bank","purpose":"enrol"}', b'{"app":"demo-bank","purpose":"renew"}'),
    ),
    Target(name="descriptor", run=_descriptor, seeds=_descriptors),
    Target(name="rasp_report", run=_report, seeds=material.reports),
)
