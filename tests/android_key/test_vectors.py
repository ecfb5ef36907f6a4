"""Evidence of real phones, and of other projects' tests, that nobody here wrote."""

import base64
import json
import random
import re
from copy import deepcopy
from datetime import datetime
from pathlib import Path

import pytest

from chalicelib.endorsements.google_roots import GOOGLE_ANCHORS
from chalicelib.endorsements.google_status import parse_status_list
from chalicelib.model.claims import Provisioning, VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import SubmittedAndroidKey
from chalicelib.verifiers.android_key import verify
from chalicelib.verifiers.android_key.key_description import KEY_DESCRIPTION_OID, read_key_description
from chalicelib.verifiers.codec.x509 import read_certificate

VECTORS = Path(__file__).resolve().parents[2] / "../shared/vectors"
INDEX = VECTORS / "index.json"
ENTRIES = (
    [entry for entry in json.loads(INDEX.read_bytes())["vectors"] if entry["kind"] == "android_key"]
    if INDEX.exists()
    else []
)
pytestmark = pytest.mark.skipif(not ENTRIES, reason="the shared vectors are not beside the repository")

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_LEVELS = {"Software": 0, "TrustedEnvironment": 1, "StrongBox": 2}
_PROVISIONING = {"factory": Provisioning.FACTORY, "rkp": Provisioning.REMOTE, "unknown": Provisioning.UNKNOWN}


def chain_of(entry):
    return tuple(base64.b64decode(block) for block in _PEM.findall((VECTORS / entry["file"]).read_bytes()))


def outcome_of(entry, x5c=None, **options):
    return verify(
        SubmittedAndroidKey(x5c=chain_of(entry) if x5c is None else x5c),
        challenge=bytes.fromhex(entry["params"]["expected_challenge_hex"] or ""),
        anchors=GOOGLE_ANCHORS,
        now=datetime.fromisoformat(entry["params"]["verification_time"]),
        **options,
    )


def entry_named(name):
    return next(entry for entry in ENTRIES if entry["id"] == name)


def test_all_of_them_are_here():
    assert len(ENTRIES) == 122


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_verification(entry):
    outcome = outcome_of(entry)
    expected = entry["expected"]["verification"]
    if expected == "verified":
        assert isinstance(outcome, VerifiedAndroidKey), outcome
        assert outcome.provisioning is _PROVISIONING[entry["provisioning"]]
        assert len(outcome.certificate_serials) == len(chain_of(entry)) - 1
    elif expected == "refused":
        assert isinstance(outcome, Refused)
    else:
        assert expected == "either"
        assert isinstance(outcome, Refused | VerifiedAndroidKey)


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES if entry["expected"]["verification"] == "verified" and "parsed" in entry["expected"]],
    ids=lambda entry: entry["id"],
)
def test_claims(entry):
    claims, parsed = outcome_of(entry), deepcopy(entry["expected"]["parsed"])
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.attestation_security_level == _LEVELS[parsed["attestationSecurityLevel"]]
    assert claims.key_security_level == _LEVELS[parsed["keymasterSecurityLevel"]]
    assert _stated(claims) == {
        name: parsed[name] for name in parsed.keys() - {"attestationSecurityLevel", "keymasterSecurityLevel"}
    }
    assert claims.application_id is not None
    assert [{"name": package.name, "version": package.version} for package in claims.application_id.packages] == entry[
        "params"
    ]["package_infos"]
    assert [digest.hex() for digest in claims.application_id.signature_digests] == entry["params"]["signature_digests"]


def _stated(claims):
    """The claims by the names that the vectors use."""
    root_of_trust = None
    if claims.root_of_trust is not None:
        root_of_trust = {
            "verifiedBootKey": claims.root_of_trust.verified_boot_key.hex(),
            "deviceLocked": claims.root_of_trust.device_locked,
            "deviceLockedRaw": f"{claims.root_of_trust.device_locked_raw:02x}",
            "verifiedBootState": claims.root_of_trust.verified_boot_state.name.title().replace("_S", "S"),
        }
        if claims.root_of_trust.verified_boot_hash is not None:
            root_of_trust["verifiedBootHash"] = claims.root_of_trust.verified_boot_hash.hex()
    return {
        "attestationVersion": claims.attestation_version,
        "keymasterVersion": claims.key_mint_version,
        "rootOfTrust": root_of_trust,
        "osVersion": claims.os_version,
        "osPatchLevel": claims.os_patch_level_raw,
        "vendorPatchLevel": claims.vendor_patch_level_raw,
        "bootPatchLevel": claims.boot_patch_level_raw,
        "origin": claims.origin,
        "purpose": list(claims.purposes),
        "algorithm": claims.algorithm,
        "keySize": claims.key_size,
        "ecCurve": claims.ec_curve,
        "creationDateTime": claims.creation_time_ms,
        "moduleHash": None if claims.module_hash is None else claims.module_hash.hex(),
        "attestationId": claims.model
        and {
            "attestationIdBrand": claims.model.brand,
            "attestationIdDevice": claims.model.device,
            "attestationIdProduct": claims.model.product,
            "attestationIdManufacturer": claims.model.manufacturer,
            "attestationIdModel": claims.model.model,
        },
    }


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES if entry["expected"]["verification"] != "verified" and "parsed" in entry["expected"]],
    ids=lambda entry: entry["id"],
)
def test_what_refused_evidence_states_is_read_all_the_same(entry):
    parsed = entry["expected"]["parsed"]
    extension = read_certificate(chain_of(entry)[0]).extension(KEY_DESCRIPTION_OID)
    description = read_key_description(extension.value)
    assert description.attestation_version == parsed["attestationVersion"]
    assert description.attestation_security_level == _LEVELS[parsed["attestationSecurityLevel"]]
    assert description.challenge.hex() == entry["params"]["expected_challenge_hex"]


