"""Evidence that verifies, with one thing changed."""

from datetime import timedelta

import pytest

from chalicelib.endorsements.anchors import AnchorSet, TrustAnchor
from chalicelib.model.claims import AndroidPackage, PatchLevel, Provisioning, SecurityLevel, VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason as Reason


def test_unchanged_evidence_verifies(make, kit):
    claims = make().verify()
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.spki == kit.spki(kit.key("leaf", "P-256"))
    assert claims.jwk is not None
    assert claims.spki.endswith(claims.jwk.x962)
    assert claims.certificate_serials == (1000, 1001, 1002)
    assert claims.security_level is SecurityLevel.TRUSTED_ENVIRONMENT
    assert claims.provisioning is Provisioning.FACTORY
    assert claims.root_of_trust is not None
    assert claims.root_of_trust.device_locked
    assert claims.application_id is not None
    assert claims.application_id.packages == (AndroidPackage("com.example.bank", 7),)
    assert claims.os_patch_level == PatchLevel(2026, 5)
    assert claims.vendor_patch_level == PatchLevel(2026, 5, 5)


def test_the_root_may_be_absent(make):
    claims = make(with_root=False).verify()
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.certificate_serials == (1000, 1001, 1002)


def test_an_rsa_root_and_an_rsa_key(make, kit):
    hardware = {**kit.HARDWARE, 2: kit.integer(1), 3: kit.integer(2048), 200: kit.integer(65537)}
    del hardware[10]
    claims = make(root_kind="RSA", leaf_kind="RSA", hardware=hardware).verify()
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.jwk is None


