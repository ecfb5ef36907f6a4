"""What can be seen of a stage from outside: what is in force, secrets and logs, health and published keys."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from assay_toolkit.doctor_findings import Check, Finding
from assay_toolkit.doctor_repository import Repository, policy_findings, register_findings
from assay_toolkit.endorsements import ANCHORS_KIND
from assay_toolkit.endorsements import KIND as LIST_KIND
from assay_toolkit.policy import KIND as POLICY_KIND
from assay_toolkit.register import KIND as REGISTER_KIND
from chalicelib.appraisal import Policy, PolicyInvalid, load_policy
from chalicelib.aws.documents import Documents
from chalicelib.aws.policy_cases import PolicyCases
from chalicelib.aws.secrets import full_name
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_status import parse_status_list
from chalicelib.endorsements.register import load_register
from chalicelib.endorsements.trust_anchors import BUILT_IN, load_trust_anchors
from chalicelib.model.apps import AppRegistration
from chalicelib.model.outcome import Malfunction
from chalicelib.service.history import COUNTING_KEY
from chalicelib.service.ports import ActiveDocument, SecretPurpose

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# Where the policy sets no bound: a key that leaked is listed within the day.
_OLDEST_LIST: Final = timedelta(days=1)
# The keys are published each hour; twice that is one run that failed.
_OLDEST_KEYS: Final = timedelta(hours=2)
_PATIENCE: Final = 10.0  # seconds
_JWKS: Final = "/.well-known/jwks.json"


class InForce:
    """What the tables say. `register`: the apps in force, where they could be read."""

    def __init__(self, documents: Documents, cases_of: PolicyCases, repository: Repository, *, now: datetime) -> None:
        self.register: Mapping[str, AppRegistration] = {}
        self._documents = documents
        self._cases_of = cases_of
        self._repository = repository
        self._now = now

    def findings(self) -> Iterator[Finding]:
        """Raises Malfunction where `active` itself cannot be read."""
        active = self._documents.active()
        policy = None
        if (standing := active.get(POLICY_KIND)) is None:
            yield Finding(Check.NO_POLICY, "no policy is in force")
        else:
            try:
                document = self._documents.read(standing.digest)
                policy = load_policy(document)
            except (PolicyInvalid, Malfunction) as error:
                yield Finding(Check.POLICY_UNREADABLE, f"the policy in force, {standing.digest}: {error}")
            else:
                yield from self._policy(policy, document)
        yield from self._apps(active.get(REGISTER_KIND))
        yield from self._list(active.get(LIST_KIND), policy)
        yield from self._anchors(active.get(ANCHORS_KIND))

    def _policy(self, policy: Policy, document: bytes) -> Iterator[Finding]:
        if document not in self._repository.policies.values():
            yield Finding(Check.POLICY_UNKNOWN_HERE, f"the policy in force, {policy.id}, is none of the repository's")
            yield from policy_findings(policy, document, where="the policy in force")
        if self._cases_of.of(policy.digest) is None:
            yield Finding(Check.UNPROVEN_POLICY, f"no cases are stored with the policy in force, {policy.id}")

    def _apps(self, standing: ActiveDocument | None) -> Iterator[Finding]:
        if standing is None:
            yield Finding(Check.NO_REGISTER, "no app register is in force")
            return
        try:
            document = self._documents.read(standing.digest)
            self.register = load_register(document)
        except (UnusableEndorsement, Malfunction) as error:
            yield Finding(Check.REGISTER_UNREADABLE, f"the app register in force, {standing.digest}: {error}")
            return
        if document != self._repository.register:
            yield Finding(Check.REGISTER_UNKNOWN_HERE, f"the register in force, {standing.digest}, is another one")
            yield from register_findings(self.register.values(), where="the register in force")

    def _list(self, standing: ActiveDocument | None, policy: Policy | None) -> Iterator[Finding]:
        if standing is None:
            yield Finding(Check.NO_LIST, "no list of revoked keys is in force")
            return
        try:
            parse_status_list(self._documents.read(standing.digest))
        except (UnusableEndorsement, Malfunction) as error:
            yield Finding(Check.LIST_UNREADABLE, f"the list of revoked keys in force, {standing.digest}: {error}")
        bound = (policy.oldest_status_list if policy else None) or _OLDEST_LIST
        age = self._now - standing.fetched_at
        if age > bound:
            hours, most = age // timedelta(hours=1), bound // timedelta(hours=1)
            yield Finding(
                Check.LIST_STALE, f"the list of revoked keys was fetched {hours} hours ago; {most} are allowed"
            )

    def _anchors(self, standing: ActiveDocument | None) -> Iterator[Finding]:
        if standing is None:
            yield Finding(Check.ANCHORS_BUILT_IN, "no anchors are in force: the built-in ones hold")
            return
        try:
            document = self._documents.read(standing.digest)
            named = load_trust_anchors(document).by_use()
        except (UnusableEndorsement, Malfunction) as error:
            yield Finding(Check.ANCHORS_UNREADABLE, f"the anchors in force, {standing.digest}: {error}")
            return
        if document != self._repository.anchors:
            yield Finding(Check.ANCHORS_UNKNOWN_HERE, f"the anchors in force, {standing.digest}, are others")
        for use, anchors in named.items():
            ours, theirs = ({anchor.spki_sha256: anchor.name for anchor in side} for side in (BUILT_IN[use], anchors))
            for digest in sorted(theirs.keys() - ours.keys()):
                yield Finding(
                    Check.ANCHORS_DIFFER, f"{use.value}: {theirs[digest]} {digest} is trusted, and not built in"
                )
            for digest in sorted(ours.keys() - theirs.keys()):
                yield Finding(
                    Check.ANCHORS_DIFFER, f"{use.value}: {ours[digest]} {digest} is built in, and not trusted"
                )


def secret_findings(client: "SecretsManagerClient", stage: str, apps: Iterable[AppRegistration]) -> Iterator[Finding]:
    """Whether the service's own secret and those that apps name are there. None is read."""
    needed = [("the service", SecretPurpose.SERVICE, COUNTING_KEY)]
    for app in apps:
        if app.android and app.android.play_integrity:
            needed.append((app.app, SecretPurpose.PLAY_INTEGRITY, app.android.play_integrity.secret))
        if app.apple and app.apple.risk_metric_secret:
            needed.append((app.app, SecretPurpose.APPLE, app.apple.risk_metric_secret))
    for who, purpose, name in needed:
        full = full_name(name, stage=stage, purpose=purpose)
        try:
            described = client.describe_secret(SecretId=full)
        except client.exceptions.ResourceNotFoundException:
            yield Finding(Check.SECRET_MISSING, f"{who} needs the secret {full}, and there is none")
        except (ClientError, BotoCoreError) as error:
            yield Finding(Check.NOT_EXAMINED, f"the secret {full}: {_why(error)}")
        else:
            if "DeletedDate" in described:
                yield Finding(Check.SECRET_MISSING, f"{who} needs the secret {full}, which is being deleted")


