"""The chain-extension attack: a key that a genuine phone made signs a certificate with a key description of its own.

Source: https://developer.android.com/privacy-and-security/security-key-attestation, "Verify the extension data"
"""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.model.claims import Provisioning, VerifiedAndroidKey
from chalicelib.model.reasons import RefusalReason as Reason

EAT = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.1.25")
KNOX = x509.ObjectIdentifier("1.3.6.1.4.1.236.11.3.23.7")
AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)
NO_AUTHORITY = x509.BasicConstraints(ca=False, path_length=None)
SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@pytest.fixture
def certificate(kit):
    """Of a key by name, signed by another; `extensions` as they are."""

    def certificate(holder, signer, *extensions, name=kit.OTHER_NAME):
        subject = x509.Name([x509.NameAttribute(*entry) for entry in name])
        builder = (
            x509.CertificateBuilder(subject_name=subject, issuer_name=subject, public_key=kit.key(holder).public_key())
            .serial_number(1)
            .not_valid_before(kit.NOW.replace(year=2020))
            .not_valid_after(kit.NOW.replace(year=2040))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        key = kit.key(signer, "P-384") if signer == "root" else kit.key(signer)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    return certificate


@pytest.fixture
def described(kit, make):
    return x509.UnrecognizedExtension(kit.KEY_DESCRIPTION, make().key_description())


@pytest.fixture
def provisioned(kit):
    return x509.UnrecognizedExtension(kit.PROVISIONING_INFO, b"\xa0")


@pytest.fixture
def factory(kit, certificate):
    """The phone's attestation key, an authority by its own word as most recorded ones are, and what is above it."""
    return (
        certificate("batch", "vendor", AUTHORITY, name=kit.FACTORY_NAME),
        certificate("vendor", "root", AUTHORITY, name=kit.FACTORY_NAME),
    )


@pytest.fixture
def remote(kit, certificate, provisioned):
    return (
        certificate("batch", "droid", AUTHORITY, provisioned),
        certificate("droid", "google", AUTHORITY, name=kit.REMOTE_NAME),
        certificate("google", "root", AUTHORITY, name=kit.REMOTE_NAME),
    )


@pytest.fixture
def remote_of_2023(certificate, remote):
    """Without the extension, as one recorded chain."""
    return (certificate("batch", "droid", AUTHORITY), *remote[1:])


@pytest.fixture
def unknown(certificate):
    """Under names that nobody has seen."""
    return (certificate("batch", "vendor", AUTHORITY), certificate("vendor", "root", AUTHORITY))


@pytest.fixture(params=["factory", "remote", "remote_of_2023", "unknown"])
def phone(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def verified(kit):
    def verified(*x5c, **options):
        anchors = kit.AnchorSet((kit.TrustAnchor(name="test", spki=kit.spki(kit.key("root", "P-384"))),))
        submitted = kit.SubmittedAndroidKey(x5c=x5c)
        return kit.verify(submitted, challenge=kit.CHALLENGE, anchors=anchors, now=kit.NOW, **options)

    return verified


def test_what_the_phone_itself_attests_verifies(certificate, described, phone, verified):
    assert isinstance(verified(certificate("leaf", "batch", described), *phone), VerifiedAndroidKey)


# What the abused key's own certificate says of it: an app chooses the subject, and the phone the rest.
VICTIMS = {
    "nothing": (),
    "a statement as EAT": (x509.UnrecognizedExtension(EAT, b"\xa0"),),
    "a statement of Samsung's": (x509.UnrecognizedExtension(KNOX, b"\x30\x00"),),
    "that it may sign": (NO_AUTHORITY, SIGNS),
    "that it is an authority": (AUTHORITY,),
}


@pytest.mark.parametrize("says", VICTIMS)
@pytest.mark.parametrize("called", ["OTHER_NAME", "FACTORY_NAME", "REMOTE_NAME"])
@pytest.mark.parametrize("admit", [True, False])
def test_a_key_whose_certificate_has_no_description(kit, certificate, described, phone, verified, says, called, admit):
    victim = certificate("victim", "batch", *VICTIMS[says], name=getattr(kit, called))
    forged = certificate("forger", "victim", described)
    assert verified(forged, victim, *phone, admit_attest_keys=admit).reason is Reason.CHAIN_EXTENDED


def test_one_that_forges_the_extension_of_remote_provisioning_too(
    certificate, described, provisioned, factory, verified
):
    """It makes the chain count as remote, with an authority more: its own key and the victim's are two."""
    victim = certificate("victim", "batch", AUTHORITY)
    between = certificate("between", "victim", AUTHORITY, provisioned)
    forged = certificate("forger", "between", described)
    assert verified(forged, between, victim, *factory).reason is Reason.CHAIN_EXTENDED


def test_a_root_of_nobody_s_is_the_reason_where_it_makes_the_chain_longer(certificate, described, factory, verified):
    nobody_s = certificate("vendor", "vendor", AUTHORITY)
    leaf = certificate("leaf", "batch", described)
    assert verified(leaf, factory[0], nobody_s, nobody_s).reason is Reason.CHAIN_ROOT_UNKNOWN


@pytest.mark.parametrize("statement", [EAT, KNOX])
def test_a_statement_that_is_not_read_beside_the_description(certificate, described, factory, verified, statement):
    """Samsung's phones write both into one certificate."""
    leaf = certificate("leaf", "batch", described, x509.UnrecognizedExtension(statement, b"\x30\x00"))
    assert isinstance(verified(leaf, *factory), VerifiedAndroidKey)


@pytest.mark.parametrize("statement", [EAT, KNOX])
@pytest.mark.parametrize("index", [0, 1])
def test_a_statement_that_is_not_read_above(kit, certificate, described, factory, verified, statement, index):
    above = list(factory)
    holder, signer = [("batch", "vendor"), ("vendor", "root")][index]
    stated = x509.UnrecognizedExtension(statement, b"\x30\x00")
    above[index] = certificate(holder, signer, AUTHORITY, stated, name=kit.FACTORY_NAME)
    assert verified(certificate("leaf", "batch", described), *above).reason is Reason.CHAIN_EXTENDED


def test_a_shorter_chain_is_nobody_s_extension(kit, certificate, described, verified):
    """The root itself certified the phone's attestation key."""
    batch = certificate("batch", "root", name=kit.FACTORY_NAME)
    outcome = verified(certificate("leaf", "batch", described), batch)
    assert isinstance(outcome, VerifiedAndroidKey)
    assert outcome.provisioning is Provisioning.FACTORY
