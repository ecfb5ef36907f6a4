"""What verifiers vouch for. Only a verifier makes a `Verified…`; nothing here is the phone's bare word unless named so.

Vendor numbers (versions, tags, categories) are open integers; serials are integers; times are aware UTC datetimes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum, StrEnum
from typing import Self

from chalicelib.model.descriptor import Descriptor
from chalicelib.model.history import Past
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.play_integrity import KeptPlayIntegrity
from chalicelib.model.rasp import RaspDialect
from chalicelib.model.submission import Format, UnattestedCause


class SecurityLevel(IntEnum):
    """Android `SecurityLevel`; KeyDescription's ENUMERATED."""

    SOFTWARE = 0
    TRUSTED_ENVIRONMENT = 1
    STRONGBOX = 2


class Provisioning(StrEnum):
    """How the phone came to its attestation key; it decides which certificate dates count."""

    FACTORY = "factory"
    REMOTE = "remote"
    UNKNOWN = "unknown"


class VerifiedBootState(IntEnum):
    """Android `VerifiedBootState`; an unlisted number is kept as None beside its raw value."""

    VERIFIED = 0
    SELF_SIGNED = 1
    UNVERIFIED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RootOfTrust:
    """From the hardware-enforced list only."""

    verified_boot_key: bytes
    device_locked: bool
    verified_boot_state_raw: int
    verified_boot_hash: bytes | None = None
    device_locked_raw: int | None = None  # the BOOLEAN's octet: 0xff in DER, 0x01 on some phones

    @property
    def verified_boot_state(self) -> VerifiedBootState | None:
        known = VerifiedBootState._value2member_map_
        return VerifiedBootState(self.verified_boot_state_raw) if self.verified_boot_state_raw in known else None


@dataclass(frozen=True, slots=True)
class PatchLevel:
    """A month or a day, as the vendor states it; None where the number is garbage (seen: 0, 20190700)."""

    year: int
    month: int
    day: int | None = None


@dataclass(frozen=True, slots=True)
class AndroidPackage:
    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidApplicationId:
    """From the software-enforced list: the system server states it, not the app. Packages share one user id."""

    packages: tuple[AndroidPackage, ...]
    signature_digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidModel:
    """Which model of phone the hardware says it is: the same for every phone of the model, an identifier of none."""

    brand: str | None = None
    device: str | None = None
    product: str | None = None
    manufacturer: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAndroidKey:
    """A chain that verified to a pinned root, and what its hardware states about the key and the phone.

    Not checked here: boot state, lock state, application id, patch levels, revocation. They are for appraisal.
    `certificate_serials`, leaf first, are what revocation lists match on. The root has none here: it is pinned by key,
    and nobody signed the certificate that a phone sends of it.
    `attestation_security_level` and `key_security_level` are as the phone states them; `security_level` is the weakest
    of them and of what the vendor's certificate says.
    """

    spki: bytes
    jwk: EcPublicJwk | None  # None: not a P-256 key
    attestation_version: int
    attestation_security_level: SecurityLevel
    key_mint_version: int
    key_security_level: SecurityLevel
    challenge: bytes
    certificate_serials: tuple[int, ...]
    provisioning: Provisioning
    anchor: str  # hex SHA-256 of the root's SubjectPublicKeyInfo
    root_of_trust: RootOfTrust | None
    application_id: AndroidApplicationId | None
    purposes: tuple[int, ...]
    algorithm: int | None
    key_size: int | None
    ec_curve: int | None
    origin: int | None
    os_version: int | None
    os_patch_level_raw: int | None
    vendor_patch_level_raw: int | None
    boot_patch_level_raw: int | None
    os_patch_level: PatchLevel | None
    vendor_patch_level: PatchLevel | None
    boot_patch_level: PatchLevel | None
    creation_time_ms: int | None
    module_hash: bytes | None
    unknown_tags: tuple[int, ...] = ()
    model: AndroidModel | None = None  # None where the app did not ask for it, as most do not
    attest_key: bool = False  # the key was attested by an ATTEST_KEY of the same phone, not by its batch key
    certified_level: SecurityLevel | None = None  # what the vendor certified the batch key for; None: it does not say

    @property
    def security_level(self) -> SecurityLevel:
        # Who does not certify a level vouches for no more than the least that is hardware.
        certified = SecurityLevel.TRUSTED_ENVIRONMENT if self.certified_level is None else self.certified_level
        return min(self.attestation_security_level, self.key_security_level, certified)


class AppleEnvironment(Enum):
    """App Attest environments by the authenticator data's aaguid (16 bytes)."""

    PRODUCTION = b"appattest" + b"\x00" * 7
    DEVELOPMENT = b"appattestdevelop"

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleValidation:
    """What iOS 27 appends to authenticator data; absent before: `missing` is a value of its own for policy."""

    validation_category: int | None
    bundle_version: str | None
    unknown_members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAppleAttestation:
    """`receipt` is relayed, not verified here: a bad receipt costs the risk metric, never the attestation."""

    key_id: bytes
    public_key: EcPublicJwk
    app_id: str
    environment: AppleEnvironment
    counter: int
    receipt: bytes
    certificate_serials: tuple[int, ...]
    validation: AppleValidation


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAppleAssertion:
    """`counter` is higher than the one told to the verifier; the store has the last word when it commits."""

    key_id: bytes
    app_id: str
    counter: int
    validation: AppleValidation


