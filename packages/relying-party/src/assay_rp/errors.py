"""Why a request did not pass, one class per failure.

    AssayError
    ├── Refusal                           the phone's request does not hold
    │   ├── AttestationMissing            no token, no proof, or a verdict of `none` (401)
    │   ├── HeaderRepeated                one of the two headers came twice (401)
    │   ├── BodyTooLarge                  the body is too large to be compared with its digest (413)
    │   ├── TokenRefused                  the attestation token (401)
    │   │   ├── TokenMalformed            not a compact JWS of strict JSON, or a claim of a wrong type
    │   │   ├── TokenCritical             `crit`: it asks for an extension, and there is none here
    │   │   ├── TokenTypeMismatch         `typ` is not the one that this route takes
    │   │   ├── TokenAlgorithmMismatch    `alg` is not ES256
    │   │   ├── TokenKeyUnknown           no key of the JWKS has this `kid`
    │   │   ├── TokenSignatureInvalid
    │   │   ├── TokenIssuerMismatch
    │   │   ├── TokenAudienceMismatch
    │   │   ├── TokenProfileMismatch      another `eat_profile`
    │   │   ├── TokenExpired
    │   │   ├── TokenNotYetValid          `iat` lies more than the skew ahead
    │   │   ├── TokenLifetimeTooLong      `exp - iat` is more than this kind of token may have
    │   │   ├── TokenRequestMismatch      a request token that was made for another request
    │   │   ├── TokenSpent                a request token, presented again
    │   │   ├── ConfidentialPartMissing   the audience has keys, and the token has no confidential part
    │   │   └── ConfidentialPartInvalid   it does not decrypt, or does not say what it must
    │   ├── ProofRefused                  the proof of possession (401)
    │   │   ├── ProofMalformed
    │   │   ├── ProofTypeMismatch
    │   │   ├── ProofAlgorithmMismatch
    │   │   ├── ProofSignatureInvalid     not signed by the token's `cnf.jwk`
    │   │   ├── ProofAudienceMismatch
    │   │   ├── ProofStale                `iat` lies more than the skew away
    │   │   ├── ProofRequestMismatch      made for another method, URL, query or body
    │   │   ├── ProofTokenMismatch        made for another token
    │   │   └── ProofSpent                presented again
    │   └── Stopped                       everything holds, and the decision or the route table says no
    │       ├── AttestationDenied         (403)
    │       ├── StepUpRequired            (401, RFC 9470)
    │       └── RouteUnlisted             no rule and no exemption for this method and path (403)
    └── Unavailable                       the relying party cannot judge now (503)
        ├── KeysUnavailable               no JWKS that is fresh enough
        ├── ReplayStoreFull
        └── ConfidentialKeyUnknown        encrypted to a key that was not given

`code` is stable: it is what to match on and what to log. No message holds a token, a proof or a byte of one.
"""

from typing import ClassVar


class AssayError(Exception):
    """`detail` is for the log of the relying party: which member or step, in words of this package."""

    code: ClassVar[str] = "assay"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "The attestation could not be processed"

    def __init__(self, detail: str = "") -> None:
        super().__init__(f"{self.code}: {detail}" if detail else self.code)
        self.detail = detail

    def problem(self) -> dict[str, str | int]:
        """RFC 9457 members. `detail` stays out: what a caller may learn is the code."""
        return {
            "type": "urn:assay:rp:problem:" + self.code.replace("_", "-"),
            "title": self.title,
            "status": self.status,
        }

    @property
    def www_authenticate(self) -> str | None:
        """The challenge that a 401 must carry (RFC 9110 section 11.6.1); None for other statuses."""
        if self.status != 401:
            return None
        return f'OAuth-Client-Attestation error="{self.code}"'


class Refusal(AssayError):  # noqa: N818 - the project's word
    code = "refused"
    status = 401
    title = "The attestation was refused"


class AttestationMissing(Refusal):
    code = "attestation_missing"
    title = "This request needs an attestation"


class HeaderRepeated(Refusal):
    code = "header_repeated"


class BodyTooLarge(Refusal):
    code = "body_too_large"
    status = 413
    title = "The body is too large"


class TokenRefused(Refusal):
    code = "token_refused"


class TokenMalformed(TokenRefused):
    code = "token_malformed"


class TokenCritical(TokenRefused):
    code = "token_critical"


class TokenTypeMismatch(TokenRefused):
    code = "token_type"


class TokenAlgorithmMismatch(TokenRefused):
    code = "token_algorithm"


class TokenKeyUnknown(TokenRefused):
    code = "token_key_unknown"


class TokenSignatureInvalid(TokenRefused):
    code = "token_signature"


class TokenIssuerMismatch(TokenRefused):
    code = "token_issuer"


class TokenAudienceMismatch(TokenRefused):
    code = "token_audience"


class TokenProfileMismatch(TokenRefused):
    code = "token_profile"


class TokenExpired(TokenRefused):
    code = "token_expired"


class TokenNotYetValid(TokenRefused):
    code = "token_not_yet_valid"


class TokenLifetimeTooLong(TokenRefused):
    code = "token_lifetime"


class TokenRequestMismatch(TokenRefused):
    code = "token_request_mismatch"


class TokenSpent(TokenRefused):
    code = "token_spent"


class ConfidentialPartMissing(TokenRefused):
    code = "confidential_part_missing"


class ConfidentialPartInvalid(TokenRefused):
    code = "confidential_part_invalid"


class ProofRefused(Refusal):
    code = "proof_refused"


class ProofMalformed(ProofRefused):
    code = "proof_malformed"


class ProofTypeMismatch(ProofRefused):
    code = "proof_type"


class ProofAlgorithmMismatch(ProofRefused):
    code = "proof_algorithm"


class ProofSignatureInvalid(ProofRefused):
    code = "proof_signature"


class ProofAudienceMismatch(ProofRefused):
    code = "proof_audience"


class ProofStale(ProofRefused):
    code = "proof_stale"


class ProofRequestMismatch(ProofRefused):
    code = "proof_request_mismatch"


class ProofTokenMismatch(ProofRefused):
    code = "proof_token_mismatch"


class ProofSpent(ProofRefused):
    code = "proof_spent"


class Stopped(Refusal):
    code = "stopped"
    status = 403


class AttestationDenied(Stopped):
    """Says no more than that: why is in the verdict, which the app must not read."""

    code = "attestation_denied"
    title = "This request is not allowed from this app on this phone"


class StepUpRequired(Stopped):
    """`acr`: the authentication context that would do (OpenID Connect), printable ASCII without `"` and backslash."""

    code = "step_up_required"
    status = 401
    title = "This request needs a stronger authentication"

    def __init__(self, *, acr: str) -> None:
        super().__init__()
        self.acr = acr

    @property
    def www_authenticate(self) -> str:
        """RFC 9470 section 3."""
        return (
            'Bearer error="insufficient_user_authentication", '
            f'error_description="{self.title}", acr_values="{self.acr}"'
        )


class RouteUnlisted(Stopped):
    code = "route_unlisted"
    title = "This route has no attestation rule"


class Unavailable(AssayError):  # noqa: N818 - says what is the case
    code = "unavailable"
    status = 503
    title = "Attestations cannot be checked at the moment"


class KeysUnavailable(Unavailable):
    code = "keys_unavailable"


class ReplayStoreFull(Unavailable):
    code = "replay_store_full"


class ConfidentialKeyUnknown(Unavailable):
    code = "confidential_key_unknown"
