"""The service starts with a configuration that holds together, or not at all."""

import pytest

from assay_toolkit.simulator import roots
from assay_toolkit.simulator.roots import ANDROID_ROOT_PEM, ANDROID_SOFTWARE_ROOT_PEM, APPLE_ROOT_PEM
from chalicelib import config
from chalicelib.endorsements.anchors import AnchorSet, anchors_from_pem
from chalicelib.endorsements.trust_anchors import BUILT_IN, AnchorUse
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

KEY = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-00000000000"
PRODUCTION = {
    "ASSAY_STAGE": "prod",
    "ASSAY_ISSUER": "https://keys.assay.example",
    "ASSAY_SIGNING_KEY_ARN": KEY + "1",
    "ASSAY_PUBLISHED_KEY_ARNS": "",
    "ASSAY_NONCES_TABLE": "assay-prod-nonces",
    "ASSAY_INSTANCES_TABLE": "assay-prod-instances",
    "ASSAY_DOCUMENTS_TABLE": "assay-prod-documents",
    "ASSAY_DOCUMENTS_BUCKET": "assay-prod-documents",
    "ASSAY_STATIC_BUCKET": "assay-prod-static",
    "ASSAY_LAMBDA_TIMEOUT_SECONDS": "15",
}
LOCAL = {
    **PRODUCTION,
    "ASSAY_STAGE": "local",
    "ASSAY_ISSUER": "http://127.0.0.1:8000",
    "ASSAY_EXTRA_ANCHORS": (ANDROID_ROOT_PEM + APPLE_ROOT_PEM).decode(),
}
SIMULATED = anchors_from_pem(ANDROID_ROOT_PEM + APPLE_ROOT_PEM, name="simulator")


def refusal(environ) -> str:
    with pytest.raises(Malfunction) as caught:
        config.load(environ)
    assert caught.value.reason is MalfunctionReason.CONFIGURATION
    return caught.value.detail


def test_production_trusts_the_vendors_and_nobody_else():
    loaded = config.load({**PRODUCTION, "PATH": "/usr/bin"})
    assert loaded.extra_anchors == AnchorSet(())
    assert loaded.lambda_timeout.total_seconds() == 15


def test_the_local_stage_also_trusts_simulated_phones():
    loaded = config.load(LOCAL)
    assert [anchor.spki for anchor in loaded.extra_anchors] == [anchor.spki for anchor in SIMULATED]


@pytest.mark.parametrize("stage", ["prod", "dev", "staging"])
@pytest.mark.parametrize("pem", [ANDROID_ROOT_PEM.decode(), ""], ids=["simulator", "empty"])
def test_extra_anchors_stop_every_other_stage(stage, pem):
    assert "ASSAY_EXTRA_ANCHORS" in refusal({**PRODUCTION, "ASSAY_STAGE": stage, "ASSAY_EXTRA_ANCHORS": pem})


def test_only_the_local_stage_asks_stand_ins_of_the_vendors():
    stand_ins = {"ASSAY_VENDORS_ORIGIN": "http://127.0.0.1:8001"}
    assert config.load(PRODUCTION).vendors_origin is None
    assert config.load({**LOCAL, **stand_ins}).vendors_origin == "http://127.0.0.1:8001"
    assert "local stage only" in refusal({**PRODUCTION, **stand_ins})


@pytest.mark.parametrize("origin", ["https://google.example", "http://google.example:80", "http://127.0.0.1:8001/", ""])
def test_stand_ins_are_on_this_machine(origin):
    assert "ASSAY_VENDORS_ORIGIN" in refusal({**LOCAL, "ASSAY_VENDORS_ORIGIN": origin})


def test_test_responses_count_where_a_stage_is_named_a_test_and_locally():
    assert config.load(PRODUCTION).test_stage is False
    assert config.load({**PRODUCTION, "ASSAY_STAGE": "staging"}).test_stage is False
    assert config.load({**PRODUCTION, "ASSAY_STAGE": "staging", "ASSAY_TEST_STAGE": "yes"}).test_stage is True
    assert config.load(LOCAL).test_stage is True


@pytest.mark.parametrize("stage", ["prod", "production"])
def test_production_is_no_test(stage):
    environ = {**PRODUCTION, "ASSAY_STAGE": stage, "ASSAY_TEST_STAGE": "yes"}
    assert refusal(environ) == "ASSAY_TEST_STAGE is set, in production"


@pytest.mark.parametrize("value", ["", "no", "true", "YES", "1"])
def test_a_test_is_named_by_one_word(value):
    environ = {**PRODUCTION, "ASSAY_STAGE": "staging", "ASSAY_TEST_STAGE": value}
    assert refusal(environ) == "ASSAY_TEST_STAGE is `yes`, or not set"


