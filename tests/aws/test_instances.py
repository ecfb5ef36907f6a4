"""Instances: what a commit may do to them, and that what is read is exactly what was written."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.model.claims import AppleEnvironment, PatchLevel, Provisioning, SecurityLevel
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction
from chalicelib.model.play_integrity import KeptPlayIntegrity, VerifiedPlayIntegrity
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.service.ports import CommitOutcome, InstanceChange, StoredAnswer

TABLE = "assay-test-instances"
ENROL, RENEW = InstanceChange.ENROL, InstanceChange.RENEW
DONE, CONFLICT = CommitOutcome.DONE, CommitOutcome.INSTANCE_CONFLICT


@pytest.fixture
def commit(challenges, new_challenge, times):
    numbers = itertools.count(1)

    def change_instance(change, instance, **brought):
        held_for, following = new_challenge(next(numbers)), new_challenge(next(numbers))
        challenges.issue(held_for)
        held = challenges.claim(
            challenge=held_for.value, app="bank", purpose=Purpose.RENEW, body_digest=bytes(32), now=times.start
        )
        answer = StoredAnswer(status=200, body=b"{}")
        return challenges.commit(
            held=held, answer=answer, next_challenge=following, change=(change, instance), **brought
        )

    return change_instance


def block(dynamodb, instance):
    dynamodb.update_item(
        TableName=TABLE,
        Key={"id": {"S": f"instance#{instance.jkt}"}},
        UpdateExpression="SET blocked = :blocked",
        ExpressionAttributeValues={":blocked": {"BOOL": True}},
    )


def stored(dynamodb, instance):
    return dynamodb.get_item(TableName=TABLE, Key={"id": {"S": f"instance#{instance.jkt}"}})["Item"]


def test_an_instance_comes_back_as_it_was(commit, instances, android, apple):
    for instance in (android(), apple(key=2)):
        assert commit(ENROL, instance) is DONE
        assert instances.by_jkt(instance.jkt) == instance


@pytest.mark.parametrize(
    "changes",
    [
        {"device_locked": None, "verified_boot_state_raw": None, "verified_boot_key": None, "os_version": None},
        {"device_locked": False, "verified_boot_state_raw": 2**64, "attestation_version": 0},
        {"security_level": SecurityLevel.SOFTWARE, "provisioning": Provisioning.UNKNOWN},
        {"packages": (), "signature_digests": (), "certificate_serials": ()},
        {"boot_patch_level": PatchLevel(2025, 12, 31), "os_patch_level": None},
        {"os_version": 16**5_000},  # 20,000 bits in a certificate of 8 KiB are no reason to fall
    ],
)
def test_every_shape_of_android_evidence_comes_back(commit, instances, android, changes):
    instance = android(kept=replace(android().kept, **changes))
    assert commit(ENROL, instance) is DONE
    assert instances.by_jkt(instance.jkt) == instance


VERDICT = VerifiedPlayIntegrity(
    request=PlayIntegrityRequest.STANDARD,
    requested_at=datetime(2026, 3, 1, 11, 59, 58, 123_000, tzinfo=UTC),
    package="com.example.bank",
    app_recognition="PLAY_RECOGNIZED",
    certificate_digests=(b"\x02" * 32,),
    version_code=10**18 - 1,
    device_recognition=("MEETS_DEVICE_INTEGRITY", "A_LABEL_OF_NEXT_YEAR"),
    device_activity="LEVEL_1",
    device_sdk_version=36,
    device_recall=(True, False, None),
    device_recall_months=(202603, None, 0),
    app_licensing="LICENSED",
    account_activity="UNUSUAL",
    apps_detected=("KNOWN_INSTALLED",),
    play_protect="NO_DATA",
    testing=True,
    unknown_members=("deviceIntegrity.mood",),
)
SILENT = dict.fromkeys(
    (
        "app_recognition", "version_code", "device_activity", "device_sdk_version", "device_recall",
        "device_recall_months", "app_licensing", "account_activity", "apps_detected", "play_protect",
    )
) | {"certificate_digests": (), "device_recognition": (), "unknown_members": (), "testing": False}  # fmt: skip


@pytest.fixture
def verdict(times):
    return lambda **changes: KeptPlayIntegrity(verdict=replace(VERDICT, **changes), verified_at=times.start)


def standing_verdict(instances, instance):
    return instances.by_jkt(instance.jkt).kept.play_integrity


@pytest.mark.parametrize("changes", [{}, SILENT, {"apps_detected": (), "request": PlayIntegrityRequest.CLASSIC}])
@pytest.mark.parametrize("change", [ENROL, RENEW])
def test_a_verdict_that_comes_with_a_submission_is_kept_as_it_is(commit, instances, android, verdict, change, changes):
    instance = android()
    commit(ENROL, instance)
    assert commit(change, instance, play_integrity=verdict(**changes)) is DONE
    assert standing_verdict(instances, instance) == verdict(**changes)


@pytest.mark.parametrize("change", [ENROL, RENEW])
def test_a_submission_without_a_verdict_leaves_the_one_that_stands(commit, instances, android, verdict, change):
    """Also where what it was judged by is an older one: a concurrent submission brought the one that stands."""
    older = android(kept=replace(android().kept, play_integrity=verdict(device_activity="LEVEL_4")))
    commit(ENROL, older, play_integrity=verdict())
    assert commit(change, older) is DONE
    assert standing_verdict(instances, older) == verdict()


def test_a_renewal_with_a_verdict_moves_nothing_else(commit, dynamodb, android, verdict, times):
    commit(ENROL, android())
    before = stored(dynamodb, android())
    moved = android(attested_at=times.start + timedelta(hours=1), kept=replace(android().kept, os_version=1))
    assert commit(RENEW, moved, play_integrity=verdict()) is DONE
    after = stored(dynamodb, android())
    assert {name for name in after if after[name] != before.get(name)} == {"play_integrity"}


@pytest.mark.parametrize("spoilt", ["blocked", "other app"])
def test_a_verdict_does_not_reach_an_instance_that_is_not_the_submissions(
    commit, instances, dynamodb, android, verdict, spoilt
):
    commit(ENROL, android())
    if spoilt == "blocked":
        block(dynamodb, android())
    instance = android() if spoilt == "blocked" else android(app="broker")
    assert commit(RENEW, instance, play_integrity=verdict()) is CONFLICT
    assert standing_verdict(instances, android()) is None


def test_a_verdict_makes_no_instance(commit, instances, android, verdict):
    assert commit(RENEW, android(), play_integrity=verdict()) is CONFLICT
    assert instances.by_jkt(android().jkt) is None


def test_an_item_of_before_there_were_verdicts_and_attest_keys_is_read(commit, instances, dynamodb, android):
    commit(ENROL, android())
    item = stored(dynamodb, android())
    kept = json.loads(item["kept"]["S"])
    del kept["attest_key"]
    dynamodb.put_item(TableName=TABLE, Item={**item, "kept": {"S": json.dumps(kept)}})
    assert "play_integrity" not in item
    assert instances.by_jkt(android().jkt) == android()


def test_that_a_key_was_attested_by_an_app_is_kept(commit, instances, android):
    instance = android(kept=replace(android().kept, attest_key=True))
    commit(ENROL, instance)
    assert instances.by_jkt(instance.jkt) == instance


@pytest.mark.parametrize(
    "text",
    ["", "{}", "null", "not JSON", '{"verdict": 1}'],
)
def test_a_stored_verdict_that_is_none_is_a_malfunction(commit, instances, dynamodb, android, verdict, text):
    commit(ENROL, android(), play_integrity=verdict())
    dynamodb.put_item(TableName=TABLE, Item={**stored(dynamodb, android()), "play_integrity": {"S": text}})
    with pytest.raises(Malfunction) as raised:
        instances.by_jkt(android().jkt)
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE


@pytest.mark.parametrize(
    "changes", [{"verified_at": -1}, {"verified_at": 10**18}, {"mood": "good"}, {"request": "express"}, {"testing": 1}]
)
def test_a_stored_verdict_of_another_form_is_a_malfunction(commit, instances, dynamodb, android, verdict, changes):
    commit(ENROL, android(), play_integrity=verdict())
    item = stored(dynamodb, android())
    text = json.dumps({**json.loads(item["play_integrity"]["S"]), **changes})
    dynamodb.put_item(TableName=TABLE, Item={**item, "play_integrity": {"S": text}})
    with pytest.raises(Malfunction):
        instances.by_jkt(android().jkt)


def test_apple_evidence_of_before_ios_27_comes_back(commit, instances, apple):
    kept = apple().kept
    validation = replace(kept.validation, validation_category=None, bundle_version=None, unknown_members=())
    instance = apple(kept=replace(kept, environment=AppleEnvironment.PRODUCTION, validation=validation))
    assert commit(ENROL, instance) is DONE
    assert instances.by_jkt(instance.jkt) == instance


def test_who_was_never_enrolled_is_nobody(commit, instances, android, apple):
    assert instances.by_jkt(android().jkt) is None
    assert commit(RENEW, android()) is CONFLICT
    assert commit(RENEW, apple(counter=1)) is CONFLICT
    assert instances.by_jkt(android().jkt) is None


def test_a_renewal_moves_evidence_time_and_counter_and_nothing_else(commit, instances, apple, times):
    first = apple(counter=0)
    commit(ENROL, first)
    later = times.start + timedelta(days=1)
    validation = replace(first.kept.validation, bundle_version="7.2")
    renewed = apple(
        counter=9, kept=replace(first.kept, validation=validation), attested_at=later, enrolled_at=later, blocked=True
    )
    assert commit(RENEW, renewed) is DONE
    assert instances.by_jkt(first.jkt) == replace(renewed, enrolled_at=first.enrolled_at, blocked=False)


def test_a_renewal_keeps_what_an_enrolment_renewed_meanwhile(commit, instances, android, apple, times):
    """The renewals read before the second enrolments, and commit after them."""
    read, asserted = android(key=1), apple(key=2, counter=1, attested_at=times.start + timedelta(days=2))
    commit(ENROL, android(key=1))
    commit(ENROL, apple(key=2))
    later = times.start + timedelta(days=1)
    fresh = android(key=1, attested_at=later, kept=replace(read.kept, os_patch_level=PatchLevel(2026, 2)))
    other = apple(key=2, attested_at=later, kept=replace(asserted.kept, certificate_serials=(8,)))
    commit(ENROL, fresh)
    commit(ENROL, other)
    assert commit(RENEW, read) is DONE
    assert commit(RENEW, asserted) is DONE
    assert instances.by_jkt(read.jkt) == replace(fresh, enrolled_at=times.start)
    assert instances.by_jkt(asserted.jkt) == replace(asserted, kept=other.kept)


@pytest.mark.parametrize("counter", [0, 4, 5])
def test_an_overtaken_counter_is_a_conflict(commit, instances, apple, counter):
    commit(ENROL, apple(counter=0))
    assert commit(RENEW, apple(counter=5)) is DONE
    assert commit(RENEW, apple(counter=counter)) is CONFLICT
    assert instances.by_jkt(apple().jkt).app_attest.counter == 5


def test_enrolling_again_keeps_the_counter_and_the_age(commit, instances, apple, times):
    commit(ENROL, apple(counter=0))
    commit(RENEW, apple(counter=5))
    later = times.start + timedelta(days=30)
    again = apple(counter=0, enrolled_at=later, attested_at=later)
    assert commit(ENROL, again) is DONE
    standing = instances.by_jkt(again.jkt)
    assert (standing.app_attest.counter, standing.enrolled_at, standing.attested_at) == (5, times.start, later)
    assert commit(RENEW, apple(counter=5)) is CONFLICT


def test_an_app_attest_key_belongs_to_one_instance_key(commit, instances, apple):
    commit(ENROL, apple(key=1, app_attest=100))
    assert commit(ENROL, apple(key=2, app_attest=100)) is CONFLICT
    assert instances.by_jkt(apple(key=2).jkt) is None


def test_an_instance_key_belongs_to_one_app_attest_key(commit, instances, apple):
    commit(ENROL, apple(key=1, app_attest=100))
    assert commit(ENROL, apple(key=1, app_attest=200)) is CONFLICT
    assert commit(RENEW, apple(key=1, app_attest=200, counter=1)) is CONFLICT
    # The conflict left no tie behind: the other App Attest key is still free.
    assert commit(ENROL, apple(key=2, app_attest=200)) is DONE
    assert instances.by_jkt(apple(key=1).jkt) == apple(key=1, app_attest=100)


def test_an_app_attest_key_has_one_owner_in_a_race(race, commit, instances, apple):
    outcomes = race(32, lambda number: commit(ENROL, apple(key=10 * (number + 1), app_attest=7)))
    assert outcomes.count(DONE) == 1
    assert outcomes.count(CONFLICT) == 31
    owners = [number for number in range(32) if instances.by_jkt(apple(key=10 * (number + 1)).jkt)]
    assert owners == [outcomes.index(DONE)]


@pytest.mark.parametrize("change", [ENROL, RENEW])
def test_another_app_is_a_conflict(commit, instances, android, apple, change):
    for first, other in (
        (android(key=1), android(key=1, app="shop")),
        (apple(key=2, counter=0), apple(key=2, counter=1, app="shop")),
    ):
        commit(ENROL, first)
        assert commit(change, other) is CONFLICT
        assert instances.by_jkt(first.jkt) == first


@pytest.mark.parametrize("change", [ENROL, RENEW])
def test_another_platform_is_a_conflict(commit, instances, android, apple, change):
    commit(ENROL, android(key=1))
    assert commit(change, apple(key=1, counter=1)) is CONFLICT
    commit(ENROL, apple(key=2))
    assert commit(change, android(key=2)) is CONFLICT
    assert instances.by_jkt(apple(key=2).jkt) == apple(key=2)


@pytest.mark.parametrize("change", [ENROL, RENEW])
def test_the_blocked_stay_blocked(commit, dynamodb, instances, android, apple, change):
    for first, again in ((android(key=1), android(key=1)), (apple(key=2), apple(key=2, counter=1))):
        commit(ENROL, first)
        block(dynamodb, first)
        assert commit(change, again) is CONFLICT
        assert instances.by_jkt(first.jkt) == replace(first, blocked=True)


def test_evidence_of_one_platform_with_keys_of_another_is_a_fault_of_ours(commit, android, apple):
    with pytest.raises(ValueError, match="different platforms"):
        commit(ENROL, android(app_attest=apple().app_attest))


def kept(change):
    """The item with its document of kept evidence changed."""

    def apply(item):
        document = json.loads(item["kept"]["S"])
        change(document)
        return item | {"kept": {"S": json.dumps(document)}}

    return apply


@pytest.mark.parametrize(
    "damage",
    [
        lambda item: item | {"v": {"N": "2"}},
        lambda item: item | {"more": {"S": "member"}},
        lambda item: {name: value for name, value in item.items() if name != "blocked"},
        lambda item: item | {"blocked": {"S": "false"}},
        lambda item: item | {"enrolled_at": {"N": "253402300800000"}},  # the first of January 10000
        lambda item: item | {"attested_at": {"N": "-1"}},
        lambda item: item | {"jwk_x": {"B": bytes(31)}},
        lambda item: item | {"jwk_x": {"B": bytes(32)}},  # another key than the item is named for
        lambda item: item | {"platform": {"S": "apple"}},
        lambda item: item | {"kept": {"S": item["kept"]["S"] + " x"}},
        kept(lambda document: document.update(platform="apple")),
        kept(lambda document: document.update(more=1)),
        kept(lambda document: document.pop("device_locked")),
        kept(lambda document: document.update(device_locked="yes")),
        kept(lambda document: document.update(certificate_serials=["0x1"])),
        kept(lambda document: document.update(certificate_serials=["01"])),
        kept(lambda document: document.update(certificate_serials=["1\n"])),
        kept(lambda document: document.update(certificate_serials=[1])),
        kept(lambda document: document.update(security_level=3)),
        kept(lambda document: document.update(os_patch_level=[2026, 1])),
    ],
)
def test_an_item_that_does_not_parse_is_a_malfunction(commit, dynamodb, instances, android, damage):
    commit(ENROL, android())
    dynamodb.put_item(TableName=TABLE, Item=damage(stored(dynamodb, android())))
    with pytest.raises(Malfunction) as raised:
        instances.by_jkt(android().jkt)
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE


@pytest.mark.parametrize("validation", ["{}", '{"validation_category": "g"}', "4"])
def test_a_validation_that_does_not_parse_is_a_malfunction(commit, dynamodb, instances, apple, validation):
    commit(ENROL, apple())
    dynamodb.put_item(TableName=TABLE, Item=stored(dynamodb, apple()) | {"validation": {"S": validation}})
    with pytest.raises(Malfunction):
        instances.by_jkt(apple().jkt)


def test_evidence_of_another_platform_than_the_item_is_a_malfunction(commit, dynamodb, instances, android, apple):
    commit(ENROL, android(key=1))
    commit(ENROL, apple(key=2))
    crossed = stored(dynamodb, apple(key=2)) | {"kept": stored(dynamodb, android(key=1))["kept"]}
    dynamodb.put_item(TableName=TABLE, Item=crossed)
    with pytest.raises(Malfunction):
        instances.by_jkt(apple(key=2).jkt)
