import datetime as dt
import json
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from chalicelib.aws.clock import SystemClock


class FrozenNow(SystemClock):
    """Runs as the machine's clock does, but for the date, which moves on demand."""

    def __init__(self):
        self.date = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)

    def now(self):
        return self.date


@pytest.fixture
def clock():
    return FrozenNow()


@pytest.fixture(scope="session")
def account_key():
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture
def service_account(account_key):
    """The bytes of a key file for a token endpoint."""

    def made(token_uri, **changes):
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "a-project",
                "private_key_id": "key-1",
                "private_key": pem(account_key),
                "client_email": "decoder@a-project.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": token_uri,
                **changes,
            }
        ).encode()

    return made


@pytest.fixture(scope="session")
def team_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def apple_credentials(team_key):
    return json.dumps({"team_id": "A1B2C3D4E5", "key_id": "KEY1234567", "private_key": pem(team_key)}).encode()


def pem(key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate for `localhost`, and for no other name of this machine, that signed itself: its file, and the
    context of a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start - dt.timedelta(days=3_650))
        .not_valid_after(start + dt.timedelta(days=3_650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_text(pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return folder / "certificate.pem", context
