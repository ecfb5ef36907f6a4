"""Instances: what a commit may do to them, and that what is read is exactly what was written."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.model.claims import AppleEnvironment, PatchLevel, Provisioning, SecurityLevel
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import CommitOutcome, InstanceChange, StoredAnswer

TABLE = "assay-test-instances"
ENROL, RENEW = InstanceChange.ENROL, InstanceChange.RENEW
DONE, CONFLICT = CommitOutcome.DONE, CommitOutcome.INSTANCE_CONFLICT


@pytest.fixture
def commit(challenges, new_challenge, times):
    numbers = itertools.count(1)

    def change_instance(change, instance):
        held_for, following = new_challenge(next(numbers)), new_challenge(next(numbers))
        challenges.issue(held_for)
        held = challenges.claim(
            challenge=held_for.value, app="bank", purpose=Purpose.RENEW, body_digest=bytes(32), now=times.start
        )
        answer = StoredAnswer(status=200, body=b"{}")
        return challenges.commit(held=held, answer=answer, next_challenge=following, change=(change, instance))

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
