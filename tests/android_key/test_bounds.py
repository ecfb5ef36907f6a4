"""What a body may cost at most, counted where the work is done: signature checks, parsing, and the kinds of keys."""

import sys
from collections import Counter
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.model.claims import VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason as Reason
from chalicelib.verifiers.android_key import chain
from chalicelib.verifiers.codec import der, public_keys

# docs/wire.md: certificates in one x5c; those below the root that any phone has; and what an AnchorSet takes.
CERTIFICATES = 10
LINKS = 5
ANCHORS = 64


@pytest.fixture(autouse=True)
def _forgotten():
    chain.anchor_of.cache_clear()


@pytest.fixture
def work(monkeypatch):
    """What is asked of the one function that verifies, and of the one that loads a key; both do their work all the
    same."""
    counted = Counter()
    verify, load = chain.is_signed_by, public_keys.load_der_public_key

    def counting_verify(*args, **kwargs):
        counted["signatures"] += 1
        return verify(*args, **kwargs)

    def counting_load(*args, **kwargs):
        counted["keys"] += 1
        return load(*args, **kwargs)

    monkeypatch.setattr(chain, "is_signed_by", counting_verify)
    monkeypatch.setattr(public_keys, "load_der_public_key", counting_load)
    return counted


@pytest.fixture
def anchors(kit):
    """As many as a set takes; the root of the evidence is asked last."""
    others = [kit.TrustAnchor(name=str(n), spki=kit.spki(kit.key(f"anchor {n}", "P-384"))) for n in range(ANCHORS - 1)]
    return kit.AnchorSet((*others, kit.TrustAnchor(name="root", spki=kit.spki(kit.key("root", "P-384")))))


@pytest.fixture
def authorities(kit):
    """So many, each signed by the next, the last by the root; the lowest has certified the phone's attestation key."""

    def authorities(count):
        lower = [kit.key("intermediate"), *(kit.key(f"authority {n}") for n in range(count - 1))]
        upper = [*lower[1:], kit.key("root", "P-384")]
        name = x509.Name([x509.NameAttribute(*entry) for entry in kit.REMOTE_NAME])
        return tuple(
            x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=subject.public_key())
            .serial_number(1)
            .not_valid_before(kit.NOW - timedelta(days=1))
            .not_valid_after(kit.NOW + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(issuer, hashes.SHA256())
            .public_bytes(Encoding.DER)
            for subject, issuer in zip(lower, upper, strict=True)
        )

    return authorities


@pytest.fixture
def long_chain(make, kit, authorities):
    """The longest that a phone has: through an ATTEST_KEY, remotely provisioned. The root is not sent."""
    leaf, attest_key, attestation, *_ = make(attest_key=kit.AttestKey()).x5c()
    return (leaf, attest_key, attestation, *authorities(2))


def outcome_of(kit, x5c, anchors):
    return kit.verify(
        kit.SubmittedAndroidKey(x5c=tuple(x5c)),
        challenge=kit.CHALLENGE,
        anchors=anchors,
        now=kit.NOW,
        admit_attest_keys=True,
    )


