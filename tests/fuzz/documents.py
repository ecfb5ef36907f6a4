"""What operators, vendors and stores hand over."""

import base64
import json
from collections.abc import Iterable
from functools import cache

import rfc8785

from assay_toolkit.endorsements import compile_trust_anchors
from assay_toolkit.policy import compile_policy
from assay_toolkit.register import compile_register
from assay_toolkit.simulator import roots
from chalicelib.appraisal import PolicyInvalid, load_policy
from chalicelib.aws.instance_items import instance_key, read_instance, to_values
from chalicelib.aws.items import to_item
from chalicelib.endorsements.anchors import anchors_from_pem
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_roots import parse_published_roots
from chalicelib.endorsements.google_status import parse_status_list
from chalicelib.endorsements.register import load_register
from chalicelib.endorsements.trust_anchors import load_trust_anchors
from chalicelib.model.claims import KeptAndroid, KeptApple
from chalicelib.model.instances import AppAttestKey, Instance
from chalicelib.model.outcome import Malfunction
from tests.fuzz import android, apple, material
from tests.fuzz.target import Target


def canonical(data: bytes) -> bytes:
    """The document that the input's JSON is when compiled: most inputs would end at the check for canonical form."""
    try:
        return rfc8785.dumps(json.loads(data))
    except (ValueError, RecursionError):
        return data


def _policies() -> Iterable[bytes]:
    yield compile_policy(material.REPOSITORY / "policies/baseline.yaml")


def _registers() -> Iterable[bytes]:
    yield compile_register(sorted((material.REPOSITORY / "policies/apps").glob("*.yaml")))


def _status_lists() -> Iterable[bytes]:
    yield b'{"entries":{"6681152659205225093":{"status":"REVOKED","reason":"KEY_COMPROMISE"},"ab":{"status":"X"}}}'
    yield from (path.read_bytes()[:4096] for path in sorted((material.VECTORS / "status").glob("*.json")))


@cache
def _instances() -> tuple[Instance, ...]:
    key = android.verifier().accepted[0]
    attested = apple.attestation_verifier().accepted[0]
    common = {"app": "demo-bank", "enrolled_at": material.NOW, "attested_at": material.NOW}
    return (
        Instance(jwk=key.jwk, kept=KeptAndroid.of(key), **common),
        Instance(
            jwk=key.jwk,
            kept=KeptApple.of(attested),
            app_attest=AppAttestKey(key_id=attested.key_id, public_key=attested.public_key, counter=0),
            **common,
        ),
    )


def _instance(data: bytes) -> None:
    """An item as DynamoDB's JSON has it: octets are base64 under `B`."""
    try:
        item = json.loads(data, object_hook=_attribute)
    except (ValueError, RecursionError):
        return
    if isinstance(item, dict):
        read_instance(item, jkt=_instances()[0].jkt)


def _attribute(members: dict) -> dict:
    if members.keys() == {"B"} and isinstance(members["B"], str):
        return {"B": base64.b64decode(members["B"])}
    return members


def _items() -> Iterable[bytes]:
    for instance in _instances():
        item = to_item({"id": instance_key(instance.jkt), **to_values(instance)})
        yield json.dumps(item, default=lambda octets: base64.b64encode(octets).decode()).encode()


TARGETS = (
    Target(
        name="register",
        run=lambda data: load_register(canonical(data)),
        seeds=_registers,
        refuses=(UnusableEndorsement,),
    ),
    Target(name="policy", run=lambda data: load_policy(canonical(data)), seeds=_policies, refuses=(PolicyInvalid,)),
    Target(
        name="trust_anchors",
        run=lambda data: load_trust_anchors(canonical(data)),
        seeds=lambda: (compile_trust_anchors(material.REPOSITORY / "policies/endorsements/trust-anchors.yaml"),),
        refuses=(UnusableEndorsement,),
    ),
    Target(
        name="published_roots",
        run=parse_published_roots,
        seeds=lambda: (json.dumps([roots.ANDROID_ROOT_PEM.decode()]).encode(),),
        refuses=(UnusableEndorsement,),
    ),
    Target(name="status_list", run=parse_status_list, seeds=_status_lists, refuses=(UnusableEndorsement,)),
    Target(
        name="anchors",
        run=lambda data: anchors_from_pem(data, name="fuzzed"),
        seeds=lambda: (roots.ANDROID_ROOT_PEM, roots.APPLE_ROOT_PEM + roots.ANDROID_SOFTWARE_ROOT_PEM),
        refuses=(ValueError,),
    ),
    Target(name="instance_item", run=_instance, seeds=_items, refuses=(Malfunction,)),
)
