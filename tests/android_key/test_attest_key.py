"""Chains through an ATTEST_KEY: what an app on a genuine phone can make, and what of it may be admitted."""

import pytest

from chalicelib.model.claims import KeptAndroid, VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason as Reason


@pytest.fixture
def through(make, kit):
    """Evidence whose leaf an ATTEST_KEY attested; `changes` are of what the ATTEST_KEY's certificate says."""

    def through(leaf=None, **changes):
        return make(attest_key=kit.AttestKey(**changes), **(leaf or {}))

    return through


@pytest.fixture
def reason_of_attest_key(through):
    def reason(leaf=None, **changes):
        outcome = through(leaf, **changes).verify(admit_attest_keys=True)
        assert isinstance(outcome, Refused), "the evidence verified"
        return outcome.reason

    return reason


def test_refused_unless_admitted(through):
    assert through().verify().reason is Reason.CHAIN_EXTENDED
    claims = through().verify(admit_attest_keys=True)
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.attest_key


def test_the_key_that_is_kept_is_the_leaf_s(through, kit):
    claims = through().verify(admit_attest_keys=True)
    assert claims.spki == kit.spki(kit.key("leaf", "P-256"))
    assert claims.challenge == kit.CHALLENGE
    assert claims.purposes == (2,)
    assert claims.certificate_serials == (1000, 1000, 1001, 1002)
    # What the app chooses is not matched with a revocation list.
    assert KeptAndroid.of(claims).certificate_serials == (1001, 1002)


def test_a_chain_without_one_verifies_as_ever_and_says_so(make):
    assert make().verify(admit_attest_keys=True) == make().verify()
    assert not make().verify().attest_key


def test_the_leaf_s_challenge_is_the_one_that_counts(through, kit):
    assert isinstance(through(challenge=kit.CHALLENGE).verify(admit_attest_keys=True), VerifiedAndroidKey)
    stale = through({"challenge": bytes(32)}, challenge=kit.CHALLENGE).verify(admit_attest_keys=True)
    assert stale.reason is Reason.KEY_DESCRIPTION_CHALLENGE


def test_its_dates_are_the_phone_s_own(through, kit):
    """1980 in the fixture; those of the batch key count as ever."""
    past = (kit.NOW.replace(year=2020), kit.NOW.replace(year=2021))
    remote = {"name": kit.REMOTE_NAME}
    assert isinstance(through(remote).verify(admit_attest_keys=True), VerifiedAndroidKey)
    outcome = through({**remote, "intermediate_dates": past}).verify(admit_attest_keys=True)
    assert outcome.reason is Reason.CHAIN_EXPIRED


