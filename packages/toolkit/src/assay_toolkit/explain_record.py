"""One decision record in sentences that a support engineer can read out. Records hold no evidence, and so do these."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

import msgspec

from assay_toolkit import policy_words
from assay_toolkit.explain_codes import answered, help_of, reason_of
from chalicelib.appraisal import Policy
from chalicelib.appraisal.load_advice import TIERS
from chalicelib.model.reasons import AppraisalReason, RefusalReason
from chalicelib.model.trust import Component
from chalicelib.service.ports import DecisionOutcome

_PEOPLE: Final = {tier.ear_status: name for name, tier in TIERS.items()}
_BY_STATUS: Final = {tier.ear_status: tier for tier in TIERS.values()}
# As the appraiser names what policy says of a class of failure, beside rules, whose names have no dot.
_FAILURE: Final = "failures."
_PLATFORMS: Final = {"android": "an Android phone", "apple": "an iPhone or iPad"}
_FORMATS: Final = {
    "android_key": "the attestation of the phone's key",
    "instance": "what the enrolled instance is known by",
    "apple_attestation": "Apple's attestation",
    "apple_assertion": "Apple's assertion",
    "play_integrity": "Google Play's verdict",
    "rasp": "the app's self-protection report",
    "unattested": "no statement of a platform",
}

_Text = Annotated[str, msgspec.Meta(max_length=1_000)]


class RecordInvalid(ValueError):  # noqa: N818 - it says what the text is, as `DocumentInvalid` does
    """It is no decision record of this service."""


class AppliedRecord(msgspec.Struct, frozen=True, kw_only=True):
    rule: _Text
    reason: _Text
    format: _Text


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """As `chalicelib.aws.decision_log` writes it; members that a later service adds are passed over."""

    event: str
    time: _Text
    reference: _Text
    outcome: DecisionOutcome
    app: _Text | None = None
    purpose: _Text | None = None
    audience: _Text | None = None
    platform: _Text | None = None
    jkt: _Text | None = None
    refusal: _Text | None = None
    detail: _Text | None = None
    jti: _Text | None = None
    tier: _Text | None = None
    reasons: tuple[_Text, ...] = ()
    applied: tuple[AppliedRecord, ...] = ()
    policy_id: _Text | None = None
    endorsements_id: _Text | None = None
    endorsement_ages: Mapping[str, int] = {}
    formats: tuple[_Text, ...] = ()
    vectors: Mapping[str, Mapping[str, int]] = {}

    @property
    def policy_digest(self) -> str | None:
        return self.policy_id.partition("@")[2] if self.policy_id else None


def read_records(text: str) -> list[Record]:
    """The decision records in one JSON object, or in JSON lines; lines of other events are passed over. Raises
    RecordInvalid where there is none."""
    try:
        found = [json.loads(text)]
    except (ValueError, RecursionError):
        found = [value for line in text.splitlines() if (value := _value(line)) is not None]
    records = [item for item in found if isinstance(item, dict) and item.get("event") == "decision"]
    if not records:
        raise RecordInvalid("holds no decision record: a JSON object with `event` `decision`, or lines of them")
    try:
        return [msgspec.convert(item, Record) for item in records]
    except msgspec.ValidationError as error:
        raise RecordInvalid(f"is no decision record of this service: {error}") from error


def sentences(record: Record, *, policy: Policy | None, still_in_force: bool | None) -> Iterator[str]:
    """`policy`: the one that the record names, if it could be had. `still_in_force`: None where nobody could ask."""
    for sentence in _sentences(record, policy, still_in_force):
        # What a refused phone calls itself is the phone's own word, and a terminal obeys some characters.
        yield "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in sentence)


def _sentences(record: Record, policy: Policy | None, still_in_force: bool | None) -> Iterator[str]:
    yield f"Reference {record.reference}, {record.time}."
    yield _who(record)
    match record.outcome:
        case DecisionOutcome.TOKEN:
            yield from _token(record, policy)
        case DecisionOutcome.REFUSED:
            yield from _refused(record)
        case DecisionOutcome.DISCARDED:
            yield "This answer never left: another record of the same moment has the one that did."
    yield from _believed(record, still_in_force)


def _who(record: Record) -> str:
    # A refused phone is what it says that it is; a token's platform is proven.
    proven = record.outcome is DecisionOutcome.TOKEN
    platform = _PLATFORMS.get(record.platform or "", "a phone that does not say what it is")
    who = platform if proven or record.platform is None else f"what says that it is {platform}"
    wanted = {"enrol": "wanted to enrol", "renew": "wanted a new token"}.get(record.purpose or "", "asked")
    parts = [f"App {record.app}: {who} {wanted}"]
    if record.audience:
        parts.append(f"for {record.audience}")
    instance = f"The instance is {record.jkt}." if record.jkt else "No key was proven, so that no instance is named."
    return f"{' '.join(parts)}. {instance}"


def _refused(record: Record) -> Iterator[str]:
    reason = reason_of(record.refusal or "")
    if not isinstance(reason, RefusalReason):
        yield f"It was refused: {record.refusal}, a reason that this version of `assay` does not know."
        return
    yield f"It was refused: {reason.sentence} ({reason.value})"
    if record.detail:
        yield f"The step: {record.detail}."
    yield f"The phone was answered {answered(reason)}."
    yield f"To the customer: {help_of(reason).value}"


def _token(record: Record, policy: Policy | None) -> Iterator[str]:
    yield f"A token was made ({record.jti}). The phone counts as {_PEOPLE.get(record.tier or '', record.tier)}."
    if not record.reasons:
        yield "Everything that policy wants was confirmed, and nothing spoke against the phone."
    for applied in record.applied:
        yield _applied(applied, policy)
    told = {applied.reason for applied in record.applied}
    for code in record.reasons:
        if code not in told:
            yield f"No rule says it: {_sentence(code)}"
    if policy is not None:
        yield from _advice(record, policy)
    known = [reason for code in record.reasons if (reason := reason_of(code)) is not None]
    if known:
        yield f"To the customer: {help_of(known[0]).value}"


def _is_failure(applied: AppliedRecord) -> bool:
    return applied.rule.startswith(_FAILURE)


def _applied(applied: AppliedRecord, policy: Policy | None) -> str:
    on = _FORMATS.get(applied.format, applied.format)
    if _is_failure(applied):
        platform, _, failure = applied.rule.removeprefix(_FAILURE).partition(".")
        return (
            f"Something could not be had or checked, {failure.replace('_', ' ')} of {platform}, "
            f"and policy caps the tier for it: {_sentence(applied.reason)}"
        )
    did = _did(applied, policy)
    return f"On {on}: rule {applied.rule} {did}: {_sentence(applied.reason)}"


def _did(applied: AppliedRecord, policy: Policy | None) -> str:
    rules = [rule for rule in policy.rules if rule.name == applied.rule] if policy else []
    if not rules:
        return "applied"
    [rule] = rules
    outcomes = {rule.outcome: "because it held"}
    if rule.absent is not None and rule.absent != rule.outcome:
        outcomes[rule.absent] = "because what it asks for was not there"
    fitting = {lowered: why for lowered, why in outcomes.items() if lowered.reason.value == applied.reason}
    if not fitting:
        return "applied"
    did = " or ".join(policy_words.value(lowered.component, lowered.value) for lowered in fitting)
    # Where both outcomes have one reason, the record does not say which of them it was.
    why = next(iter(fitting.values())) if len(fitting) == 1 and rule.absent != rule.outcome else "when it was asked"
    return f"lowered {did}, {why}"


def _advice(record: Record, policy: Policy) -> Iterator[str]:
    tier = _BY_STATUS.get(record.tier or "")
    if tier is None:
        return
    said = "; ".join(f"{action}: {policy_words.advice(given)}" for action, given in policy.advice[tier].items())
    # A class of failure may have advice of its own, which only makes it stricter.
    least = "at least " if any(_is_failure(applied) for applied in record.applied) else ""
    yield f"Policy advises backends {least}{said}. (`*` stands for every other action.)"
    applied = {item.rule for item in record.applied}
    for rule in policy.rules:
        if rule.name in applied and rule.actions:
            own = "; ".join(f"{action}: {policy_words.advice(given)}" for action, given in rule.actions.items())
            yield f"Rule {rule.name} advises in its place {own}, unless something else that was found asks for more."


def _believed(record: Record, still_in_force: bool | None) -> Iterator[str]:
    if record.policy_id:
        standing = {None: "", True: ", which is still in force", False: ", which is no longer in force"}[still_in_force]
        yield f"It was judged by policy {record.policy_id}{standing}."
    for kind, seconds in record.endorsement_ages.items():
        yield f"The list {kind} had been fetched {_age(seconds)} before."
    if record.endorsements_id:
        yield f"In force besides: {record.endorsements_id}."
    if record.formats:
        yield f"Judged were: {', '.join(_FORMATS.get(format_, format_) for format_ in record.formats)}."
    for format_, vector in record.vectors.items():
        stands = "; ".join(_stands(component, value) for component, value in vector.items())
        yield f"The vector of {_FORMATS.get(format_, format_)}: {stands}."


def _sentence(code: str) -> str:
    reason = reason_of(code)
    if not isinstance(reason, AppraisalReason):
        return f"{code}, a reason that this version of `assay` does not know."
    return f"{reason.sentence} ({code})"


def _age(seconds: int) -> str:
    if seconds < 7_200:
        return f"{seconds // 60} minutes"
    return f"{seconds // 3_600} hours"


def _stands(component: str, value: int) -> str:
    if component not in set(Component):
        return f"{component} at {value}"
    return policy_words.standing(Component(component), value)


def _value(line: str) -> object | None:
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError):  # the second: nested deeper than anybody writes a record
        return None
    return value
