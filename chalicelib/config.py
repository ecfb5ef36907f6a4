"""The configuration: environment variables, read once and strictly. What is odd here stops the service at its start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chalicelib.endorsements.anchors import AnchorSet, anchors_from_pem
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.known_keys import require_private_keys
from chalicelib.endorsements.trust_anchors import BUILT_IN
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

# The one stage that trusts simulated phones and talks plain HTTP to itself.
LOCAL_STAGE: Final = "local"

# Lambda reserves the name: it is set in every environment there, and a function's settings cannot unset it.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
ON_LAMBDA: Final = "AWS_LAMBDA_FUNCTION_NAME"

# API Gateway gives up on an integration after 29 s: a longer timeout judges for nobody.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
_LONGEST_TIMEOUT: Final = 29

_PREFIX: Final = "ASSAY_"
_STAGE: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
# RFC 6454 section 6.2: scheme, host and, where it is not the scheme's own, port. No path, no trailing slash.
_ORIGIN: Final = re.compile(r"https://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:(?!443$)[1-9][0-9]{0,4})?")
_LOOPBACK_ORIGIN: Final = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:(?!80$)[1-9][0-9]{0,4})?")
# A key's own name and never an alias: the `kid` is fixed before the call, and an alias may move in between.
_KEY_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_TABLE: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SECONDS: Final = re.compile(r"[1-9][0-9]?")

_REQUIRED: Final = frozenset(
    {
        "ASSAY_STAGE",
        "ASSAY_ISSUER",
        "ASSAY_SIGNING_KEY_ARN",
        "ASSAY_PUBLISHED_KEY_ARNS",
        "ASSAY_NONCES_TABLE",
        "ASSAY_INSTANCES_TABLE",
        "ASSAY_DOCUMENTS_TABLE",
        "ASSAY_DOCUMENTS_BUCKET",
        "ASSAY_STATIC_BUCKET",
        "ASSAY_LAMBDA_TIMEOUT_SECONDS",
    }
)
_EXTRA_ANCHORS: Final = "ASSAY_EXTRA_ANCHORS"
_VENDORS_ORIGIN: Final = "ASSAY_VENDORS_ORIGIN"
_TEST_STAGE: Final = "ASSAY_TEST_STAGE"
_OPTIONAL: Final = frozenset({_EXTRA_ANCHORS, _VENDORS_ORIGIN, _TEST_STAGE})
# Stages that nobody may call a test, whatever else is set.
_NO_TESTS: Final = frozenset({"prod", "production"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """`published_key_arns`: keys in the JWKS beside the signing one. `extra_anchors`: simulated phones', in the local
    stage, whatever else is trusted there. `vendors_origin`: where the local stage has stand-ins of the vendors'
    servers; None: the servers themselves. `test_stage`: vendors' test responses count.
    """

    stage: str
    issuer: str
    signing_key_arn: str
    published_key_arns: tuple[str, ...]
    nonces_table: str
    instances_table: str
    documents_table: str
    documents_bucket: str
    static_bucket: str
    lambda_timeout: timedelta
    extra_anchors: AnchorSet
    vendors_origin: str | None
    test_stage: bool


def load(environ: Mapping[str, str]) -> Config:
    """Raises Malfunction(CONFIGURATION) and names the variable, never its value."""
    # A misspelt name must not leave a default in its place, so there are neither.
    ours = {name: value for name, value in environ.items() if name.startswith(_PREFIX)}
    if missing := sorted(_REQUIRED - ours.keys()):
        raise _wrong(f"{missing[0]} is missing")
    if unknown := sorted(ours.keys() - _REQUIRED - _OPTIONAL):
        raise _wrong(f"{unknown[0]} is no variable of this service")

    stage = _matching(ours, "ASSAY_STAGE", _STAGE)
    # Whoever may name a stage could otherwise have a deployed function trust simulated phones, whose keys are public.
    if stage == LOCAL_STAGE and ON_LAMBDA in environ:
        raise _wrong("ASSAY_STAGE is local, on Lambda")
    signing_key, *further = _key_arns(ours)
    nonces, instances, documents = tables = tuple(
        _matching(ours, name, _TABLE)
        for name in ("ASSAY_NONCES_TABLE", "ASSAY_INSTANCES_TABLE", "ASSAY_DOCUMENTS_TABLE")
    )
    if len(set(tables)) < len(tables):
        raise _wrong("two tables have one name")
    # Everybody may read what lies in the static one.
    documents_bucket, static_bucket = (
        _matching(ours, name, _BUCKET) for name in ("ASSAY_DOCUMENTS_BUCKET", "ASSAY_STATIC_BUCKET")
    )
    if documents_bucket == static_bucket:
        raise _wrong("two buckets have one name")
    extra = _extra_anchors(ours, stage=stage)
    for anchors in (*BUILT_IN.values(), extra):
        _require_private_keys(anchors, stage=stage)
    return Config(
        stage=stage,
        issuer=_issuer(ours, stage=stage),
        signing_key_arn=signing_key,
        published_key_arns=tuple(further),
        nonces_table=nonces,
        instances_table=instances,
        documents_table=documents,
        documents_bucket=documents_bucket,
        static_bucket=static_bucket,
        lambda_timeout=_timeout(ours),
        extra_anchors=extra,
        vendors_origin=_vendors_origin(ours, stage=stage),
        test_stage=_test_stage(ours, stage=stage),
    )


def _issuer(ours: Mapping[str, str], *, stage: str) -> str:
    """Locally a loopback origin and no other: a simulated phone's token never carries the `iss` of a deployed stage."""
    if stage == LOCAL_STAGE:
        if not _LOOPBACK_ORIGIN.fullmatch(ours["ASSAY_ISSUER"]):
            raise _wrong("ASSAY_ISSUER is not a loopback origin, in the local stage: http://, host and port")
    elif not _ORIGIN.fullmatch(ours["ASSAY_ISSUER"]):
        raise _wrong("ASSAY_ISSUER is not an origin: https://, host and port, without path or trailing slash")
    return ours["ASSAY_ISSUER"]