class AppleReceiptKind(StrEnum):
    """Field 6: what came with an attestation, or what Apple's server gave for an earlier receipt."""

    ATTEST = "ATTEST"
    RECEIPT = "RECEIPT"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedReceipt:
    """An App Attest receipt that Apple signed, for the app and the key that the verifier was told.

    `not_before`: before it Apple has nothing newer; `expires_at`: after it Apple gives nothing for this receipt any
    more. `risk_metric`: roughly how many keys one phone attested for the app in 30 days; None: not stated, as in every
    ATTEST. `environment` None: not stated, or by an unknown name. `fields`: all of it, by number, as bytes.
    https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk
    """

    kind: AppleReceiptKind
    app_id: str
    created_at: datetime
    expires_at: datetime
    not_before: datetime | None
    risk_metric: int | None
    environment: AppleEnvironment | None
    fields: Mapping[int, bytes]
    unknown_fields: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedProof:
    """The instance key signed the binding of exactly this challenge, key, report and descriptor."""

    jwk: EcPublicJwk
    binding: bytes
    descriptor: Descriptor
    rasp_report: bytes | None


class CheckState(StrEnum):
    CLEAR = "clear"
    DETECTED = "detected"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a check saw, for the service to compare itself. `kind` is open; value or digest, bounded."""

    check: str  # "<group>.<check>"
    kind: str
    value: str | None = None
    digest: str | None = None  # hex


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRaspReport:
    """The report is the one bound into the proof; what it says is the phone's word about itself.

    `checks` has every check of the schema, by "<group>.<check>": one that the report leaves out is NOT_RUN.
    `known_schema` False: a version newer than this service; its checks count as not run, and its `dialect` is None.
    `unknown_signals`: what an SDK reported by names that this service does not know.
    """

    schema_version: int
    known_schema: bool
    provider: str
    sdk_version: str
    app_version: str
    checks: Mapping[str, CheckState]
    observations: tuple[Observation, ...] = ()
    dialect: RaspDialect | None = RaspDialect.ASSAY
    unknown_signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAndroid:
    """What an instance keeps of its Android enrolment, so that a renewal is judged against today's lists and policy."""

    certificate_serials: tuple[int, ...]
    security_level: SecurityLevel
    provisioning: Provisioning
    attestation_version: int
    device_locked: bool | None
    verified_boot_state_raw: int | None
    verified_boot_key: bytes | None
    os_version: int | None
    os_patch_level: PatchLevel | None
    vendor_patch_level: PatchLevel | None
    boot_patch_level: PatchLevel | None
    packages: tuple[AndroidPackage, ...]
    signature_digests: tuple[bytes, ...]
    attest_key: bool = False
    play_integrity: KeptPlayIntegrity | None = None  # the last verdict of Google Play's, where there was one

    @classmethod
    def of(cls, verified: VerifiedAndroidKey) -> Self:
        root, app = verified.root_of_trust, verified.application_id
        return cls(
            # Without the leaf's: the app chooses it, and unless it does it is 1 for every key (KeyMint's Tag.aidl,
            # CERTIFICATE_SERIAL). A list that named 1 would reject every phone. An ATTEST_KEY's is chosen likewise.
            certificate_serials=verified.certificate_serials[2 if verified.attest_key else 1 :],
            security_level=verified.security_level,
            provisioning=verified.provisioning,
            attestation_version=verified.attestation_version,
            device_locked=root.device_locked if root else None,
            verified_boot_state_raw=root.verified_boot_state_raw if root else None,
            verified_boot_key=root.verified_boot_key if root else None,
            os_version=verified.os_version,
            os_patch_level=verified.os_patch_level,
            vendor_patch_level=verified.vendor_patch_level,
            boot_patch_level=verified.boot_patch_level,
            packages=app.packages if app else (),
            signature_digests=app.signature_digests if app else (),
            attest_key=verified.attest_key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRiskMetric:
    """Apple's count of App Attest keys that one phone made for the app lately, and since when it is known.

    https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk
    """

    value: int
    measured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptApple:
    """What an instance keeps of its Apple enrolment; `validation` is replaced by each assertion's own, `risk_metric` by
    the scheduled refresh of its receipt. None: no receipt, or none that verified, or nothing heard of Apple yet."""

    app_id: str
    environment: AppleEnvironment
    certificate_serials: tuple[int, ...]
    validation: AppleValidation
    risk_metric: KeptRiskMetric | None = None

    @classmethod
    def of(cls, verified: VerifiedAppleAttestation) -> Self:
        return cls(
            app_id=verified.app_id,
            environment=verified.environment,
            certificate_serials=verified.certificate_serials,
            validation=verified.validation,
        )


KeptEvidence = KeptAndroid | KeptApple


@dataclass(frozen=True, slots=True)
class Unattested:
    """No platform vouches for this phone, not even for which platform it is. The cause is the phone's bare word."""

    claimed_cause: UnattestedCause


class Outage(StrEnum):
    """Why a vendor's word could not be had just now, as the service saw it itself. Never the phone's word."""

    UNAVAILABLE = "unavailable"  # the vendor's server gave no usable answer, or the keys to read it are not at hand
    BUDGET_SPENT = "budget_spent"  # the calls that the app, or the instance, may cost today were made


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSet:
    """Everything `appraise` weighs: the platform's word (kept or fresh), the report, how old the statement is, and what
    stood of the instance before this submission.

    `unavailable`: formats that the phone sent and that nobody could verify just now, and why.
    `platform_attested_at`: of an unattested phone, when it came.
    """

    platform: KeptEvidence | Unattested
    platform_attested_at: datetime
    rasp: VerifiedRaspReport | None
    past: Past | None = None
    fresh_formats: tuple[Format, ...] = ()
    unavailable: Mapping[Format, Outage] = field(default_factory=dict)
