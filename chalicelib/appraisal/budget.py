"""The confidential part has 1,024 bytes, whatever the verdict: a policy whose verdicts might not fit does not load."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from chalicelib.appraisal.claims import BESIDE, Evidence
from chalicelib.appraisal.failures import FailureOutcomes
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier
from chalicelib.model.verdict import Advice, Decision

# docs/wire.md section 7: the size of the plaintext before padding.
CONFIDENTIAL_SIZE: Final = 1024

_LONGEST_STATUS: Final = max((tier.ear_status for tier in Tier), key=len)
_LONGEST_VALUE: Final = -128
_JTI: Final = "A" * 22  # base64url of 16 bytes
# The longest that a platform's evidence may be called.
_FORMATS: Final[Mapping[Evidence, Format]] = {
    Evidence.ANDROID: Format.ANDROID_KEY,
    Evidence.APPLE: Format.APPLE_ATTESTATION,
    Evidence.PLAY_INTEGRITY: Format.PLAY_INTEGRITY,
    Evidence.RASP: Format.RASP,
}


def largest_confidential_part(
    *,
    components: Mapping[Evidence, Collection[Component]],
    reasons: Iterable[AppraisalReason],
    advice: Mapping[Tier, Mapping[str, Advice]],
    failures: FailureOutcomes,
    actions: Collection[Mapping[str, Advice]],
) -> int:
    """Bytes of the largest plaintext that any verdict of the policy can need, with its worst reason alone.
    `actions`: rules' own advice.

    Further reasons go in where there is room; the one that explains the tier has to fit.
    """
    longest_reason = max(reasons, key=len)
    return max(
        len(
            _rendered(
                (platform, *map(Evidence, beside)), components, longest_reason, _longest(by_action, failures, actions)
            )
        )
        for platform, beside in BESIDE.items()
        for by_action in advice.values()
    )


def _longest(
    by_action: Mapping[str, Advice], failures: FailureOutcomes, actions: Collection[Mapping[str, Advice]]
) -> dict[str, Advice]:
    """The longest that each action's advice can become where failures make it stricter, or rules have their own."""
    return {
        action: _longest_of(
            [
                advice,
                *filter(None, (outcome.advice_for(action) for outcome in failures.values())),
                *(own[action] for own in actions if action in own),
            ]
        )
        for action, advice in by_action.items()
    }


def _longest_of(met: list[Advice]) -> Advice:
    """Obligations add up, and of two delays the longer one stands by each bound."""
    obligations = tuple({obligation for advice in met for obligation in advice.obligations})
    delays = [advice.delay_seconds for advice in met if advice.delay_seconds is not None]
    longest_delay = (max(low for low, _ in delays), max(high for _, high in delays)) if delays else None
    candidates = [
        replace(advice, obligations=obligations, delay_seconds=advice.delay_seconds and longest_delay) for advice in met
    ]
    return max(candidates, key=lambda advice: len(json.dumps(_advice(advice))))


def _rendered(
    kinds: tuple[Evidence, ...],
    components: Mapping[Evidence, Collection[Component]],
    reason: AppraisalReason,
    advice: Mapping[str, Advice],
) -> bytes:
    plaintext = {
        "v": 1,
        "jti": _JTI,
        "ear_status": _LONGEST_STATUS,
        "submods": {
            _FORMATS[kind]: {
                "ear_status": _LONGEST_STATUS,
                "ear_trustworthiness_vector": dict.fromkeys(components[kind], _LONGEST_VALUE),
            }
            for kind in kinds
            # Evidence that the policy says nothing about is not known to it: where such a verdict does not fit, vectors
            # are left out (section 7).
            if components[kind]
        },
        "reasons": [reason],
        "more": True,
        "advice": {action: _advice(item) for action, item in advice.items()},
    }
    return json.dumps(plaintext, separators=(",", ":")).encode()


def _advice(advice: Advice) -> dict[str, object]:
    members: dict[str, object] = {"decision": advice.decision, "obligations": advice.obligations}
    if advice.decision is Decision.STEP_UP:
        members["acr"] = advice.acr
    if advice.decision is Decision.DELAY:
        members["delay"] = advice.delay_seconds
    return members
