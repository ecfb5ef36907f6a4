"""Challenges, keys and health."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.service.health import HealthService
from chalicelib.service.publish_keys import KeyService
from tests.results.samples import public_jwk
from tests.service.conftest import ISSUER
from tests.service.fakes import Keys, LocalSigner, Site


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
        assert values == set(world.store.items)
        assert {len(value) for value in values} == {32}

    def test_an_app_that_is_not_registered_gets_none(self, world):
        assert world.challenges.issue("unknown", Purpose.ENROL) == Refused(RefusalReason.APP_UNKNOWN)
        assert world.store.items == {}

    def test_one_that_could_not_be_stored_is_not_told(self, world):
        world.store.broken = {"issue"}
        with pytest.raises(Malfunction):
            world.challenges.issue("bank", Purpose.ENROL)


class TestKeys:
    def service(self, *, keys, signer, site=None):
        return KeyService(signer=signer, keys=Keys(keys), site=site or Site(), issuer=ISSUER)

    def test_both_documents_go_to_the_static_endpoint_cacheable_for_five_minutes(self):
        signer, site = LocalSigner(), Site()
        following = public_jwk(ec.generate_private_key(ec.SECP256R1()))
        self.service(keys=(signer.public_jwk, following), signer=signer, site=site).publish()
        jwks, *headers = site.published["/.well-known/jwks.json"]
        assert [key["kid"] for key in json.loads(jwks)["keys"]] == [signer.kid, following.jkt]
        assert headers == ["application/json", "public, max-age=300"]
        metadata, *headers = site.published["/.well-known/openid-configuration"]
        assert json.loads(metadata)["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
        assert headers == ["application/json", "public, max-age=300"]

    def test_the_apis_copy_is_the_same_bytes(self):
        signer, site = LocalSigner(), Site()
        service = self.service(keys=(signer.public_jwk,), signer=signer, site=site)
        service.publish()
        assert service.jwks() == site.published["/.well-known/jwks.json"][0]

    def test_a_set_without_the_key_that_signs_is_not_published(self):
        site = Site()
        stranger = public_jwk(ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(Malfunction) as caught:
            self.service(keys=(stranger,), signer=LocalSigner(), site=site).publish()
        assert caught.value.reason is MalfunctionReason.CONFIGURATION
        assert site.published == {}


class TestHealth:
    @pytest.fixture
    def health(self, world):
        return HealthService(
            signer=world.signer, challenges=world.store, instances=world.store, beliefs=world.beliefs, clock=world.clock
        )

    def test_all_is_well(self, health):
        report = health.report()
        assert report.healthy
        assert set(report.components) == {"signer", "challenges", "instances", "documents"}

    @pytest.mark.parametrize(
        ("port", "method", "component", "reason"),
        [
            ("signer", "sign", "signer", MalfunctionReason.SIGNER_UNAVAILABLE),
            ("store", "look", "challenges", MalfunctionReason.STORE_UNAVAILABLE),
            ("store", "by_jkt", "instances", MalfunctionReason.STORE_UNAVAILABLE),
            ("documents", "active", "documents", MalfunctionReason.STORE_UNAVAILABLE),
        ],
    )
    def test_what_does_not_answer_is_named_alone(self, world, health, port, method, component, reason):
        getattr(world, port).broken = {method}
        report = health.report()
        assert not report.healthy
        assert {name: why for name, why in report.components.items() if why} == {component: reason}

    def test_a_policy_that_does_not_parse_is_not_healthy(self, world, health):
        world.documents.activate("policy", b"{}")
        assert health.report().components["documents"] is MalfunctionReason.POLICY_UNAVAILABLE

    def test_asking_often_costs_no_more(self, world, health):
        for _ in range(50):
            health.report()
        assert world.signer.called == ["sign"]
        world.clock.advance(10)
        world.signer.broken = {"sign"}
        assert not health.report().healthy