class TestSignatureChecks:
    def test_of_the_longest_chain_that_verifies(self, kit, work, anchors, long_chain):
        assert len(long_chain) == LINKS
        assert isinstance(outcome_of(kit, long_chain, anchors), VerifiedAndroidKey)
        # Each anchor once for the last certificate, and one for each of the others.
        assert work["signatures"] == ANCHORS + LINKS - 1

    def test_no_body_costs_more(self, kit, work, anchors, long_chain):
        """The same with a forged leaf, so that all of it is done in vain."""
        forged = bytearray(long_chain[0])
        forged[-1] ^= 1
        assert isinstance(outcome_of(kit, (bytes(forged), *long_chain[1:]), anchors), Refused)
        assert work["signatures"] == ANCHORS + LINKS - 1

    def test_of_a_chain_that_no_root_signed(self, make, kit, work, anchors):
        leaf, attestation, intermediate, _ = make(root="foreign").x5c()
        outcome = outcome_of(kit, (leaf, attestation, *[intermediate] * (LINKS - 2)), anchors)
        assert outcome.reason is Reason.CHAIN_ROOT_UNKNOWN
        assert work["signatures"] == ANCHORS

    def test_none_for_more_certificates_than_a_phone_has(self, make, kit, work, anchors, authorities):
        leaf, attestation, *_ = make().x5c()
        outcome = outcome_of(kit, (leaf, attestation, *authorities(CERTIFICATES - 2)), anchors)
        assert outcome.reason is Reason.CHAIN_EXTENDED
        assert work == Counter()

    def test_of_a_chain_under_a_copied_root(self, make, kit, work, anchors):
        genuine, forged = make().x5c(), make(root="foreign").x5c()
        outcome = outcome_of(kit, (*forged[:-1], genuine[-1]), anchors)
        assert outcome.reason is Reason.CHAIN_ROOT_UNKNOWN
        assert work["signatures"] == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"challenge": bytes(32)},
            {"with_description": False},
            {"description": b"\x30\x00"},
            {"description_in": (1,)},
            {"provisioning_in": (2,)},
            {"critical_unknown_in": (2,)},
            {"key_level": 0},
            {"attestation_level": 2},
            {"leaf_kind": "P-384"},
            {"authority": None},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_none_for_what_is_wrong_by_its_looks(self, make, kit, work, anchors, changes):
        assert isinstance(outcome_of(kit, make(**changes).x5c(), anchors), Refused)
        assert work == Counter()

    def test_none_for_dates(self, make, kit, work, anchors):
        past = (kit.NOW.replace(year=2020), kit.NOW.replace(year=2021))
        outcome = outcome_of(kit, make(intermediate_dates=past, name=kit.REMOTE_NAME).x5c(), anchors)
        assert outcome.reason is Reason.CHAIN_EXPIRED
        assert work == Counter()

    def test_a_wrong_challenge_costs_the_reading_of_one_certificate(self, make, kit, anchors, monkeypatch):
        read = []
        for name in ("read_certificate", "read_undated_certificate", "read_spki"):
            real = getattr(chain, name)
            monkeypatch.setattr(chain, name, lambda data, name=name, real=real: read.append(name) or real(data))
        outcome = outcome_of(kit, make(challenge=bytes(32)).x5c(), anchors)
        assert outcome.reason is Reason.KEY_DESCRIPTION_CHALLENGE
        assert read == ["read_undated_certificate"]


def _tlv(kit, tag, *parts):
    return kit.tlv(tag, b"".join(parts))


def _rsa(kit, bits, exponent=65537):
    """A key of this size, by its looks: nobody has to find primes for what must not be used."""
    numbers = _tlv(kit, "30", kit.integer((1 << (bits - 1)) | 1), kit.integer(exponent))
    algorithm = _tlv(kit, "30", bytes.fromhex("06092a864886f70d010101"), b"\x05\x00")
    return _tlv(kit, "30", algorithm, _tlv(kit, "03", b"\x00", numbers))


def _ec(kit, parameters, point):
    algorithm = _tlv(kit, "30", bytes.fromhex("06072a8648ce3d0201"), parameters)
    return _tlv(kit, "30", algorithm, _tlv(kit, "03", b"\x00", point))