class TestRoot:
    def test_foreign(self, reason_of):
        assert reason_of(root="foreign") is Reason.CHAIN_ROOT_UNKNOWN

    def test_foreign_and_absent(self, reason_of):
        assert reason_of(root="foreign", with_root=False) is Reason.CHAIN_ROOT_UNKNOWN

    @pytest.mark.parametrize("with_root", [True, False])
    def test_no_anchors_trust_nothing(self, make, with_root):
        outcome = make(with_root=with_root).verify(anchors=AnchorSet(()))
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.CHAIN_ROOT_UNKNOWN

    def test_the_leaf_is_never_the_root(self, make, kit):
        leaf_as_anchor = AnchorSet((TrustAnchor(name="leaf", spki=kit.spki(kit.key("leaf", "P-256"))),))
        outcome = make().verify(anchors=leaf_as_anchor)
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.CHAIN_ROOT_UNKNOWN

    @pytest.mark.parametrize(
        "changes",
        [
            {"version": b"", "extensions": b""},
            {"serial": b"\x02\x01\x00"},
            {"serial": b"\x02\x01\x80"},
            {"validity": b"\x30\x00"},
            {"critical": True},
        ],
        ids=["v1", "serial 0", "serial negative", "no dates", "critical extension"],
    )
    def test_nothing_but_the_key_of_its_certificate_is_read(self, make, kit, changes):
        """It is pinned by that, and whoever sends it could have made the rest up."""
        critical = kit.extension(kit.x509.ObjectIdentifier("2.5.29.37"), b"\x30\x00", critical=b"\x01\x01\xff")
        root = kit.key("root", "P-384")
        parts = {"extensions": critical} if changes == {"critical": True} else changes
        certificate = kit.signed(kit.to_be_signed(subject_spki=kit.spki(root), **parts), kit.key("whoever"))
        outcome = self.verified(kit, (*make().x5c()[:-1], certificate), root)
        assert isinstance(outcome, VerifiedAndroidKey)

    @pytest.mark.parametrize("index", [1, 2])
    def test_only_of_a_root_s(self, make, kit, index):
        x5c = list(make().x5c())
        holds = kit.key(["attestation", "intermediate"][index - 1])
        x5c[index] = kit.signed(kit.to_be_signed(subject_spki=kit.spki(holds), version=b""), kit.key("whoever"))
        assert self.verified(kit, x5c, kit.key("root", "P-384")).reason is Reason.CHAIN_MALFORMED

    def test_one_that_another_root_signed(self, make, kit):
        """The way to introduce a new root to whoever knows the old one alone, and both are pinned."""
        *below, root = make().x5c()
        new, old = kit.key("root", "P-384"), kit.key("old", "RSA")
        of_old = kit.signed(kit.to_be_signed(subject_spki=kit.spki(old)), kit.key("whoever"))
        outcome = self.verified(kit, (*below, root, of_old), new, old)
        assert isinstance(outcome, VerifiedAndroidKey)
        assert (
            outcome.anchor
            == AnchorSet((TrustAnchor(name="new", spki=kit.spki(new)),)).by_spki(kit.spki(new)).spki_sha256
        )
        assert self.verified(kit, (*below, root, of_old), new).reason is Reason.CHAIN_LENGTH
        assert self.verified(kit, (*below, root, below[-1], of_old), new, old).reason is Reason.CHAIN_LENGTH

    def test_one_directly_above_the_leaf(self, make, kit):
        """A root attests nothing itself: somebody else did."""
        leaf, *_ = make(leaf_signer="signing root").x5c()
        key = kit.key("signing root")
        above = kit.signed(kit.to_be_signed(subject_spki=kit.spki(key)), key)
        assert self.verified(kit, (leaf, above), key).reason is Reason.CHAIN_LENGTH

    def verified(self, kit, x5c, *roots):
        anchors = AnchorSet(tuple(TrustAnchor(name=str(n), spki=kit.spki(root)) for n, root in enumerate(roots)))
        submitted = kit.SubmittedAndroidKey(x5c=tuple(x5c))
        return kit.verify(submitted, challenge=kit.CHALLENGE, anchors=anchors, now=kit.NOW)

    def test_what_follows_the_root_is_not_ignored(self, make, kit):
        trusted = AnchorSet((TrustAnchor(name="early", spki=kit.spki(kit.key("intermediate"))),))
        outcome = make().verify(anchors=trusted)
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.CHAIN_LENGTH

    def test_a_root_that_only_looks_like_one(self, make, kit):
        """Appending the pinned root to a chain under another key."""
        genuine, forged = make().x5c(), make(root="foreign").x5c()
        outcome = kit.verify(
            kit.SubmittedAndroidKey(x5c=(*forged[:-1], genuine[-1])),
            challenge=kit.CHALLENGE,
            anchors=AnchorSet((TrustAnchor(name="test", spki=kit.spki(kit.key("root", "P-384"))),)),
            now=kit.NOW,
        )
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.CHAIN_ROOT_UNKNOWN

    @pytest.mark.parametrize("first", [True, False])
    def test_an_anchor_of_no_accepted_kind_beside_the_right_one(self, make, kit, first):
        odd = TrustAnchor(name="odd", spki=kit.spki(kit.key("odd", "P-521")))
        right = TrustAnchor(name="right", spki=kit.spki(kit.key("root", "P-384")))
        anchors = AnchorSet((odd, right) if first else (right, odd))
        assert isinstance(make(with_root=False).verify(anchors=anchors), VerifiedAndroidKey)

    @pytest.mark.parametrize(
        ("with_root", "reason"), [(True, Reason.CHAIN_KEY_UNSUPPORTED), (False, Reason.CHAIN_ROOT_UNKNOWN)]
    )
    def test_an_anchor_of_no_accepted_kind_alone(self, make, with_root, reason):
        outcome = make(root_kind="P-521", with_root=with_root).verify()
        assert isinstance(outcome, Refused)
        assert outcome.reason is reason


class TestLinks:
    def test_leaf_signed_by_another_key(self, reason_of):
        assert reason_of(leaf_signer="somebody") is Reason.CHAIN_SIGNATURE

    def test_unsupported_leaf_key(self, reason_of):
        assert reason_of(leaf_kind="P-521") is Reason.CHAIN_KEY_UNSUPPORTED

    @pytest.mark.parametrize("index", [0, 1, 2])
    def test_critical_extension_that_nobody_here_knows(self, reason_of, index):
        assert reason_of(critical_unknown_in=(index,)) is Reason.CHAIN_MALFORMED


