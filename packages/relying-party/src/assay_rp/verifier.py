"""Attestation tokens and the requests that come with them, verified offline (docs/wire.md sections 6 to 8)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jwt

from assay_rp import _claims
from assay_rp._jwk import PublicKey, public_key
from assay_rp._proof import SKEW, digest, verify_proof
from assay_rp._strict import Unreadable, read_jws
from assay_rp.confidential import ConfidentialKeys
from assay_rp.errors import (
    ConfidentialPartMissing,
    ProofSpent,
    TokenAlgorithmMismatch,
    TokenAudienceMismatch,
    TokenCritical,
    TokenExpired,
    TokenIssuerMismatch,
    TokenLifetimeTooLong,
    TokenMalformed,
    TokenNotYetValid,
    TokenProfileMismatch,
    TokenRequestMismatch,
    TokenSignatureInvalid,
    TokenSpent,
    TokenTypeMismatch,
)
from assay_rp.jwks import KeySource
from assay_rp.replay import ReplayKey, ReplayStore, Use
from assay_rp.tokens import (
    ConfidentialVerdict,
    RequestBinding,
    SubmittedRequest,
    Tier,
    TokenKind,
    VerifiedRequest,
    VerifiedToken,
)

# The token is signed in one piece of at most 4,096 bytes (KMS) and carries 87 characters more; the rest is room for
# an issuer that signs otherwise. API Gateway ends at 10,240 bytes for all headers together.
_MAX_LENGTH = 8_192
_PROFILE = "urn:uuid:6f3d7a3c-0f6b-5a55-9d0e-8a4e6a1c7b01"
_REQUEST_MEMBERS = frozenset({"htm", "htu", "query_digest", "content_digest"})


class Verifier:
    """Made once, used by all threads. Every check is always made; what is left out has to be asked for by name.

    `confidential_keys`: None for an audience that registered no key: verdicts then are what `ear_status` says, and a
    confidential token's is `none`. With keys, a token without a confidential part is refused.
    `replay`: shared by all workers of the audience. `clock`: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        jwks: KeySource,
        confidential_keys: ConfidentialKeys | None,
        replay: ReplayStore,
        clock: Callable[[], float],
    ) -> None:
        if not issuer or not audience:
            raise ValueError("issuer and audience are what makes a token ours; neither may be empty")
        self._issuer = issuer
        self._audience = audience
        self._jwks = jwks
        self._confidential_keys = confidential_keys
        self._replay = replay
        self._clock = clock

    def verify(self, submitted: SubmittedRequest, *, accept: TokenKind) -> VerifiedRequest:
        """A request with its token, of exactly the kind `accept`, and its proof. Raises `Refusal` or `Unavailable`.

        1. the token, by `_verify_token`
        2. a request token: made for this very request
        3. the proof, by `verify_proof`
        4. the proof, once
        5. a request token: once
        Uses are spent last, so that nobody without the instance key can spend one or fill the store; and the proof's
        first, so that a full store does not cost the phone its request token.
        """
        now = self._clock()
        token = self._verify_token(submitted.unverified_token, accept=accept, now=now)  # 1
        if token.binding is not None:  # 2
            _check_binding(token.binding, submitted)
        proof = verify_proof(submitted, token=token, audience=self._audience, now=now)  # 3
        proof_key = ReplayKey(use=Use.PROOF, jkt=token.jkt, jti=proof.jti)
        if not self._replay.spend(proof_key, until=proof.issued_at + SKEW, now=now):  # 4
            raise ProofSpent
        if token.kind is TokenKind.REQUEST:  # 5
            token_key = ReplayKey(use=Use.REQUEST_TOKEN, jkt=token.jkt, jti=token.jti)
            if not self._replay.spend(token_key, until=token.expires_at + SKEW, now=now):
                raise TokenSpent
        return VerifiedRequest(
            token=token,
            method=submitted.method,
            htu=submitted.htu,
            proof_jti=proof.jti,
            proof_issued_at=proof.issued_at,
        )

    def verify_without_proof_of_possession(self, unverified_token: str) -> VerifiedToken:
        """A session token alone: whoever copied it can present it. For diagnosis and for hops behind one that saw the
        proof. Request tokens are refused here, since nothing would count their one use."""
        return self._verify_token(unverified_token, accept=TokenKind.SESSION, now=self._clock())

    def _verify_token(self, unverified_token: str, *, accept: TokenKind, now: float) -> VerifiedToken:
        """docs/wire.md section 6.

        1. compact form and size, strict JSON
        2. header: no `crit`; exactly typ, alg, kid; `typ` of the kind asked for; ES256
        3. the issuer's key of that kid
        4. signature, `iss`, `aud` (PyJWT)
        5. `eat_profile`
        6. `exp`, `iat` with 60 s of skew, and their distance
        7. the other claims, by type; members for one request in request tokens only
        8. the confidential part
        """
        try:
            unverified = read_jws(unverified_token, max_length=_MAX_LENGTH)  # 1
            kid = _check_header(unverified.header, accept=accept)  # 2
            key = self._jwks.key(kid)  # 3
            claims = jwt.decode(  # 4
                unverified.text,
                key,
                algorithms=["ES256"],
                issuer=self._issuer,
                audience=self._audience,
                # Time is judged below: PyJWT would ask the machine's clock, and the verifier was given one.
                options={"strict_aud": True, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            if claims.get("eat_profile") != _PROFILE:  # 5
                raise TokenProfileMismatch
            issued_at, expires_at = _check_times(claims, kind=accept, now=now)  # 6
            jti = _claims.text(claims, "jti")  # 7
            return VerifiedToken(
                kind=accept,
                app=_claims.text(claims, "sub"),
                jti=jti,
                issued_at=issued_at,
                expires_at=expires_at,
                instance_key=_instance_key(claims),
                clear_tier=Tier.of(claims.get("ear_status")),
                submodules=MappingProxyType(_claims.submodules(claims)),
                binding=_binding(claims, kind=accept),
                confidential=self._open_confidential_part(claims, jti=jti),  # 8
            )
        except jwt.InvalidSignatureError as error:
            raise TokenSignatureInvalid from error
        except jwt.InvalidIssuerError as error:
            raise TokenIssuerMismatch from error
        except jwt.InvalidAudienceError as error:
            raise TokenAudienceMismatch from error
        except (Unreadable, jwt.PyJWTError) as error:
            raise TokenMalformed(str(error) if isinstance(error, Unreadable) else type(error).__name__) from error

    def _open_confidential_part(self, claims: Mapping[str, Any], *, jti: str) -> ConfidentialVerdict | None:
        if self._confidential_keys is None:
            return None
        if "assay_verdict" not in claims:
            raise ConfidentialPartMissing("the audience has keys, so its verdicts come encrypted")
        return self._confidential_keys.open(_claims.text(claims, "assay_verdict"), jti=jti)


def _check_header(header: Mapping[str, Any], *, accept: TokenKind) -> str:
    """Returns the `kid`."""
    if "crit" in header:
        raise TokenCritical
    if set(header) != {"typ", "alg", "kid"}:
        raise Unreadable("other header members than typ, alg and kid")
    if header["typ"] != accept.typ:
        raise TokenTypeMismatch
    if header["alg"] != "ES256":
        raise TokenAlgorithmMismatch
    return _claims.text(header, "kid")


def _check_times(claims: Mapping[str, Any], *, kind: TokenKind, now: float) -> tuple[int, int]:
    issued_at, expires_at = _claims.whole(claims, "iat"), _claims.whole(claims, "exp")
    if now >= expires_at + SKEW:
        raise TokenExpired
    if now < issued_at - SKEW:
        raise TokenNotYetValid
    if not 0 < expires_at - issued_at <= kind.max_lifetime:
        raise TokenLifetimeTooLong
    return issued_at, expires_at


def _instance_key(claims: Mapping[str, Any]) -> PublicKey:
    confirmation = _claims.mapping(claims, "cnf")
    jwk = _claims.mapping(confirmation, "jwk")
    # A further member of `cnf` would be a second way to confirm, and `d` in the key an accident to stop at.
    if set(confirmation) != {"jwk"} or set(jwk) != {"kty", "crv", "x", "y"}:
        raise Unreadable("cnf is not exactly one P-256 public key")
    return public_key(jwk)


def _binding(claims: Mapping[str, Any], *, kind: TokenKind) -> RequestBinding | None:
    if kind is TokenKind.SESSION:
        if not _REQUEST_MEMBERS.isdisjoint(claims):
            raise Unreadable("a session token with members of a request token")
        return None
    return RequestBinding(
        htm=_claims.text(claims, "htm"),
        htu=_claims.text(claims, "htu"),
        query_digest=_claims.optional_text(claims, "query_digest"),
        content_digest=_claims.optional_text(claims, "content_digest"),
    )


def _check_binding(binding: RequestBinding, submitted: SubmittedRequest) -> None:
    if binding != RequestBinding(
        htm=submitted.method,
        htu=submitted.htu,
        query_digest=digest(submitted.query),
        content_digest=digest(submitted.body),
    ):
        raise TokenRequestMismatch
