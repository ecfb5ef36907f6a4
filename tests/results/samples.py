"""A verdict, a registration and keys to make tokens from."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey

from chalicelib.model.apps import AppRegistration, Audience, AudienceKind
from chalicelib.model.descriptor import Descriptor, Purpose, TokenKind
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier, Vector
from chalicelib.model.verdict import Advice, Decision, Obligation, Submodule, Verdict

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
ISSUER = "https://keys.assay.example"
POLICY_ID = "baseline@" + "5" * 64


def public_jwk(private: ec.EllipticCurvePrivateKey) -> EcPublicJwk:
    numbers = private.public_key().public_numbers()
    return EcPublicJwk(x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big"))


@dataclass(frozen=True)
class SigningKey:
    """A key of the test's own, signing as KMS does."""

    private: ec.EllipticCurvePrivateKey

    @property
    def jwk(self) -> EcPublicJwk:
        return public_jwk(self.private)

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass(frozen=True)
class Recipient:
    """A confidential audience's key pair."""

    key: ECKey

    @property
    def jwk(self) -> dict[str, str]:
        public = self.key.as_dict(private=False)
        return {**{name: public[name] for name in ("kty", "crv", "x", "y")}, "kid": "bank-2026"}


def clear(name: str = "https://api.bank.example") -> Audience:
    return Audience(name=name, kind=AudienceKind.CLEAR)


def gateway(minimum: Tier | None) -> Audience:
    return Audience(name="https://gateway.bank.example", kind=AudienceKind.GATEWAY, minimum_tier=minimum)


def registration(**changes) -> AppRegistration:
    return AppRegistration(**{"app": "bank", "android": None, "apple": None, **changes})


def session(aud: str = "https://api.bank.example") -> Descriptor:
    return Descriptor(app="bank", purpose=Purpose.ENROL, aud=aud, token=TokenKind.SESSION)


def request(aud: str = "https://api.bank.example", **changes) -> Descriptor:
    members = {
        "app": "bank",
        "purpose": Purpose.RENEW,
        "aud": aud,
        "token": TokenKind.REQUEST,
        "htm": "POST",
        "htu": "https://api.bank.example/transfers",
        "query_digest": "q" * 43,
        "content_digest": "c" * 43,
    }
    return Descriptor(**{**members, **changes})


def verdict(**changes) -> Verdict:
    members = {
        "tier": Tier.WARNING,
        "evidence_tier": Tier.WARNING,
        "submodules": (
            Submodule(format=Format.ANDROID_KEY, tier=Tier.WARNING, vector=Vector({Component.HARDWARE: 32})),
            Submodule(format=Format.RASP, tier=Tier.AFFIRMING, vector=Vector({Component.EXECUTABLES: 2})),
        ),
        "reasons": (AppraisalReason.ANDROID_PATCH_LEVEL_OLD,),
        "applied": (),
        "advice": {
            "*": Advice(decision=Decision.ALLOW),
            "transfer": Advice(
                decision=Decision.STEP_UP, obligations=(Obligation.NOTIFY,), acr="phr", delay_seconds=(1, 5)
            ),
        },
        "policy_id": POLICY_ID,
    }
    return Verdict(**{**members, **changes})
