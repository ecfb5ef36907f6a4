"""Public suites of hostile signatures and chains (Wycheproof, x509-limbo), where this code is on the path."""

import base64
import itertools
import json
from datetime import datetime
from pathlib import Path

import pytest

from chalicelib.endorsements.anchors import AnchorSet, anchors_from_pem
from chalicelib.model.claims import Provisioning
from chalicelib.verifiers.android_key import chain
from chalicelib.verifiers.android_key.refusal import Refusal
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.public_keys import (
    KeyKind,
    SignatureAlgorithm,
    is_loadable,
    is_signed_by,
    read_public_key,
)

SUITES = Path(__file__).resolve().parents[2] / "../shared/suites"
pytestmark = pytest.mark.skipif(not SUITES.exists(), reason="the shared suites are not beside the repository")


def groups(name):
    return json.loads((SUITES / "wycheproof" / f"{name}.json").read_bytes())["testGroups"]


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("ecdsa_secp256r1_sha256_test", SignatureAlgorithm.ECDSA_SHA256),
        ("ecdsa_secp384r1_sha256_test", SignatureAlgorithm.ECDSA_SHA256),
        ("ecdsa_secp384r1_sha384_test", SignatureAlgorithm.ECDSA_SHA384),
        ("rsa_signature_2048_sha256_test", SignatureAlgorithm.RSA_SHA256),
        ("rsa_signature_3072_sha256_test", SignatureAlgorithm.RSA_SHA256),
        ("rsa_signature_4096_sha256_test", SignatureAlgorithm.RSA_SHA256),
    ],
)
def test_wycheproof_signatures(name, algorithm):
    wrong, seen = [], 0
    for group in groups(name):
        spki = bytes.fromhex(group["publicKeyDer"])
        if group.get("publicKey", {}).get("publicExponent") == "03":
            # Below FIPS 186-5; no attestation key has it.
            with pytest.raises(Malformed):
                read_public_key(spki)
            continue
        key = read_public_key(spki)
        for case in group["tests"]:
            seen += 1
            accepted = is_signed_by(
                key, algorithm=algorithm, signature=bytes.fromhex(case["sig"]), message=bytes.fromhex(case["msg"])
            )
            # "acceptable" are RSA signatures over a DigestInfo without its NULL: refused here.
            if accepted is not (case["result"] == "valid"):
                wrong.append((case["tcId"], case["result"], case["comment"]))
    assert not wrong
    assert seen > 200


def test_wycheproof_ml_dsa_keys_are_read():
    """As attested keys only: no genuine certificate is signed with ML-DSA, so none here is verified with it."""
    sizes = {True: 0, False: 0}
    for group in groups("mldsa_65_verify_test"):
        encoded = group.get("publicKeyDer")
        if encoded is None:
            continue
        right = len(bytes.fromhex(group["publicKey"])) == 1952
        sizes[right] += 1
        if right:
            key = read_public_key(bytes.fromhex(encoded))
            assert key.kind is KeyKind.ML_DSA_65
            assert is_loadable(key)
        else:
            with pytest.raises(Malformed):
                read_public_key(bytes.fromhex(encoded))
    assert sizes[True]


# Where Android's rules are not RFC 5280's. Each is a rule that genuine phones, or Google's documentation, break.
LIMBO_DIVERGENCES = {
    "rfc5280::validity::expired-root": "roots are pinned by key; the certificate of 2016 has expired on most phones",
    "rfc5280::validity::expired-leaf": "the leaf's dates are the phone's own",
    "rfc5280::serial::too-long": "the leaf's serial number is the app's own",
    "rfc5280::serial::zero": "the same",
    "rfc5280::intermediate-ca-without-ca-bit": "genuine attestation keys state cA FALSE",
    "rfc5280::leaf-ku-keycertsign": "an attested key's usage follows its purposes",
    "rfc5280::ca-as-leaf": "what the leaf says of itself is the key description",
    "webpki::ee-basicconstraints-ca": "the same",
    "webpki::ca-as-leaf": "the same",
    "rfc5280::nc::not-allowed-in-ee-noncritical": "names are not compared, so neither are constraints on them",
    "rfc5280::ee-empty-issuer": "names are not compared",
    "pathlen::self-issued-certs-pathlen": "names are not compared, so self-issued certificates count: stricter",
}


def accepted(case):
    """Whether any order of the intermediates is: the suite does not order them, phones do."""
    anchors = sum((anchors_from_pem(pem.encode(), name="limbo") for pem in case["trusted_certs"]), AnchorSet(()))
    leaf, *intermediates = (
        base64.b64decode("".join(pem.split("-----")[2].split()))
        for pem in (case["peer_certificate"], *case["untrusted_intermediates"])
    )
    roots = [base64.b64decode("".join(pem.split("-----")[2].split())) for pem in case["trusted_certs"]]
    now = datetime.fromisoformat(case["validation_time"] or "2024-06-01T00:00:00+00:00")
    orders = itertools.permutations(intermediates) if len(intermediates) < 5 else [tuple(intermediates)]
    return any(walks((leaf, *order, root), anchors, now) for order in orders for root in roots)


def walks(x5c, anchors, now):
    try:
        chain.check_sizes(x5c)
        unverified = chain.read_chain(chain.read_leaf(x5c[0]), unverified_x5c=x5c, anchors=anchors)
        # A leaf below the root itself is no attestation, and a chain of the suite all the same.
        attested_by = min(1, len(unverified.links) - 1)
        # As many authorities as any phone has: which kind of phone is no question here.
        chain.check_authorities(unverified, attested_by=attested_by, provisioning=Provisioning.REMOTE)
        chain.check_dates(unverified.issuers, provisioning=Provisioning.UNKNOWN, now=now)
        chain.check_signatures(unverified, attested_by=attested_by)
    except (Refusal, Malformed):
        return False
    return True


# Two cases have a root whose serial number is not positive: `cryptography` warns of it while the anchor is made.
@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_limbo_pinned_profile():
    cases = {case["id"]: case for case in json.loads((SUITES / "x509-limbo/limbo.json").read_bytes())["testcases"]}
    profile = json.loads((SUITES / "x509-limbo/limbo_pinned_profile.json").read_bytes())
    others = {name for name, expected in profile.items() if accepted(cases[name]) is not (expected == "ACCEPT")}
    assert others == set(LIMBO_DIVERGENCES)