@pytest.mark.parametrize("use", AnchorUse)
@pytest.mark.parametrize("root", [name for name in vars(roots) if name.endswith("_ROOT_PEM")])
def test_no_simulated_root_starts_production_whatever_way_it_came_in(monkeypatch, use, root):
    with_it = BUILT_IN[use] + anchors_from_pem(getattr(roots, root), name=root)
    monkeypatch.setattr(config, "BUILT_IN", {**BUILT_IN, use: with_it})
    assert "private key is public" in refusal(PRODUCTION)


def test_a_software_root_is_no_anchor_even_locally():
    assert "private key is public" in refusal({**LOCAL, "ASSAY_EXTRA_ANCHORS": ANDROID_SOFTWARE_ROOT_PEM.decode()})


@pytest.mark.parametrize("name", sorted(PRODUCTION))
def test_every_variable_is_required(name):
    assert name in refusal({other: value for other, value in PRODUCTION.items() if other != name})


def test_a_misspelt_variable_is_not_ignored():
    assert "ASSAY_PUBLISHED_KEYS" in refusal({**PRODUCTION, "ASSAY_PUBLISHED_KEYS": KEY + "2"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSAY_STAGE", ""),
        ("ASSAY_STAGE", "Local"),
        ("ASSAY_STAGE", " local"),
        ("ASSAY_ISSUER", "http://keys.assay.example"),
        ("ASSAY_ISSUER", "http://127.0.0.1:8000"),
        ("ASSAY_ISSUER", "https://keys.assay.example/"),
        ("ASSAY_ISSUER", "https://keys.assay.example/path"),
        ("ASSAY_ISSUER", "https://keys.assay.example:443"),
        ("ASSAY_ISSUER", "https://Keys.assay.example"),
        ("ASSAY_ISSUER", "https://me@keys.assay.example"),
        ("ASSAY_ISSUER", "https://keys.assay.example\n"),
        ("ASSAY_SIGNING_KEY_ARN", "alias/assay"),
        ("ASSAY_SIGNING_KEY_ARN", "arn:aws:kms:eu-central-1:111122223333:alias/assay"),
        ("ASSAY_SIGNING_KEY_ARN", "00000000-0000-4000-8000-000000000001"),
        ("ASSAY_SIGNING_KEY_ARN", f"{KEY}1\n"),
        ("ASSAY_PUBLISHED_KEY_ARNS", "alias/next"),
        ("ASSAY_PUBLISHED_KEY_ARNS", f"{KEY}2,"),
        ("ASSAY_PUBLISHED_KEY_ARNS", f"{KEY}2,{KEY}2"),
        ("ASSAY_PUBLISHED_KEY_ARNS", f"{KEY}1"),
        ("ASSAY_NONCES_TABLE", ""),
        ("ASSAY_NONCES_TABLE", "assay-prod-instances"),
        ("ASSAY_STATIC_BUCKET", "Assay"),
        ("ASSAY_DOCUMENTS_BUCKET", ""),
        ("ASSAY_DOCUMENTS_BUCKET", "assay-prod-static"),
        ("ASSAY_LAMBDA_TIMEOUT_SECONDS", "0"),
        ("ASSAY_LAMBDA_TIMEOUT_SECONDS", "30"),
        ("ASSAY_LAMBDA_TIMEOUT_SECONDS", "1.5"),
        ("ASSAY_LAMBDA_TIMEOUT_SECONDS", "x"),
    ],
)
def test_a_value_that_is_not_of_its_form_stops_the_service(name, value):
    detail = refusal({**PRODUCTION, name: value})
    assert not value or value not in detail


@pytest.mark.parametrize(
    "issuer",
    ["https://keys.assay.example", "http://192.168.0.1:8000", "http://127.0.0.1.example", "http://localhost/"],
)
def test_the_local_stage_issues_for_its_own_machine_only(issuer):
    assert "ASSAY_ISSUER" in refusal({**LOCAL, "ASSAY_ISSUER": issuer})


def test_a_deployed_function_is_never_the_local_stage():
    assert "ASSAY_STAGE" in refusal({**LOCAL, "AWS_LAMBDA_FUNCTION_NAME": "assay-prod"})
    assert config.load({**PRODUCTION, "AWS_LAMBDA_FUNCTION_NAME": "assay-prod"}).stage == "prod"


def test_further_keys_are_listed_with_commas():
    loaded = config.load({**PRODUCTION, "ASSAY_PUBLISHED_KEY_ARNS": f"{KEY}2, {KEY}3"})
    assert loaded.published_key_arns == (KEY + "2", KEY + "3")


@pytest.mark.parametrize("pem", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "secret"])
def test_extra_anchors_that_are_none_stop_the_local_stage_too(pem):
    detail = refusal({**LOCAL, "ASSAY_EXTRA_ANCHORS": pem})
    assert "ASSAY_EXTRA_ANCHORS" in detail
    assert "secret" not in detail
