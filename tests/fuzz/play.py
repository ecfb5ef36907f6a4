"""Play Integrity: classic tokens, what is inside them, payloads, and the secret that opens them."""

import json
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.keys import b64url
from assay_toolkit.simulator.play_integrity import (
    CLASSIC_SECRET,
    DECRYPTION_KEY,
    SIGNING_KEY,
    VERDICTS,
    Request,
    SimulatedPlay,
    sign,
)
from chalicelib.model.outcome import Refused
from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.verifiers.play_integrity import (
    ClassicKeys,
    UnusableSecret,
    open_classic,
    read_secret,
    verify_payload,
)
from tests.fuzz import material
from tests.fuzz.target import Target

_REQUESTS = (PlayIntegrityRequest.CLASSIC, PlayIntegrityRequest.STANDARD)
_SIGNED_PAYLOAD = b'{"requestDetails":{}}'
_CONTENT_KEY = bytes(range(32))
_IV = bytes(12)


@cache
def _keys() -> ClassicKeys:
    keys = read_secret(json.dumps({"classic": CLASSIC_SECRET}).encode()).classic
    assert keys is not None
    return keys


@cache
def _payloads(request: Request) -> tuple[bytes, ...]:
    play = SimulatedPlay(clock=lambda: material.NOW)
    made = [play.payload(request=request, bound=material.CHALLENGE, verdict=each) for each in VERDICTS.values()]
    return tuple(json.dumps(payload).encode() for payload in made)


@cache
def _signed() -> tuple[bytes, ...]:
    return (_SIGNED_PAYLOAD, *_payloads(Request.CLASSIC))


def _encrypted(signed: bytes, header: bytes = b'{"alg":"A256KW","enc":"A256GCM"}') -> str:
    """By hand, so that header and content can be anything."""
    protected = b64url(header)
    sealed = AESGCM(_CONTENT_KEY).encrypt(_IV, signed, protected.encode())
    wrapped = aes_key_wrap(DECRYPTION_KEY, _CONTENT_KEY)
    return ".".join([protected, *map(b64url, (wrapped, _IV, sealed[:-16], sealed[-16:]))])


def _open(token: str) -> None:
    opened = open_classic(token, keys=_keys())
    assert isinstance(opened, Refused) or opened in _signed()


def _token(data: bytes) -> None:
    _open(data.decode("utf-8", "replace"))


def _inside(data: bytes) -> None:
    _open(_encrypted(data))


def _headers(data: bytes) -> None:
    """Of JWE and JWS, one behind the other with a line feed between: what nobody without the keys can try."""
    outer, _, inner = data.partition(b"\n")
    signing_input = f"{b64url(inner)}.{b64url(_SIGNED_PAYLOAD)}"
    r, s = decode_dss_signature(SIGNING_KEY.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
    signature = b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    _open(_encrypted(f"{signing_input}.{signature}".encode(), outer))


def _header_seeds() -> Iterable[bytes]:
    outer, inner = {"alg": "A256KW", "enc": "A256GCM"}, {"alg": "ES256"}
    odd = ({"kid": "1"}, {"kid": 1}, {"typ": "JWT", "cty": "JWT"}, {"typ": None}, {"cty": []}, {"zip": "DEF"})
    for more, within in [({}, {}), *((each, {}) for each in odd), *(({}, each) for each in odd)]:
        yield json.dumps(outer | more).encode() + b"\n" + json.dumps(inner | within).encode()


def _payload(data: bytes) -> None:
    """The first octet says how the verdict was asked for."""
    if data:
        verify_payload(
            data[1:],
            request=_REQUESTS[data[0] % 2],
            binding=material.CHALLENGE,
            packages=(KeyParameters().package_name,),
            signature_digests=KeyParameters().signature_digests,
            now=material.NOW + timedelta(seconds=1),
        )


def _tokens() -> Iterable[bytes]:
    yield from (_encrypted(sign(payload)).encode() for payload in _signed()[:4])
    yield from (entry.evidence.strip() for entry in material.recorded("play_integrity"))


TARGETS = (
    Target(name="play_token", run=_token, seeds=_tokens),
    Target(name="play_inside", run=_inside, seeds=lambda: map(sign, _signed()[:4])),
    Target(name="play_headers", run=_headers, seeds=_header_seeds),
    Target(
        name="play_payload",
        run=_payload,
        seeds=lambda: (
            bytes([number]) + payload for number, request in enumerate(Request) for payload in _payloads(request)
        ),
    ),
    Target(
        name="play_secret",
        run=read_secret,
        seeds=lambda: (
            json.dumps({"classic": CLASSIC_SECRET}).encode(),
            b'{"standard":{"type":"service_account","client_email":"a","private_key_id":"1","private_key":"k","token_uri":"u"}}',
        ),
        refuses=(UnusableSecret,),
    ),
)