def _public(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _explicit_p256(kit):
    """P-256 written out (RFC 3279 section 2.3.5), with a generator of the attacker's choice: CVE-2020-0601."""
    prime = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
    field = _tlv(kit, "30", bytes.fromhex("06072a8648ce3d0101"), kit.integer(prime))
    curve = _tlv(kit, "30", _tlv(kit, "04", bytes(32)), _tlv(kit, "04", bytes(32)))
    return _tlv(kit, "30", kit.integer(1), field, curve, _tlv(kit, "04", b"\x04" + bytes(64)), kit.integer(prime - 2))


UNSUPPORTED = {
    "RSA-1024": lambda kit: _rsa(kit, 1024),
    "RSA-2047": lambda kit: _rsa(kit, 2047),
    "RSA-8193": lambda kit: _rsa(kit, 8193),
    "RSA-16384": lambda kit: _rsa(kit, 16384),
    "RSA exponent 1": lambda kit: _rsa(kit, 2048, 1),
    "RSA exponent 3": lambda kit: _rsa(kit, 2048, 3),
    "RSA even exponent": lambda kit: _rsa(kit, 2048, 65538),
    "RSA huge exponent": lambda kit: _rsa(kit, 2048, (1 << 2000) | 1),
    "RSA negative modulus": lambda kit: _tlv(
        kit,
        "30",
        _tlv(kit, "30", bytes.fromhex("06092a864886f70d010101"), b"\x05\x00"),
        _tlv(kit, "03", b"\x00", _tlv(kit, "30", kit.integer(-(1 << 2047)), kit.integer(65537))),
    ),
    "P-192": lambda kit: _ec(kit, bytes.fromhex("06082a8648ce3d030101"), b"\x04" + bytes(48)),
    "P-224": lambda _: _public(ec.generate_private_key(ec.SECP224R1())),
    "P-521": lambda _: _public(ec.generate_private_key(ec.SECP521R1())),
    "secp256k1": lambda _: _public(ec.generate_private_key(ec.SECP256K1())),
    "brainpoolP256r1": lambda _: _public(ec.generate_private_key(ec.BrainpoolP256R1())),
    "P-256 written out": lambda kit: _ec(kit, _explicit_p256(kit), b"\x04" + bytes(64)),
    "EC without a curve": lambda kit: _ec(kit, b"", b"\x04" + bytes(64)),
    "EC with an implied curve": lambda kit: _ec(kit, b"\x05\x00", b"\x04" + bytes(64)),
    "P-256 compressed": lambda kit: _ec(kit, bytes.fromhex("06082a8648ce3d030107"), b"\x02" + bytes(32)),
    "P-256 at infinity": lambda kit: _ec(kit, bytes.fromhex("06082a8648ce3d030107"), b"\x00"),
    "P-256 with a byte more": lambda kit: _ec(kit, bytes.fromhex("06082a8648ce3d030107"), b"\x04" + bytes(65)),
    "Ed25519": lambda _: _public(ed25519.Ed25519PrivateKey.generate()),
    "Ed448": lambda _: _public(ed448.Ed448PrivateKey.generate()),
    "DSA": lambda _: bytes.fromhex("3011300906072a8648ce380401030400020103"),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_key_of_another_kind_is_refused_before_any_work(make, kit, work, anchors, kind, index):
    """As the attested key, as the phone's attestation key, and as an authority's."""
    evidence = make()
    x5c = list(evidence.x5c())
    described = kit.extension(kit.KEY_DESCRIPTION, evidence.key_description()) if index == 0 else b""
    tbs = kit.to_be_signed(subject_spki=UNSUPPORTED[kind](kit), extensions=described)
    x5c[index] = kit.signed(tbs, kit.key("whoever"))
    outcome = outcome_of(kit, x5c, anchors)
    assert outcome.reason is Reason.CHAIN_KEY_UNSUPPORTED
    assert work == Counter()


class TestSizes:
    @pytest.mark.parametrize(("size", "reason"), [(8193, Reason.CHAIN_MALFORMED), (8192, Reason.CHAIN_SIGNATURE)])
    def test_of_a_certificate(self, make, kit, anchors, size, reason):
        """To the byte: the smaller one is read, and fails as its signature is another's."""
        evidence = make()
        padding = size - len(self._leaf(kit, evidence, 5000)) + 5000
        leaf = self._leaf(kit, evidence, padding)
        while len(leaf) != size:  # an ECDSA signature in DER has 70 to 72 bytes
            leaf = self._leaf(kit, evidence, padding)
        outcome = outcome_of(kit, (leaf, *evidence.x5c()[1:]), anchors)
        assert outcome.reason is reason

    def _leaf(self, kit, evidence, padding):
        extensions = kit.extension(kit.KEY_DESCRIPTION, evidence.key_description()) + kit.extension(
            kit.x509.ObjectIdentifier("1.2.3.4"), bytes(padding)
        )
        tbs = kit.to_be_signed(subject_spki=kit.spki(kit.key("leaf", "P-256")), extensions=extensions)
        return kit.signed(tbs, kit.key("whoever"))

    @pytest.mark.parametrize(("count", "reason"), [(11, Reason.CHAIN_LENGTH), (10, None)])
    def test_of_a_chain(self, make, kit, anchors, count, reason):
        """With its root in as many certificates as there is room for."""
        *below, root = make().x5c()
        outcome = outcome_of(kit, (*below, *[root] * (count - len(below))), anchors)
        assert getattr(outcome, "reason", None) is reason

    @pytest.mark.parametrize(("count", "verifies"), [(16, True), (17, False)])
    @pytest.mark.parametrize("relatives", [True, False])
    def test_of_a_name(self, make, kit, anchors, count, verifies, relatives):
        """As so many relative names of one attribute, or as one of so many."""
        attribute = kit.tlv("30", bytes.fromhex("0603550405") + kit.tlv("0c", b"0"))
        name = kit.tlv("31", attribute) * count if relatives else kit.tlv("31", attribute * count)
        tbs = kit.to_be_signed(subject_spki=kit.spki(kit.key("attestation")), subject=kit.tlv("30", name))
        x5c = list(make().x5c())
        x5c[1] = kit.signed(tbs, kit.key("intermediate"))
        assert isinstance(outcome_of(kit, x5c, anchors), VerifiedAndroidKey) is verifies

    @pytest.mark.parametrize("written_out", [True, False])
    @pytest.mark.parametrize(("count", "verifies"), [(16, True), (17, False)])
    def test_of_the_extensions(self, make, kit, anchors, count, verifies, written_out):
        evidence = make()
        others = [
            kit.extension(
                kit.x509.ObjectIdentifier(f"1.2.3.{number}"), b"\x05\x00", critical=b"\x01\x01\x00" * written_out
            )
            for number in range(count - 1)
        ]
        extensions = kit.extension(kit.KEY_DESCRIPTION, evidence.key_description()) + b"".join(others)
        tbs = kit.to_be_signed(subject_spki=kit.spki(kit.key("leaf", "P-256")), extensions=extensions)
        leaf = kit.signed(tbs, kit.key("attestation"))
        outcome = outcome_of(kit, (leaf, *evidence.x5c()[1:]), anchors)
        assert isinstance(outcome, VerifiedAndroidKey) is verifies

    @pytest.mark.parametrize("where", ["software", "hardware"])
    @pytest.mark.parametrize(("count", "verifies"), [(64, True), (65, False)])
    def test_of_a_list(self, make, kit, where, count, verifies):
        stated = {"software": kit.SOFTWARE, "hardware": kit.HARDWARE}[where]
        more = {tag: kit.integer(1) for tag in range(1000, 1000 + count - len(stated))}
        outcome = make(**{where: {**stated, **more}}).verify()
        assert isinstance(outcome, VerifiedAndroidKey) is verifies

    @pytest.mark.parametrize(("count", "verifies"), [(32, True), (33, False)])
    def test_of_the_purposes(self, make, kit, count, verifies):
        purposes = kit.tlv("31", b"".join(kit.integer(number) for number in range(count)))
        outcome = make(hardware={**kit.HARDWARE, 1: purposes}).verify()
        assert isinstance(outcome, VerifiedAndroidKey) is verifies

    @pytest.mark.parametrize(("count", "verifies"), [(64, True), (65, False)])
    def test_of_the_packages_of_a_user_id(self, make, kit, count, verifies):
        packages = b"".join(
            kit.tlv("30", kit.tlv("04", f"app{number}".encode()) + kit.integer(1)) for number in range(count)
        )
        stated = kit.tlv("30", kit.tlv("31", packages) + kit.tlv("31", kit.tlv("04", bytes(32))))
        outcome = make(software={709: kit.tlv("04", stated)}).verify()
        assert isinstance(outcome, VerifiedAndroidKey) is verifies


class TestParsing:
    """Counted where DER is taken apart, which is what a body can ask for most of."""

    @pytest.fixture
    def decoded(self, monkeypatch):
        """How often, by the outcome of some chain."""

        def decoded(x5c, kit, anchors):
            count, real = [], der.decode
            with monkeypatch.context() as patch:
                patch.setattr(der, "decode", lambda *args, **kwargs: count.append(1) or real(*args, **kwargs))
                outcome_of(kit, x5c, anchors)
            return len(count)

        return decoded

    def test_of_the_busiest_certificates(self, make, kit, anchors, decoded):
        """Certificates of the largest size, full of what is taken apart one by one: less than four times a phone's."""
        genuine = make().x5c()
        named = kit.tlv("31", kit.tlv("30", bytes.fromhex("060355040c") + kit.tlv("0c", b"")))
        written_out = b"".join(
            kit.extension(kit.x509.ObjectIdentifier(f"1.2.3.{number}"), b"", critical=b"\x01\x01\x00")
            for number in range(15)
        )
        for extensions, names in ((written_out, 16), (written_out, 500), (written_out * 20, 16)):
            tbs = kit.to_be_signed(
                subject_spki=kit.spki(kit.key("attestation")),
                subject=kit.tlv("30", named * names),
                extensions=extensions,
            )
            busy = kit.signed(tbs, kit.key("intermediate"))
            chain_of_them = (genuine[0], *[busy] * (CERTIFICATES - 2), genuine[-1])
            assert decoded(chain_of_them, kit, anchors) < 4 * decoded(genuine, kit, anchors)

    @pytest.mark.parametrize("where", ["software", "hardware"])
    @pytest.mark.parametrize(("count", "verifies"), [(192, True), (193, False), (3000, False)])
    def test_of_a_list(self, make, kit, where, count, verifies):
        """Values of any depth, the members' own included."""
        members = {701: kit.integer(1)} if where == "software" else {2: kit.integer(3)}
        nested = kit.tlv("30", kit.tlv("30", b"") + kit.tlv("05", b"") * (count - len(members) - 2))
        outcome = make(**{where: {**members, 999: nested}}).verify()
        assert isinstance(outcome, VerifiedAndroidKey) is verifies


def test_nesting_is_not_followed(make, kit):
    """One Python frame for each level of the schema, whatever the depth of what is sent."""
    nested = b""
    for _ in range(1500):
        nested = kit.tlv("30", nested)
    shallow, deep = _depth(lambda: make().verify()), 0
    for hardware in ({**kit.HARDWARE, 999: nested}, {**kit.HARDWARE, 1: nested}, {**kit.HARDWARE, 704: nested}):
        evidence = make(hardware=hardware)
        assert len(evidence.key_description()) < 8000
        deep = max(deep, _depth(evidence.verify))
    assert deep <= shallow


def _depth(call):
    """How many frames of this project's own code stood on one another at most."""
    deepest, depth = 0, 0

    def watch(frame, event, _):
        nonlocal deepest, depth
        if "chalicelib" in frame.f_code.co_filename:
            depth += {"call": 1, "return": -1}.get(event, 0)
            deepest = max(deepest, depth)

    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(None)
    return deepest