ATTEST_KEY_CHAINS = (
    "AttestationServer/deflate_dictionary_4_9e0adbf6",
    "AttestationServer/deflate_dictionary_4_e7925710",
    "AttestationServer/deflate_dictionary_5_c068bb02",
)


@pytest.mark.parametrize("name", ATTEST_KEY_CHAINS)
def test_a_chain_through_an_attest_key_is_for_policy_to_admit(name):
    entry = entry_named(name)
    assert outcome_of(entry).reason is RefusalReason.CHAIN_EXTENDED
    claims = outcome_of(entry, admit_attest_keys=True)
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.attest_key
    assert claims.provisioning is _PROVISIONING[entry["provisioning"]]
    assert claims.security_level.name.title().replace("box", "Box") == "StrongBox"
    parsed = entry["expected"]["parsed"]
    assert _stated(claims) == {
        name: parsed[name] for name in parsed.keys() - {"attestationSecurityLevel", "keymasterSecurityLevel"}
    }
    assert claims.spki == read_certificate(chain_of(entry)[0]).spki


def test_admission_changes_nothing_else():
    for entry in ENTRIES:
        if entry["id"] not in ATTEST_KEY_CHAINS:
            assert outcome_of(entry, admit_attest_keys=True) == outcome_of(entry), entry["id"]


def test_strongbox_is_certified_by_every_vendor_that_has_it():
    levels = [
        (claims.attestation_security_level, claims.certified_level)
        for claims in map(outcome_of, ENTRIES)
        if isinstance(claims, VerifiedAndroidKey)
    ]
    assert all((stated == 2) is (certified == 2) for stated, certified in levels)
    assert sum(stated == 2 for stated, _ in levels) > 10


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("android_key_attestation/fake_cert_chain_with_attest_keys", RefusalReason.CHAIN_EXTENDED),
        ("keyattestation/marlin_sdk29_tee_rsa_none", RefusalReason.CHAIN_ROOT_SOFTWARE),
        ("google-aka/rsa_strongbox_pem", RefusalReason.CHAIN_ROOT_UNKNOWN),
        ("derived_android/pixel5tee_lookalike_root_all_resigned", RefusalReason.CHAIN_ROOT_UNKNOWN),
        ("derived_android/pixel5tee_genuine_root_appended_to_lookalike", RefusalReason.CHAIN_ROOT_UNKNOWN),
        ("derived_android/caiman_rkp_leaf_signature_bitflip", RefusalReason.CHAIN_SIGNATURE),
        ("derived_android/caiman_rkp_intermediate_missing", RefusalReason.CHAIN_SIGNATURE),
        ("derived_android/caiman_rkp_trailing_byte_in_leaf", RefusalReason.CHAIN_MALFORMED),
        ("derived_android/tegu_2026_challenge_byte_changed", RefusalReason.KEY_DESCRIPTION_CHALLENGE),
        ("derived_android/tegu_2026_leaf_only", RefusalReason.CHAIN_LENGTH),
    ],
)
def test_the_reason_is_the_one_that_an_analyst_wants(name, reason):
    outcome = outcome_of(entry_named(name))
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


def test_every_verified_chain_verifies_without_its_root():
    """`x5c` may come so (WebAuthn does); the claims are the same: the root is a key."""
    for entry in ENTRIES:
        if entry["expected"]["verification"] == "verified":
            whole, without = outcome_of(entry), outcome_of(entry, chain_of(entry)[:-1])
            assert isinstance(without, VerifiedAndroidKey), entry["id"]
            assert without == whole


FLIPPED = ("gos-samples/pixel_3_strongbox", "keyattestation/caiman_sdk36_tee_ec_rkp", "gos-samples/alp_l29_tee")


@pytest.mark.parametrize("name", FLIPPED)
def test_no_bit_may_flip_below_the_root(name):
    entry = entry_named(name)
    chain = chain_of(entry)
    dice = random.Random(name)  # noqa: S311 - a seed, so that a failure is found again
    for _ in range(120):
        index = dice.randrange(len(chain) - 1)
        changed = bytearray(chain[index])
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        outcome = outcome_of(entry, (*chain[:index], bytes(changed), *chain[index + 1 :]))
        assert isinstance(outcome, Refused), f"certificate {index}"


@pytest.mark.parametrize("name", FLIPPED)
def test_no_truncation_passes(name):
    entry = entry_named(name)
    chain = chain_of(entry)
    for size in range(0, len(chain[0]), 7):
        outcome = outcome_of(entry, (chain[0][:size], *chain[1:]))
        assert isinstance(outcome, Refused)
        assert outcome.reason is RefusalReason.CHAIN_MALFORMED


def test_the_baseline_follows_from_claims_and_the_status_list():
    """What is needed to say no to a genuine phone in bad condition is among the claims."""
    lists = [parse_status_list(path.read_bytes()) for path in sorted((VECTORS / "status").glob("google_*.json"))]
    for entry in ENTRIES:
        if entry["expected"]["verification"] != "verified":
            continue
        claims = outcome_of(entry)
        stated = claims.root_of_trust
        good = (
            stated is not None
            and stated.device_locked
            and stated.verified_boot_state_raw == 0
            and not any(statuses.lookup(claims.certificate_serials) for statuses in lists)
        )
        assert ("accept" if good else "reject") == entry["expected"]["baseline"], entry["id"]