class TestAuthorities:
    def test_whoever_signs_a_signer_is_one(self, reason_of, kit):
        assert reason_of(authority=None) is Reason.CHAIN_SIGNATURE
        assert reason_of(authority=kit.x509.BasicConstraints(ca=False, path_length=None)) is Reason.CHAIN_SIGNATURE

    def test_path_length(self, make, reason_of, kit):
        """None may stand below a path length of 0; a batch key that states cA FALSE, or nothing, is none."""
        none_below = kit.x509.BasicConstraints(ca=True, path_length=0)
        one_below = kit.x509.BasicConstraints(ca=True, path_length=1)
        authority = kit.x509.BasicConstraints(ca=True, path_length=None)
        no_authority = kit.x509.BasicConstraints(ca=False, path_length=None)
        for stated in (None, no_authority):
            assert isinstance(make(authority=none_below, attestation=stated).verify(), VerifiedAndroidKey)
        assert isinstance(make(authority=one_below, attestation=authority).verify(), VerifiedAndroidKey)
        assert reason_of(authority=none_below, attestation=authority) is Reason.CHAIN_SIGNATURE


class TestPositions:
    @pytest.mark.parametrize("index", [1, 2])
    def test_key_description_in_another_certificate(self, reason_of, index):
        assert reason_of(description_in=(index,)) is Reason.CHAIN_EXTENDED

    def test_key_description_in_another_certificate_only(self, reason_of):
        assert reason_of(with_description=False, description_in=(1,)) is Reason.KEY_DESCRIPTION_MISSING

    def test_no_key_description(self, reason_of):
        assert reason_of(with_description=False) is Reason.KEY_DESCRIPTION_MISSING

    @pytest.mark.parametrize("index", [0, 2])
    def test_provisioning_information_beside_another_key(self, reason_of, index):
        assert reason_of(provisioning_in=(index,)) is Reason.CHAIN_EXTENDED


class TestDates:
    PAST = -timedelta(days=9), -timedelta(days=8)
    FUTURE = timedelta(days=8), timedelta(days=9)

    @pytest.fixture(params=[PAST, FUTURE], ids=["past", "future"])
    def wrong(self, request, kit):
        return tuple(kit.NOW + delta for delta in request.param)

    def test_those_of_leaf_and_root_do_not_count(self, make, wrong):
        for name in ("leaf_dates", "root_dates"):
            assert isinstance(make(**{name: wrong}).verify(), VerifiedAndroidKey)

    def test_a_factory_intermediate_may_be_expired(self, make, kit):
        dates = tuple(kit.NOW + delta for delta in self.PAST)
        assert isinstance(make(intermediate_dates=dates).verify(), VerifiedAndroidKey)

    def test_no_intermediate_may_come_from_the_future(self, reason_of, kit):
        dates = tuple(kit.NOW + delta for delta in self.FUTURE)
        assert reason_of(intermediate_dates=dates) is Reason.CHAIN_EXPIRED

    @pytest.mark.parametrize("remote", ["REMOTE_NAME", "OTHER_NAME"])
    def test_any_other_intermediate_may_not_be_expired(self, reason_of, kit, remote):
        dates = tuple(kit.NOW + delta for delta in self.PAST)
        assert reason_of(intermediate_dates=dates, name=getattr(kit, remote)) is Reason.CHAIN_EXPIRED

    def test_those_of_the_phone_s_own_certificate_count_by_themselves(self, reason_of, kit):
        dates = tuple(kit.NOW + delta for delta in self.PAST)
        assert reason_of(attestation_dates=dates, name=kit.REMOTE_NAME) is Reason.CHAIN_EXPIRED

    def test_provisioning_information_makes_dates_count(self, reason_of, kit):
        dates = tuple(kit.NOW + delta for delta in self.PAST)
        assert reason_of(intermediate_dates=dates, provisioning_in=(1,)) is Reason.CHAIN_EXPIRED

    def test_both_ends_belong_to_the_period(self, make, kit):
        hour = timedelta(hours=1)
        for dates in ((kit.NOW, kit.NOW + hour), (kit.NOW - hour, kit.NOW)):
            assert isinstance(make(intermediate_dates=dates, name=kit.REMOTE_NAME).verify(), VerifiedAndroidKey)

    def test_kinds(self, make, kit):
        assert make(name=kit.REMOTE_NAME).verify().provisioning is Provisioning.REMOTE
        assert make(name=kit.OTHER_NAME).verify().provisioning is Provisioning.UNKNOWN


