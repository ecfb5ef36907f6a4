"""Writes docs/wire-vectors.json from docs/wire.md alone: nothing of the service, the relying party or the simulator.

Run it as `python tests/submission/generate_wire_vectors.py > docs/wire-vectors.json`. Keys and signatures are
deterministic (RFC 6979), so the same script writes the same bytes. The keys are made from public sentences: they
protect nothing.
"""

import base64
import hashlib
import json
import sys
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
NOW = 1_700_000_000
ISSUER = "https://keys.assay.example"
AUDIENCE = "https://api.bank.example"
REPORT = b'{"schema":1,"provider":"acme-shield","sdk_version":"4.2.0","app_version":"7.1.0"}'


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def canonical(value: Any) -> bytes:
    """RFC 8785 for what stands here: ASCII strings and small integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


class Key:
    def __init__(self, sentence: str) -> None:
        self.number = int.from_bytes(sha256(sentence.encode())) % (P256_ORDER - 1) + 1
        self.private = ec.derive_private_key(self.number, ec.SECP256R1())
        point = self.private.public_key().public_numbers()
        self.jwk = {"kty": "EC", "crv": "P-256", "x": b64url(point.x.to_bytes(32)), "y": b64url(point.y.to_bytes(32))}
        self.jkt = b64url(sha256(canonical(self.jwk)))

    def as_vector(self) -> dict[str, Any]:
        return {"jwk": self.jwk, "private_jwk": {**self.jwk, "d": b64url(self.number.to_bytes(32))}, "jkt": self.jkt}

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32) + s.to_bytes(32)

    def jws(self, header: bytes | dict[str, Any], payload: bytes) -> str:
        raw = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
        signing_input = f"{b64url(raw)}.{b64url(payload)}"
        return f"{signing_input}.{b64url(self.sign(signing_input.encode()))}"


INSTANCE = Key("assay wire vectors: instance key")
OTHER = Key("assay wire vectors: another instance key")
SERVICE = Key("assay wire vectors: signing key of the service")
CHALLENGE = sha256(b"assay wire vectors: challenge")
OTHER_CHALLENGE = sha256(b"assay wire vectors: another challenge")

SESSION = {"v": 1, "app": "bank", "purpose": "enrol", "aud": AUDIENCE, "token": "session"}
RENEWAL = {**SESSION, "purpose": "renew"}
QUERY = "to=DE02120300000000202051&note=a%20b+c"
BODY = b'{"amount":"12.50","currency":"EUR"}'
PAYMENT = {
    "v": 1, "app": "bank", "purpose": "renew", "aud": AUDIENCE, "token": "request",
    "htm": "POST", "htu": "https://api.bank.example/v1/payments",
    "query_digest": b64url(sha256(QUERY.encode())), "content_digest": b64url(sha256(BODY)),
}  # fmt: skip
BALANCE = {**RENEWAL, "token": "request", "htm": "GET", "htu": "http://127.0.0.1:8080/v1/balance"}
DESCRIPTORS = {"session": SESSION, "renewal": RENEWAL, "payment": PAYMENT, "balance": BALANCE}


def binding(challenge: bytes, jkt: str, report: bytes | None, descriptor: dict[str, Any]) -> bytes:
    thumbprint = base64.urlsafe_b64decode(jkt + "=")
    report_digest = bytes(32) if report is None else sha256(report)
    return sha256(
        b"assay-binding-v1" + b"\x00" + challenge + thumbprint + report_digest + sha256(canonical(descriptor))
    )


def bindings() -> list[dict[str, Any]]:
    cases = [
        ("session-without-report", CHALLENGE, INSTANCE, None, SESSION),
        ("session-with-report", CHALLENGE, INSTANCE, REPORT, SESSION),
        ("empty-report-is-not-no-report", CHALLENGE, INSTANCE, b"", SESSION),
        ("other-challenge", OTHER_CHALLENGE, INSTANCE, REPORT, SESSION),
        ("other-key", CHALLENGE, OTHER, REPORT, SESSION),
        ("renewal", CHALLENGE, INSTANCE, REPORT, RENEWAL),
        ("payment", CHALLENGE, INSTANCE, REPORT, PAYMENT),
        ("balance", CHALLENGE, INSTANCE, None, BALANCE),
    ]
    return [
        {
            "id": name,
            "challenge": b64url(challenge),
            "jkt": key.jkt,
            "rasp_report": None if report is None else b64url(report),
            "descriptor": descriptor,
            "binding": b64url(binding(challenge, key.jkt, report, descriptor)),
        }
        for name, challenge, key, report, descriptor in cases
    ]


def proofs() -> list[dict[str, Any]]:
    """Each over the same submission: `session-with-report`. `why` says what is wrong with an invalid one."""
    payload = binding(CHALLENGE, INSTANCE.jkt, REPORT, SESSION)
    header = {"typ": "assay-proof+jws", "alg": "ES256", "jwk": INSTANCE.jwk}
    raw = json.dumps(header, separators=(",", ":"))
    good = INSTANCE.jws(header, payload)
    head, body, signature = good.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = signature[:-1] + last[last.index(signature[-1]) ^ 1]
    r_s = base64.urlsafe_b64decode(signature + "==")
    high_s = r_s[:32] + (P256_ORDER - int.from_bytes(r_s[32:])).to_bytes(32)
    off_curve = {**INSTANCE.jwk, "y": b64url(bytes(31) + b"\x01")}

    def other(challenge: bytes = CHALLENGE, report: bytes | None = REPORT, descriptor: dict[str, Any] = SESSION) -> str:
        return INSTANCE.jws(header, binding(challenge, INSTANCE.jkt, report, descriptor))

    cases: list[tuple[str, str, str | None]] = [
        ("valid", good, None),
        ("valid-member-order", INSTANCE.jws({k: header[k] for k in ("jwk", "alg", "typ")}, payload), None),
        ("valid-white-space", INSTANCE.jws(json.dumps(header, indent=1).encode(), payload), None),
        ("valid-other-s", f"{head}.{body}.{b64url(high_s)}", None),
        ("two-parts", f"{head}.{body}", "not three parts"),
        ("four-parts", f"{good}.", "not three parts"),
        ("padded", f"{good}==", "base64url with padding"),
        ("standard-base64", f"{head}.{body}.{'+' * 86}", "standard base64 characters"),
        ("unused-bits", f"{head}.{body}.{loose}", "base64url not in its canonical spelling"),
        ("line-feed", f"{good}\n", "a character outside the alphabet"),
        ("too-long", INSTANCE.jws(raw.encode() + b" " * 800, payload), "longer than 1,024 characters"),
        ("header-not-utf8", INSTANCE.jws(raw.encode("utf-16"), payload), "header in UTF-16"),
        ("header-bom", INSTANCE.jws(b"\xef\xbb\xbf" + raw.encode(), payload), "header with byte order mark"),
        ("header-repeated", INSTANCE.jws(b'{"alg":"none",' + raw.encode()[1:], payload), "a repeated member"),
        ("header-extra", INSTANCE.jws({**header, "kid": "1"}, payload), "a fourth member"),
        ("header-crit", INSTANCE.jws({**header, "crit": ["exp"]}, payload), "a fourth member"),
        ("header-array", INSTANCE.jws(b"[]", payload), "header not an object"),
        ("typ-missing", INSTANCE.jws({k: header[k] for k in ("alg", "jwk")}, payload), "no typ"),
        ("typ-other", INSTANCE.jws({**header, "typ": "JWT"}, payload), "another typ"),
        ("typ-case", INSTANCE.jws({**header, "typ": "Assay-Proof+JWS"}, payload), "another typ"),
        ("alg-none", INSTANCE.jws({**header, "alg": "none"}, payload), "another alg"),
        ("alg-hs256", INSTANCE.jws({**header, "alg": "HS256"}, payload), "another alg"),
        ("alg-es384", INSTANCE.jws({**header, "alg": "ES384"}, payload), "another alg"),
        ("jwk-private", INSTANCE.jws({**header, "jwk": INSTANCE.as_vector()["private_jwk"]}, payload), "private key"),
        ("jwk-extra", INSTANCE.jws({**header, "jwk": {**INSTANCE.jwk, "use": "sig"}}, payload), "a fifth member"),
        ("jwk-off-curve", INSTANCE.jws({**header, "jwk": off_curve}, payload), "not a point on P-256"),
        ("jwk-short", INSTANCE.jws({**header, "jwk": {**INSTANCE.jwk, "x": "AA"}}, payload), "a coordinate of 1 byte"),
        (
            "jwk-other-curve",
            INSTANCE.jws({**header, "jwk": {**INSTANCE.jwk, "crv": "P-384"}}, payload),
            "another curve",
        ),
        ("jwk-string", INSTANCE.jws({**header, "jwk": INSTANCE.jkt}, payload), "jwk not an object"),
        ("payload-hex", INSTANCE.jws(header, payload.hex().encode()), "payload not 32 bytes"),
        ("payload-empty", INSTANCE.jws(header, b""), "payload not 32 bytes"),
        ("signature-empty", f"{head}.{body}.", "signature not 64 bytes"),
        ("signature-zero", f"{head}.{body}.{b64url(bytes(64))}", "signature does not verify"),
        ("signature-der", f"{head}.{body}.{b64url(b'0' + r_s)}", "signature not 64 bytes"),
        ("signature-other-key", OTHER.jws(header, payload), "signed by another key than it names"),
        ("key-other", OTHER.jws({**header, "jwk": OTHER.jwk}, payload), "binding of another key"),
        ("challenge-other", other(challenge=OTHER_CHALLENGE), "binding of another challenge"),
        ("report-other", other(report=REPORT + b" "), "binding of another report"),
        ("report-missing", other(report=None), "binding of no report"),
        (
            "audience-other",
            other(descriptor={**SESSION, "aud": "https://other.example"}),
            "binding of another audience",
        ),
        ("purpose-other", other(descriptor=RENEWAL), "binding of another purpose"),
        ("request-other", other(descriptor=PAYMENT), "binding of another kind of token"),
    ]
    return [{"id": name, "proof": proof, "valid": why is None, "why": why} for name, proof, why in cases]


def digests() -> dict[str, Any]:
    queries = ["", "a=1", QUERY, "a=%C3%A4", "?", "q=ä"]
    bodies = [b"", b"{}", BODY, bytes(range(256))]
    return {
        "query": [{"query": q, "query_digest": b64url(sha256(q.encode())) if q else None} for q in queries],
        "content": [{"content": b64url(c), "content_digest": b64url(sha256(c)) if c else None} for c in bodies],
    }


def session_token() -> str:
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "bank", "jti": b64url(sha256(b"assay wire vectors: jti")[:16]),
        "iat": NOW, "exp": NOW + 300, "cnf": {"jwk": INSTANCE.jwk},
        "eat_profile": "urn:uuid:6f3d7a3c-0f6b-5a55-9d0e-8a4e6a1c7b01",
        "ear_verifier_id": {"developer": "Assay", "build": "assay 0.1.0"},
        "ear_status": "affirming",
        "submods": {"android_key": {"ear_status": "affirming", "ear_appraisal_policy_ids": ["vectors@00"]}},
    }  # fmt: skip
    header = {"typ": "oauth-client-attestation+jwt", "alg": "ES256", "kid": SERVICE.jkt}
    return SERVICE.jws(header, json.dumps(claims, separators=(",", ":")).encode())


def pop() -> dict[str, Any]:
    token = session_token()
    header = {"typ": "oauth-client-attestation-pop+jwt", "alg": "ES256"}
    requests = [
        ("get", "GET", "https://api.bank.example/v1/balance", "", b""),
        ("get-with-query", "GET", "https://api.bank.example/v1/balance", QUERY, b""),
        ("post", "POST", "https://api.bank.example/v1/payments", "", BODY),
        ("post-with-query", "POST", "https://api.bank.example/v1/payments", QUERY, BODY),
    ]
    examples = []
    for name, method, target, query, content in requests:
        claims = {
            "aud": AUDIENCE, "jti": b64url(sha256(f"assay wire vectors: proof {name}".encode())[:16]), "iat": NOW + 10,
            "htm": method, "htu": target, "ath": b64url(sha256(token.encode("ascii"))),
        }  # fmt: skip
        if query:
            claims["query_digest"] = b64url(sha256(query.encode()))
        if content:
            claims["content_digest"] = b64url(sha256(content))
        examples.append({
            "id": name,
            "request": {"method": method, "url": target, "query": query, "content": b64url(content)},
            "claims": claims,
            "proof": INSTANCE.jws(header, json.dumps(claims, separators=(",", ":")).encode()),
        })  # fmt: skip
    return {"now": NOW + 10, "issuer": ISSUER, "audience": AUDIENCE, "token": token, "requests": examples}


def vectors() -> dict[str, Any]:
    submission = {"challenge": b64url(CHALLENGE), "rasp_report": b64url(REPORT), "descriptor": SESSION}
    return {
        "about": "Test vectors of docs/wire.md, written by tests/submission/generate_wire_vectors.py. Byte strings are "
        "base64url. The private keys are public knowledge.",
        "keys": {"instance": INSTANCE.as_vector(), "other": OTHER.as_vector(), "service": SERVICE.as_vector()},
        "jwks": {"keys": [{**SERVICE.jwk, "kid": SERVICE.jkt, "alg": "ES256", "use": "sig"}]},
        "descriptors": [
            {
                "id": name,
                "descriptor": value,
                "canonical": canonical(value).decode(),
                "sha256": sha256(canonical(value)).hex(),
            }
            for name, value in DESCRIPTORS.items()
        ],
        "bindings": bindings(),
        "proofs": {"submission": submission, "cases": proofs()},
        "digests": digests(),
        "pop": pop(),
    }


def text() -> str:
    return json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