def _key_arns(ours: Mapping[str, str]) -> list[str]:
    """The signing key, then the others."""
    listed = ours["ASSAY_PUBLISHED_KEY_ARNS"]
    published = [arn.strip() for arn in listed.split(",")] if listed.strip() else []
    for arn in published:
        if not _KEY_ARN.fullmatch(arn):
            raise _wrong("ASSAY_PUBLISHED_KEY_ARNS holds something else than key ARNs")
    arns = [_matching(ours, "ASSAY_SIGNING_KEY_ARN", _KEY_ARN), *published]
    if len(set(arns)) < len(arns):
        raise _wrong("ASSAY_PUBLISHED_KEY_ARNS names a key twice, or the signing key again")
    return arns


def _timeout(ours: Mapping[str, str]) -> timedelta:
    seconds = int(_matching(ours, "ASSAY_LAMBDA_TIMEOUT_SECONDS", _SECONDS))
    if seconds > _LONGEST_TIMEOUT:
        raise _wrong(f"ASSAY_LAMBDA_TIMEOUT_SECONDS is above {_LONGEST_TIMEOUT}")
    return timedelta(seconds=seconds)


def _extra_anchors(ours: Mapping[str, str], *, stage: str) -> AnchorSet:
    if _EXTRA_ANCHORS not in ours:
        return AnchorSet(())
    # Outside, even an empty one: whoever set it meant something.
    if stage != LOCAL_STAGE:
        raise _wrong(f"{_EXTRA_ANCHORS} is for the local stage only")
    try:
        return anchors_from_pem(ours[_EXTRA_ANCHORS].encode(), name="extra")
    except ValueError:
        # `from None`: whatever was set in error may stand in the message.
        raise _wrong(f"{_EXTRA_ANCHORS} holds something else than PEM certificates and public keys") from None


def _vendors_origin(ours: Mapping[str, str], *, stage: str) -> str | None:
    if _VENDORS_ORIGIN not in ours:
        return None
    if stage != LOCAL_STAGE:
        raise _wrong(f"{_VENDORS_ORIGIN} is for the local stage only")
    return _matching(ours, _VENDORS_ORIGIN, _LOOPBACK_ORIGIN)


def _test_stage(ours: Mapping[str, str], *, stage: str) -> bool:
    """Where test responses of Google Play's count, which say what their tester wants them to."""
    if _TEST_STAGE not in ours:
        return stage == LOCAL_STAGE
    if ours[_TEST_STAGE] != "yes":
        raise _wrong(f"{_TEST_STAGE} is `yes`, or not set")
    if stage in _NO_TESTS:
        raise _wrong(f"{_TEST_STAGE} is set, in production")
    return True


def _require_private_keys(anchors: AnchorSet, *, stage: str) -> None:
    """Behind `_extra_anchors`, which admits none elsewhere: it holds whatever way an anchor comes in."""
    try:
        require_private_keys(anchors, simulated_phones=stage == LOCAL_STAGE)
    except UnusableEndorsement as error:
        raise _wrong(str(error)) from error


def _matching(ours: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(ours[name]):
        raise _wrong(f"{name} is not of its form")
    return ours[name]


def _wrong(detail: str) -> Malfunction:
    return Malfunction(MalfunctionReason.CONFIGURATION, detail)