class TestAttacker:
    """With a genuine phone and an app of the attacker's own."""

    @pytest.mark.parametrize("purposes", [(), (2,), (2, 7), (7, 0), (7, 6), (8,)])
    def test_a_key_that_may_do_anything_but_attest(self, reason_of_attest_key, kit, purposes):
        hardware = {**kit.HARDWARE, 1: kit.tlv("31", b"".join(map(kit.integer, purposes)))}
        assert reason_of_attest_key(hardware=hardware) is Reason.CHAIN_EXTENDED

    def test_its_purpose_is_the_hardware_s_word(self, reason_of_attest_key, kit):
        purpose = kit.tlv("31", kit.integer(7))
        software = {**kit.SOFTWARE, 1: purpose}
        without = {tag: value for tag, value in kit.HARDWARE.items() if tag != 1}
        assert reason_of_attest_key(hardware=without, software=software) is Reason.CHAIN_EXTENDED

    @pytest.mark.parametrize("origin", [None, 1, 2, 3, 4])
    def test_a_key_that_was_brought_in(self, reason_of_attest_key, kit, origin):
        hardware = {**kit.HARDWARE, 1: kit.tlv("31", kit.integer(7))}
        del hardware[702]
        if origin is not None:
            hardware[702] = kit.integer(origin)
        assert reason_of_attest_key(hardware=hardware) is Reason.CHAIN_EXTENDED

    def test_its_origin_is_the_hardware_s_word(self, reason_of_attest_key, kit):
        hardware = {**kit.HARDWARE, 1: kit.tlv("31", kit.integer(7))}
        del hardware[702]
        software = {**kit.SOFTWARE, 702: kit.integer(0)}
        assert reason_of_attest_key(hardware=hardware, software=software) is Reason.CHAIN_EXTENDED

    @pytest.mark.parametrize("level", ["attestation_level", "key_level"])
    def test_a_software_key(self, reason_of_attest_key, level):
        assert reason_of_attest_key(**{level: 0}) is Reason.KEY_NOT_IN_HARDWARE

    def test_a_key_of_the_other_keymint(self, reason_of_attest_key, kit):
        batch = {"attestation_name": kit.STRONGBOX_NAME}
        levels = {"attestation_level": 2, "key_level": 2}
        assert reason_of_attest_key({**batch, **levels}) is Reason.CHAIN_EXTENDED
        assert reason_of_attest_key(batch, **levels) is Reason.CHAIN_EXTENDED

    def test_strongbox_under_a_batch_key_that_is_none(self, reason_of_attest_key):
        levels = {"attestation_level": 2, "key_level": 2}
        assert reason_of_attest_key(levels, **levels) is Reason.KEY_LEVEL_OVERSTATED

    def test_a_description_of_another_key(self, reason_of_attest_key):
        assert reason_of_attest_key(kind="P-384") is Reason.KEY_PARAMETERS_MISMATCH

    @pytest.mark.parametrize("changes", [{"locked": b"\x00"}, {"state": 2}, {"key": b"\x01" * 32}])
    @pytest.mark.parametrize("of_leaf", [True, False])
    def test_another_state_or_system(self, reason_of_attest_key, kit, changes, of_leaf):
        """An ATTEST_KEY made before the bootloader was unlocked must not speak for what runs now, nor the reverse."""
        purpose = kit.tlv("31", kit.integer(2 if of_leaf else 7))
        hardware = {**kit.HARDWARE, 1: purpose, 704: kit.root_of_trust(**changes)}
        reason = reason_of_attest_key({"hardware": hardware}) if of_leaf else reason_of_attest_key(hardware=hardware)
        assert reason is Reason.CHAIN_EXTENDED

    def test_no_root_of_trust_is_not_the_same_as_none(self, reason_of_attest_key, kit):
        without = {tag: value for tag, value in kit.HARDWARE.items() if tag != 704}
        attesting = {**without, 1: kit.tlv("31", kit.integer(7))}
        assert reason_of_attest_key({"hardware": without}) is Reason.CHAIN_EXTENDED
        assert reason_of_attest_key({"hardware": without}, hardware=attesting) is Reason.CHAIN_EXTENDED

    @pytest.mark.parametrize("changes", [{"package": b"com.example.other"}, {"digest": b"\x01" * 32}])
    def test_another_app(self, reason_of_attest_key, kit, changes):
        software = {**kit.SOFTWARE, 709: kit.tlv("04", kit.application_id(**changes))}
        assert reason_of_attest_key(software=software) is Reason.CHAIN_EXTENDED

    def test_no_app(self, reason_of_attest_key, kit):
        none = {701: kit.SOFTWARE[701]}
        assert reason_of_attest_key(software=none) is Reason.CHAIN_EXTENDED
        assert reason_of_attest_key({"software": none}, software=none) is Reason.CHAIN_EXTENDED

    def test_an_attest_key_attested_by_another(self, through, kit):
        """Two of them: Google's own samples have such chains, and no rule here says which app the upper one served."""
        leaf, attest_key, *above = through().x5c()
        outcome = kit.verify(
            kit.SubmittedAndroidKey(x5c=(leaf, attest_key, attest_key, *above)),
            challenge=kit.CHALLENGE,
            anchors=kit.AnchorSet((kit.TrustAnchor(name="test", spki=kit.spki(kit.key("root", "P-384"))),)),
            now=kit.NOW,
            admit_attest_keys=True,
        )
        assert outcome.reason is Reason.CHAIN_EXTENDED

    @pytest.mark.parametrize("index", [1, 2])
    def test_a_description_further_up(self, reason_of_attest_key, index):
        assert reason_of_attest_key({"description_in": (index,)}) is Reason.CHAIN_EXTENDED

    def test_a_second_certificate_that_describes_nothing(self, reason_of_attest_key):
        """Then it claims to be the phone's attestation key, and what is above it an authority."""
        assert reason_of_attest_key(described=False) is Reason.CHAIN_EXTENDED

    @pytest.mark.parametrize("version", [1, 4, 99])
    def test_one_of_before_the_purpose_was(self, reason_of_attest_key, version):
        """7 has meant nothing to a Keymaster: what such a key may sign is not known."""
        assert reason_of_attest_key(attestation_version=version) is Reason.CHAIN_EXTENDED
        assert reason_of_attest_key({"attestation_version": version}) is Reason.CHAIN_EXTENDED

    def test_one_that_the_batch_key_did_not_sign(self, reason_of_attest_key):
        assert reason_of_attest_key(signer="somebody") is Reason.CHAIN_SIGNATURE

    def test_one_that_stands_directly_below_the_root(self, through, kit):
        leaf, attest_key, *_ = through(signer="root").x5c()
        anchors = kit.AnchorSet((kit.TrustAnchor(name="test", spki=kit.spki(kit.key("root"))),))
        outcome = kit.verify(
            kit.SubmittedAndroidKey(x5c=(leaf, attest_key)),
            challenge=kit.CHALLENGE,
            anchors=anchors,
            now=kit.NOW,
            admit_attest_keys=True,
        )
        assert outcome.reason is Reason.CHAIN_LENGTH


def test_of_the_first_keymint(through):
    claims = through({"attestation_version": 100}, attestation_version=100).verify(admit_attest_keys=True)
    assert isinstance(claims, VerifiedAndroidKey)


@pytest.mark.parametrize(
    ("tag", "value"),
    [(706, 202601), (718, 20260105), (719, 20260105), (705, 150000)],
)
def test_the_phone_may_have_been_updated_since(through, kit, tag, value):
    hardware = {**kit.HARDWARE, 1: kit.tlv("31", kit.integer(7)), tag: kit.integer(value)}
    claims = through(hardware=hardware).verify(admit_attest_keys=True)
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.os_patch_level_raw == 202605


def test_the_system_and_the_app_may_have_been_updated_since(through, kit):
    hardware = {
        **kit.HARDWARE,
        1: kit.tlv("31", kit.integer(7)),
        704: kit.root_of_trust(boot_hash=b"\x01" * 32),
    }
    software = {**kit.SOFTWARE, 709: kit.tlv("04", kit.application_id(version=6))}
    claims = through(hardware=hardware, software=software).verify(admit_attest_keys=True)
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.application_id.packages[0].version == 7