class TestChallenge:
    def test_another(self, reason_of):
        assert reason_of(challenge=bytes(32)) is Reason.KEY_DESCRIPTION_CHALLENGE

    def test_longer(self, reason_of, kit):
        assert reason_of(challenge=kit.CHALLENGE + b"\x00") is Reason.KEY_DESCRIPTION_CHALLENGE

    def test_an_empty_one_matches_nothing(self, make):
        outcome = make(challenge=b"").verify(challenge=b"")
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.KEY_DESCRIPTION_CHALLENGE


class TestSecurityLevel:
    def test_software_attestation(self, reason_of):
        assert reason_of(attestation_level=0) is Reason.KEY_NOT_IN_HARDWARE

    def test_software_key(self, reason_of):
        assert reason_of(key_level=0) is Reason.KEY_NOT_IN_HARDWARE

    def test_unknown_is_not_hardware(self, reason_of):
        assert reason_of(attestation_level=3) is Reason.KEY_DESCRIPTION_MALFORMED

    def test_the_weaker_counts(self, make, kit):
        name = kit.STRONGBOX_NAME
        mixed = make(attestation_level=2, attestation_name=name).verify()
        assert mixed.security_level is SecurityLevel.TRUSTED_ENVIRONMENT
        assert make(attestation_name=name).verify().security_level is SecurityLevel.TRUSTED_ENVIRONMENT
        whole = make(attestation_level=2, key_level=2, attestation_name=name).verify()
        assert whole.security_level is SecurityLevel.STRONGBOX

    @pytest.mark.parametrize("levels", [(2, 2), (2, 1), (1, 2)])
    def test_strongbox_from_a_key_that_is_certified_for_less(self, reason_of, levels):
        attestation, key = levels
        assert reason_of(attestation_level=attestation, key_level=key) is Reason.KEY_LEVEL_OVERSTATED

    def test_strongbox_from_a_key_that_is_certified_for_nothing_counts_as_hardware_and_no_more(self, make, kit):
        claims = make(attestation_level=2, key_level=2, attestation_name=kit.SILENT_NAME).verify()
        assert claims.attestation_security_level is SecurityLevel.STRONGBOX
        assert claims.security_level is SecurityLevel.TRUSTED_ENVIRONMENT

    @pytest.mark.parametrize("organization", ["TEE", "StrongBox"])
    def test_a_remotely_provisioned_key_says_it_by_its_organization(self, make, kit, organization):
        name = ((kit.NameOID.ORGANIZATION_NAME, organization), (kit.NameOID.COMMON_NAME, "0123456789abcdef"))
        outcome = make(attestation_level=2, key_level=2, attestation_name=name, name=kit.REMOTE_NAME).verify()
        if organization == "TEE":
            assert outcome.reason is Reason.KEY_LEVEL_OVERSTATED
        else:
            assert outcome.security_level is SecurityLevel.STRONGBOX

    def test_what_the_app_may_choose_says_nothing(self, make, kit):
        """The leaf's subject (setCertificateSubject) and the issuer's names above the attestation key's certificate."""
        claims = make(
            attestation_level=2, key_level=2, attestation_name=kit.SILENT_NAME, leaf_name=kit.STRONGBOX_NAME
        ).verify()
        assert claims.security_level is SecurityLevel.TRUSTED_ENVIRONMENT


