"""A verified path is remembered: what that saves, and what it never skips."""

from datetime import timedelta

import pytest

from chalicelib.model.claims import VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason as Reason
from chalicelib.verifiers.android_key import chain


@pytest.fixture(autouse=True)
def _forgotten():
    chain.anchor_of.cache_clear()


@pytest.fixture
def checks(monkeypatch):
    """How many signatures the calls inside `with` verified."""
    counted = []
    real = chain.is_signed_by
    monkeypatch.setattr(chain, "is_signed_by", lambda *args, **kwargs: counted.append(1) or real(*args, **kwargs))

    def of(verify):
        counted.clear()
        outcome = verify()
        return len(counted), outcome

    return of


@pytest.fixture
def anchors_of(kit):
    def anchors_of(*roots):
        return kit.AnchorSet(tuple(kit.TrustAnchor(name=name, spki=kit.spki(kit.key(name, "P-384"))) for name in roots))

    return anchors_of


def verify(kit, x5c, **options):
    settings = {"challenge": kit.CHALLENGE, "now": kit.NOW, **options}
    return kit.verify(kit.SubmittedAndroidKey(x5c=tuple(x5c)), **settings)


def test_a_repeat_costs_one_signature(make, kit, checks, anchors_of):
    x5c, anchors = make().x5c(), anchors_of("root")
    assert checks(lambda: verify(kit, x5c, anchors=anchors))[0] == 3
    count, outcome = checks(lambda: verify(kit, x5c, anchors=anchors))
    assert count == 1
    assert isinstance(outcome, VerifiedAndroidKey)


def test_another_key_of_the_same_phone_costs_one_signature(make, kit, checks, anchors_of):
    first, second = make().x5c(), make(challenge=bytes(range(32, 64)))
    anchors = anchors_of("root")
    verify(kit, first, anchors=anchors)
    x5c = (second.x5c()[0], *first[1:])
    assert checks(lambda: verify(kit, x5c, anchors=anchors, challenge=second.challenge))[0] == 1


def test_another_phone_below_the_same_authority_costs_two(make, kit, checks, anchors_of):
    """A remotely provisioned phone has a certificate of its own, below servers that all phones share."""
    first = make().x5c()
    second = make(attestation_name=kit.SILENT_NAME).x5c()
    anchors = anchors_of("root")
    verify(kit, first, anchors=anchors)
    count, outcome = checks(lambda: verify(kit, (*second[:2], *first[2:]), anchors=anchors))
    assert count == 2
    assert isinstance(outcome, VerifiedAndroidKey)


def test_through_an_attest_key_it_costs_two(make, kit, checks, anchors_of):
    """The batch key's path is remembered, what the app had its phone sign is not."""
    x5c, anchors = make(attest_key=kit.AttestKey()).x5c(), anchors_of("root")
    counts = [checks(lambda: verify(kit, x5c, anchors=anchors, admit_attest_keys=True))[0] for _ in range(2)]
    assert counts == [4, 2]


def test_dates_count_each_time(make, kit, anchors_of):
    x5c, anchors = make(name=kit.REMOTE_NAME).x5c(), anchors_of("root")
    assert isinstance(verify(kit, x5c, anchors=anchors), VerifiedAndroidKey)
    outcome = verify(kit, x5c, anchors=anchors, now=kit.NOW + timedelta(days=30))
    assert outcome.reason is Reason.CHAIN_EXPIRED


@pytest.mark.parametrize("with_root", [True, False])
def test_other_anchors_inherit_nothing(make, kit, checks, anchors_of, with_root):
    x5c = make(with_root=with_root).x5c()
    assert isinstance(verify(kit, x5c, anchors=anchors_of("root")), VerifiedAndroidKey)
    for without in (anchors_of("other"), anchors_of()):
        assert verify(kit, x5c, anchors=without).reason is Reason.CHAIN_ROOT_UNKNOWN
    # One more is another set as well, even where the root that was found stays in it.
    assert checks(lambda: verify(kit, x5c, anchors=anchors_of("root", "other")))[0] == 3


def test_a_forged_leaf_below_a_remembered_path(make, kit, anchors_of):
    x5c, anchors = make().x5c(), anchors_of("root")
    verify(kit, x5c, anchors=anchors)
    forged = make(leaf_signer="somebody").x5c()
    assert verify(kit, (forged[0], *x5c[1:]), anchors=anchors).reason is Reason.CHAIN_SIGNATURE


def test_a_path_is_remembered_by_every_byte(make, kit, anchors_of):
    """Bytes that the signature covers, and bytes of the signature itself."""
    x5c, anchors = make().x5c(), anchors_of("root")
    verify(kit, x5c, anchors=anchors)
    for index in (1, 2):
        for at in (len(x5c[index]) // 2, len(x5c[index]) - 1):
            changed = bytearray(x5c[index])
            changed[at] ^= 1
            outcome = verify(kit, (*x5c[:index], bytes(changed), *x5c[index + 1 :]), anchors=anchors)
            assert isinstance(outcome, Refused)


def test_a_flood_of_forgeries_leaves_nothing_behind(make, kit, anchors_of):
    anchors = anchors_of("root")
    genuine = make().x5c()
    foreign = make(root="foreign").x5c()
    for forged in (foreign, (*foreign[:-1], genuine[-1]), foreign[:-1]):
        assert isinstance(verify(kit, forged, anchors=anchors), Refused)
    assert chain.anchor_of.cache_info().currsize == 0


def test_the_root_that_was_sent_is_no_part_of_it(make, kit, anchors_of):
    """Nobody signed that certificate: an attacker could send as many as there are numbers, and fill the memory."""
    anchors = anchors_of("root")
    first = make().x5c()
    for year in range(2000, 2010):
        at = kit.NOW.replace(year=year)
        other_root = make(root_dates=(at, at + timedelta(days=1))).x5c()[-1]
        assert isinstance(verify(kit, (*first[:-1], other_root), anchors=anchors), VerifiedAndroidKey)
    assert chain.anchor_of.cache_info().currsize == 2
