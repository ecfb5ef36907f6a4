"""Challenges, keys and health."""

import json
from datetime import timedelta

import pytest

from chalicelib.aws.signer import KmsKeyDirectory
from chalicelib.aws.static_site import S3StaticSite
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.service.health import HealthService
from chalicelib.service.publish_keys import KeyService
from tests.service.world import ISSUER, stored_id


@pytest.fixture(scope="module")
def s3(client):
    made = client("s3")
    made.create_bucket(Bucket="static", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return made


@pytest.fixture
def published(s3):
    """Path → body, type and caching, as the bucket has them; what earlier tests left there is gone."""

    def objects():
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket="static").get("Contents", [])]
        answers = {f"/{key}": s3.get_object(Bucket="static", Key=key) for key in keys}
        return {
            path: (answer["Body"].read(), answer["ContentType"], answer["CacheControl"])
            for path, answer in answers.items()
        }

    for path in objects():
        s3.delete_object(Bucket="static", Key=path.removeprefix("/"))
    return objects


@pytest.fixture
def keys_service(s3, signer):
    return lambda *keys: KeyService(
        signer=signer,
        keys=KmsKeyDirectory(active=keys[0], further=keys[1:]),
        site=S3StaticSite(client=s3, bucket="static"),
        issuer=ISSUER,
    )


class TestChallenges:
    @pytest.mark.parametrize(
        ("app", "purpose", "seconds"),
        [
            ("bank", Purpose.ENROL, 3600),
            ("bank", Purpose.RENEW, 600),
            ("broker", Purpose.ENROL, 3600),
            ("broker", Purpose.RENEW, 420),
        ],
    )
    def test_lifetimes(self, world, app, purpose, seconds):
        issued = world.challenges.issue(app, purpose)
        assert issued.challenge.expires_at - issued.server_time == timedelta(seconds=seconds)

    def test_each_is_new_and_stored_before_it_is_told(self, world):
        values = {world.challenges.issue("bank", Purpose.ENROL).challenge.value for _ in range(5)}
        stored = {item["id"]["S"] for item in world.tables.items(world.tables.nonces)}
        assert {stored_id(value) for value in values} == stored
        assert {len(value) for value in values} == {32}

    def test_an_app_that_is_not_registered_gets_none(self, world):
        assert world.challenges.issue("unknown", Purpose.ENROL) == Refused(RefusalReason.APP_UNKNOWN)
        assert world.tables.items(world.tables.nonces) == []

    def test_one_that_could_not_be_stored_is_not_told(self, world):
        world.challenge_store.broken = {"issue"}
        with pytest.raises(Malfunction):
            world.challenges.issue("bank", Purpose.ENROL)


class TestKeys:
    def test_both_documents_go_to_the_static_endpoint_cacheable_for_five_minutes(
        self, keys_service, published, signer, another_signer
    ):
        keys_service(signer.real, another_signer).publish()
        jwks, *headers = published()["/.well-known/jwks.json"]
        assert [key["kid"] for key in json.loads(jwks)["keys"]] == [signer.kid, another_signer.kid]
        assert headers == ["application/json", "public, max-age=300"]
        metadata, *headers = published()["/.well-known/openid-configuration"]
        assert json.loads(metadata)["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
        assert headers == ["application/json", "public, max-age=300"]

    def test_the_apis_copy_is_the_same_bytes(self, keys_service, published, signer):
        made = keys_service(signer.real)
        made.publish()
        assert made.jwks() == published()["/.well-known/jwks.json"][0]

    def test_a_set_without_the_key_that_signs_is_not_published(self, keys_service, published, another_signer):
        with pytest.raises(Malfunction) as caught:
            keys_service(another_signer).publish()
        assert caught.value.reason is MalfunctionReason.CONFIGURATION
        assert published() == {}


class TestHealth:
    @pytest.fixture
    def health(self, world):
        return HealthService(
            signer=world.signer,
            challenges=world.challenge_store,
            instances=world.instance_store,
            beliefs=world.beliefs,
            clock=world.clock,
        )

    def test_all_is_well(self, health):
        report = health.report()
        assert report.healthy
        assert set(report.components) == {"signer", "challenges", "instances", "documents"}

    @pytest.mark.parametrize(
        ("port", "method", "components", "reason"),
        [
            ("signer", "sign", {"signer"}, MalfunctionReason.SIGNER_UNAVAILABLE),
            (
                "challenge_store",
                "look",
                {"challenges", "instances", "documents"},
                MalfunctionReason.STORE_UNAVAILABLE,
            ),
            ("instance_store", "by_jkt", {"instances", "documents"}, MalfunctionReason.STORE_UNAVAILABLE),
            ("documents", "active", {"documents"}, MalfunctionReason.STORE_UNAVAILABLE),
        ],
    )
    def test_what_does_not_answer_is_named(self, world, health, port, method, components, reason):
        getattr(world, port).broken = {method}
        report = health.report()
        assert not report.healthy
        assert {name: why for name, why in report.components.items() if why} == dict.fromkeys(components, reason)

    def test_a_store_that_does_not_answer_is_asked_once(self, world, health):
        world.challenge_store.broken = {"look"}
        health.report()
        assert (world.instance_store.called, world.documents.called) == ([], [])

    def test_a_policy_that_does_not_parse_is_not_healthy(self, world, health):
        world.documents.publish("policy", b"{}")
        assert health.report().components["documents"] is MalfunctionReason.POLICY_UNAVAILABLE

    def test_asking_often_costs_no_more(self, world, health):
        for _ in range(50):
            health.report()
        assert world.signer.called == ["sign"]
        world.clock.advance(10)
        world.signer.broken = {"sign"}
        assert not health.report().healthy