def log_findings(
    client: Any,  # noqa: ANN401 - the types of CloudWatch Logs' client are a package of their own
    stage: str,
) -> Iterator[Finding]:
    prefix = f"/aws/lambda/assay-{stage}"
    try:
        pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        groups = [
            group
            for page in pages
            for group in page["logGroups"]
            if (name := group.get("logGroupName", "")) == prefix or name.startswith(f"{prefix}-")
        ]
    except (ClientError, BotoCoreError) as error:
        yield Finding(Check.NOT_EXAMINED, f"the log groups of stage {stage}: {_why(error)}")
        return
    if not groups:
        yield Finding(Check.LOG_GROUP_MISSING, f"there is no log group {prefix}")
    for group in groups:
        if "retentionInDays" not in group:
            yield Finding(Check.LOG_RETENTION_OPEN, f"{group.get('logGroupName')} keeps its records for ever")


def service_findings(client: httpx.Client, url: str, issuer: str | None, *, now: datetime) -> Iterator[Finding]:
    """`issuer`: the static endpoint's origin; None: nobody said."""
    try:
        health = client.get(f"{url}/v1/health", timeout=_PATIENCE)
        own = _keys(client.get(url + _JWKS, timeout=_PATIENCE))
    except (httpx.HTTPError, ValueError) as error:
        yield Finding(Check.SERVICE_UNREACHABLE, f"{url}: {type(error).__name__}")
        return
    if health.status_code != httpx.codes.OK:
        yield Finding(Check.SERVICE_UNHEALTHY, f"{url}/v1/health answers {health.status_code}: {_components(health)}")
    if issuer is None:
        yield Finding(Check.NOT_EXAMINED, "the published keys: no issuer is known; --issuer names it, or --stage")
        return
    try:
        answer = client.get(issuer + _JWKS, timeout=_PATIENCE)
        published = _keys(answer)
    except (httpx.HTTPError, ValueError) as error:
        yield Finding(Check.KEYS_UNREACHABLE, f"{issuer}{_JWKS}: {type(error).__name__}")
        return
    if own[:1] and own[0] not in published:
        yield Finding(Check.SIGNING_KEY_UNPUBLISHED, f"the key that signs, {own[0]}, is not among the published ones")
    elif set(own) != set(published):
        others = ", ".join(sorted(set(own) ^ set(published)))
        yield Finding(Check.KEYS_DIFFER, f"the service and its static endpoint name other keys: {others}")
    if len(own) == 1:
        yield Finding(Check.ONE_KEY, "one key is published, and no successor")
    if (written := _written_at(answer)) is not None and now - written > _OLDEST_KEYS:
        hours = (now - written) // timedelta(hours=1)
        yield Finding(Check.KEYS_NOT_REFRESHED, f"the published keys were written {hours} hours ago; an hour is usual")


def _keys(response: httpx.Response) -> list[str]:
    """The key ids, the signing key's first. Raises ValueError where it is no JWKS."""
    if response.status_code != httpx.codes.OK:
        raise ValueError(f"{response.status_code}")
    body: Any = response.json()
    keys = body.get("keys") if isinstance(body, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) and isinstance(key.get("kid"), str) for key in keys):
        raise ValueError("no JWKS")
    return [key["kid"] for key in keys]


def _components(response: httpx.Response) -> str:
    """The names that a health report has, and nothing else of what answered."""
    try:
        body: Any = response.json()
    except ValueError:
        return "no report"
    components = body.get("components") if isinstance(body, dict) else None
    if not isinstance(components, dict):
        return "no report"
    return ", ".join(f"{name} {state}" for name, state in components.items() if state != "ok")[:200]


def _written_at(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("Last-Modified", "")).astimezone(UTC)
    except ValueError:
        return None


def _why(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "no code"))
    return type(error).__name__
