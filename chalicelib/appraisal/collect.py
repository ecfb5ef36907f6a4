"""From verified evidence to claims by name: flat, typed, and computed against the app's registration and today."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final

from chalicelib.appraisal import manifest, play_labels
from chalicelib.appraisal.claims import (
    BOOT_STATE_OTHER,
    NOT_REQUIRED,
    RECALL_BITS,
    ClaimValue,
    PlayIntegrityStatus,
    Revocation,
)
from chalicelib.appraisal.policy import AttackLibraries
from chalicelib.endorsements.google_status import StatusList
from chalicelib.model.apps import AndroidReference, AppRegistration
from chalicelib.model.claims import (
    CheckState,
    EvidenceSet,
    KeptAndroid,
    KeptApple,
    Observation,
    PatchLevel,
    Unattested,
    VerifiedBootState,
    VerifiedRaspReport,
)
from chalicelib.model.play_integrity import KeptPlayIntegrity, VerifiedPlayIntegrity
from chalicelib.model.rasp import CHECKS
from chalicelib.model.submission import Format

# Android's security bulletins are monthly, and vendors ship the next one's level early. Two months are generous.
# Without a bound, a level of 2099 would stay fresh for ever.
_FURTHEST_AHEAD_DAYS: Final = 62

_HOUR: Final = timedelta(hours=1)


def collect_claims(
    evidence: EvidenceSet,
    *,
    app: AppRegistration,
    attack_libraries: AttackLibraries,
    attack_packages: Collection[str],
    status_list: StatusList | None,
    now: datetime,
    status_list_at: datetime | None = None,
) -> dict[str, ClaimValue]:
    """Every claim that the evidence bears; a name that is missing is absent. `status_list_at`: when the one in force
    was fetched, also where it is too old to be looked at."""
    statement_age = (now - evidence.platform_attested_at).days
    platform: dict[str, ClaimValue | None] = {}
    match evidence.platform:
        case KeptAndroid() as kept:
            platform = _android(kept, app=app, status_list=status_list, today=now.date())
            platform["android.statement_age_days"] = statement_age
            platform["android.status_list_age_hours"] = _hours_since(status_list_at, now)
            platform |= _play_integrity(evidence, kept.play_integrity, app=app, now=now)
        case KeptApple() as kept:
            platform = _apple(kept, app=app, now=now)
            platform["apple.statement_age_days"] = statement_age
        case Unattested():
            pass  # why it has no statement is its own word, which no rule can look at
    rasp: dict[str, ClaimValue | None] = {}
    if evidence.rasp is not None:
        rasp = _rasp(evidence.rasp, attack_libraries, attack_packages)
        rasp |= _manifest(evidence.rasp, evidence, app=app)
    return {name: value for name, value in {**platform, **rasp}.items() if value is not None}


def _android(
    kept: KeptAndroid, *, app: AppRegistration, status_list: StatusList | None, today: date
) -> dict[str, ClaimValue | None]:
    reference = app.android
    return {
        "android.security_level": kept.security_level.name.lower(),
        "android.provisioning": kept.provisioning.value,
        "android.attestation_version": kept.attestation_version,
        "android.device_locked": kept.device_locked,
        "android.verified_boot_state": _boot_state(kept.verified_boot_state_raw),
        "android.boot_key_registered": _boot_key_registered(kept, reference),
        "android.os_version": kept.os_version,
        "android.os_patch_age_days": _patch_age(kept.os_patch_level, today),
        "android.vendor_patch_age_days": _patch_age(kept.vendor_patch_level, today),
        "android.boot_patch_age_days": _patch_age(kept.boot_patch_level, today),
        "android.package_registered": _all_registered(
            [package.name for package in kept.packages], reference.packages if reference else ()
        ),
        "android.signer_registered": _all_registered(
            kept.signature_digests, reference.signature_digests if reference else ()
        ),
        "android.revoked": _revocation(kept.certificate_serials, status_list),
        "android.app_version_code": manifest.android_version_code(kept, reference),
        "android.attest_key": kept.attest_key,
    }


def _apple(kept: KeptApple, *, app: AppRegistration, now: datetime) -> dict[str, ClaimValue | None]:
    reference = app.apple
    metric = kept.risk_metric
    return {
        "apple.app_registered": reference is not None and kept.app_id in reference.app_ids,
        "apple.environment": kept.environment.label,
        "apple.environment_registered": reference is not None and kept.environment is reference.environment,
        # App Attest keys sign nothing but assertions, so the instance key is another one, which Apple does not attest.
        "apple.instance_key_in_hardware": False,
        "apple.validation_category": kept.validation.validation_category,
        "apple.bundle_version": kept.validation.bundle_version,
        "apple.risk_metric": metric.value if metric else None,
        "apple.risk_metric_age_hours": (now - metric.measured_at) // _HOUR if metric else None,
    }


def _play_integrity(
    evidence: EvidenceSet, kept: KeptPlayIntegrity | None, *, app: AppRegistration, now: datetime
) -> dict[str, ClaimValue | None]:
    """Empty where the phone sent no token and none is kept. A verdict that is kept is not forgotten because a later
    one could not be had: then its claims stand beside a status that says why."""
    outage = evidence.unavailable.get(Format.PLAY_INTEGRITY)
    if outage is not None:
        status = PlayIntegrityStatus(outage)
    elif kept is None:
        return {}
    else:
        fresh = Format.PLAY_INTEGRITY in evidence.fresh_formats
        status = PlayIntegrityStatus.FRESH if fresh else PlayIntegrityStatus.KEPT
    stated: dict[str, ClaimValue | None] = {"status": status}
    if kept is not None:
        stated |= _integrity_verdict(kept.verdict, app=app, today=now.date())
        stated["age_hours"] = (now - kept.verified_at) // _HOUR
    return {f"play_integrity.{name}": value for name, value in stated.items()}


def _integrity_verdict(
    verdict: VerifiedPlayIntegrity, *, app: AppRegistration, today: date
) -> dict[str, ClaimValue | None]:
    reference, seen = app.android, verdict.apps_detected
    recall = verdict.device_recall or (None, None, None)
    written = verdict.device_recall_months or (None, None, None)
    access = {} if seen is None else play_labels.truths(play_labels.ACCESS_WORDS, seen)
    return {
        "request": verdict.request.value,
        "package_registered": reference is not None and verdict.package in reference.packages,
        "signer_registered": _all_registered(
            verdict.certificate_digests, reference.signature_digests if reference else ()
        ),
        "app_recognition": play_labels.label("app_recognition", verdict.app_recognition),
        "version_code": verdict.version_code,
        # Empty is Google's answer for a phone that passes nothing: none of the labels is then true.
        **play_labels.truths(play_labels.DEVICE_WORDS, verdict.device_recognition),
        "device_word_unknown": not set(verdict.device_recognition) <= play_labels.DEVICE_WORDS.keys(),
        "device_sdk_version": verdict.device_sdk_version,
        "device_activity": play_labels.label("device_activity", verdict.device_activity),
        **{f"recall_{number}": bit for number, bit in zip(RECALL_BITS, recall, strict=True)},
        **{
            f"recall_{number}_months": _months_since(month, today)
            for number, month in zip(RECALL_BITS, written, strict=True)
        },
        "account_activity": play_labels.label("account_activity", verdict.account_activity),
        "app_licensing": play_labels.label("app_licensing", verdict.app_licensing),
        "play_protect": play_labels.label("play_protect", verdict.play_protect),
        **access,
        "access_word_unknown": None if seen is None else not set(seen) <= play_labels.ACCESS_WORDS.keys(),
        "testing": verdict.testing,
    }


def _months_since(month: int | None, today: date) -> int | None:
    """`month` as YYYYMM; a number of Google's, so that one which is no month is as good as none."""
    if month is None or not 1 <= month % 100 <= 12:
        return None
    return 12 * (today.year - month // 100) + today.month - month % 100


def _rasp(
    report: VerifiedRaspReport, attack_libraries: AttackLibraries, attack_packages: Collection[str]
) -> dict[str, ClaimValue | None]:
    return {
        "rasp.schema_known": report.known_schema,
        "rasp.dialect": report.dialect,
        "rasp.provider": report.provider,
        "rasp.sdk_version": report.sdk_version,
        "rasp.app_version": report.app_version,
        "rasp.unknown_signals": bool(report.unknown_signals),
        "rasp.library_listed": any(_is_listed(seen, attack_libraries) for seen in report.observations),
        "rasp.package_listed": any(
            seen.kind == "package" and seen.value in attack_packages for seen in report.observations
        ),
    }


def _manifest(
    report: VerifiedRaspReport, evidence: EvidenceSet, *, app: AppRegistration
) -> dict[str, ClaimValue | None]:
    """The checks, and how they compare with what the app's version has to run. Of a report whose schema is not known
    nobody can say which checks it left out for good."""
    reported = report.app_version
    required = manifest.required_checks(evidence, app, reported=reported)
    missing = {check for check in CHECKS if report.checks.get(check, CheckState.NOT_RUN) is CheckState.NOT_RUN}
    exempt = set() if required is None or not report.known_schema else missing - required
    states = {f"rasp.{check}": report.checks[check].value for check in CHECKS if check not in missing}
    return {
        **states,
        **{f"rasp.{check}": NOT_REQUIRED for check in exempt},
        "rasp.required_checks_ran": None if required is None else not missing & required,
        "rasp.app_version_agrees": manifest.agrees(evidence, app, reported=reported),
        "rasp.app_version_listed": manifest.is_listed(evidence, app, reported=reported),
    }


def _is_listed(observation: Observation, listed: AttackLibraries) -> bool:
    if observation.kind != "library":
        return False
    by_name = observation.value is not None and observation.value.casefold() in listed.names
    return by_name or (observation.digest is not None and observation.digest.lower() in listed.digests)


def _hours_since(moment: datetime | None, now: datetime) -> int | None:
    return None if moment is None else (now - moment) // timedelta(hours=1)


def _boot_state(raw: int | None) -> str | None:
    if raw is None:
        return None
    known = {state.value: state.name.lower() for state in VerifiedBootState}
    return known.get(raw, BOOT_STATE_OTHER)


def _boot_key_registered(kept: KeptAndroid, reference: AndroidReference | None) -> bool | None:
    if kept.verified_boot_key is None:
        return None
    registered = reference.alternative_boot_keys if reference else ()
    return any(kept.verified_boot_key == alternative.key for alternative in registered)


def _patch_age(level: PatchLevel | None, today: date) -> int | None:
    """Whole days. A level without a day counts from the first of its month, the date that the vendor names it by.
    Negative for a level that is ahead of its date, as vendors ship them. None where the level is no date, or one so far
    ahead that nobody can have released it."""
    if level is None:
        return None
    try:
        dated = date(level.year, level.month, level.day or 1)
    except ValueError:
        return None
    age = (today - dated) // timedelta(days=1)
    return age if age >= -_FURTHEST_AHEAD_DAYS else None


def _all_registered(stated: Collection[str | bytes], registered: Collection[str | bytes]) -> bool | None:
    """Absent where the platform stated nothing; one stranger among them is enough for no."""
    return set(stated) <= set(registered) if stated else None


def _revocation(serials: tuple[int, ...], status_list: StatusList | None) -> Revocation:
    """Any status counts as not good, also one that the list's documentation does not know."""
    if status_list is None or not serials:
        return Revocation.UNKNOWN
    return Revocation.REVOKED if status_list.lookup(serials) else Revocation.GOOD