class TestLists:
    def test_root_of_trust_and_origin_of_software_are_not_read(self, make, kit):
        hardware = {tag: value for tag, value in kit.HARDWARE.items() if tag not in {702, 704}}
        software = {**kit.SOFTWARE, 702: kit.integer(0), 704: kit.root_of_trust()}
        claims = make(hardware=hardware, software=software).verify()
        assert isinstance(claims, VerifiedAndroidKey)
        assert claims.root_of_trust is None
        assert claims.origin is None

    def test_application_id_of_hardware_is_not_read(self, make, kit):
        software = {701: kit.SOFTWARE[701]}
        hardware = {**kit.HARDWARE, 709: kit.SOFTWARE[709]}
        claims = make(hardware=hardware, software=software).verify()
        assert isinstance(claims, VerifiedAndroidKey)
        assert claims.application_id is None

    def test_a_new_tag_and_a_new_version_are_recorded(self, make, kit):
        claims = make(hardware={**kit.HARDWARE, 999: kit.tlv("30", b"")}, attestation_version=900).verify()
        assert isinstance(claims, VerifiedAndroidKey)
        assert claims.unknown_tags == (999,)
        assert claims.attestation_version == 900

    def test_a_new_boot_state_is_kept_and_is_not_a_known_one(self, make, kit):
        claims = make(hardware={**kit.HARDWARE, 704: kit.root_of_trust(state=9)}).verify()
        assert claims.root_of_trust.verified_boot_state_raw == 9
        assert claims.root_of_trust.verified_boot_state is None

    @pytest.mark.parametrize("octet", [b"\x01", b"\xff"])
    def test_true_is_anything_but_zero(self, make, kit, octet):
        assert (
            make(hardware={**kit.HARDWARE, 704: kit.root_of_trust(locked=octet)}).verify().root_of_trust.device_locked
        )

    @pytest.mark.parametrize("locked", [b"", b"\xff\xff"])
    def test_a_boolean_of_another_size(self, reason_of, kit, locked):
        hardware = {**kit.HARDWARE, 704: kit.root_of_trust(locked=locked)}
        assert reason_of(hardware=hardware) is Reason.KEY_DESCRIPTION_MALFORMED

    def test_a_tag_twice(self, reason_of, kit):
        assert reason_of(extra_hardware=kit.tagged(702, kit.integer(0))) is Reason.KEY_DESCRIPTION_MALFORMED

    def test_a_tag_that_wraps_two_values(self, reason_of, kit):
        hardware = {**kit.HARDWARE, 702: kit.integer(0) * 2}
        assert reason_of(hardware=hardware) is Reason.KEY_DESCRIPTION_MALFORMED

    def test_a_value_without_a_tag(self, reason_of, kit):
        assert reason_of(extra_hardware=kit.integer(1)) is Reason.KEY_DESCRIPTION_MALFORMED

    def test_a_field_more(self, reason_of, kit):
        assert reason_of(extra_description=kit.integer(1)) is Reason.KEY_DESCRIPTION_MALFORMED

    def test_bytes_after_the_description(self, reason_of, make):
        assert reason_of(description=make().key_description() + b"\x00") is Reason.KEY_DESCRIPTION_MALFORMED

    def test_a_value_of_another_type(self, reason_of, kit):
        assert reason_of(hardware={**kit.HARDWARE, 702: kit.tlv("04", b"\x00")}) is Reason.KEY_DESCRIPTION_MALFORMED

    def test_bytes_after_the_application_id(self, reason_of, kit):
        software = {709: kit.tlv("04", kit.APPLICATION_ID + b"\x00")}
        assert reason_of(software=software) is Reason.KEY_DESCRIPTION_MALFORMED


class TestKeyParameters:
    @pytest.mark.parametrize(("tag", "number"), [(2, 1), (3, 384), (10, 2), (11, 1), (200, 65537)])
    def test_of_another_key(self, reason_of, kit, tag, number):
        assert reason_of(hardware={**kit.HARDWARE, tag: kit.integer(number)}) is Reason.KEY_PARAMETERS_MISMATCH

    def test_the_certificate_holds_another_key(self, reason_of):
        assert reason_of(leaf_kind="P-384") is Reason.KEY_PARAMETERS_MISMATCH

    def test_the_algorithm_is_required(self, reason_of, kit):
        hardware = {tag: value for tag, value in kit.HARDWARE.items() if tag != 2}
        assert reason_of(hardware=hardware, software={**kit.SOFTWARE, 2: kit.integer(3)}) is (
            Reason.KEY_PARAMETERS_MISMATCH
        )


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (202605, PatchLevel(2026, 5)),
        (20260531, PatchLevel(2026, 5, 31)),
        (0, None),
        (20190700, None),
        (201913, None),
        (20260231, None),
        (20266, None),
        (-202605, None),
        (2**62, None),
    ],
)
def test_patch_levels(make, kit, number, level):
    claims = make(hardware={**kit.HARDWARE, 706: kit.integer(number)}).verify()
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.os_patch_level == level
    assert claims.os_patch_level_raw == number
