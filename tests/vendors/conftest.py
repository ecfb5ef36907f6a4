import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib.aws.clock import SystemClock
from tests.vendors.keys import pem, self_signed


class FrozenNow(SystemClock):
    """Runs as the machine's clock does, but for the date, which moves on demand, and for what is lapsed at once."""

    def __init__(self):
        self.date = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
        self.lapsed = 0.0

    def now(self):
        return self.date

    def monotonic(self):
        return super().monotonic() + self.lapsed

    def lapse(self, seconds):
        self.lapsed += seconds


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


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))
