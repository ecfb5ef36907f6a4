import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.onboarding.android import Owner


class Owners:
    """Keys take a while to make: once for all tests."""

    def __init__(self):
        self.bank = Owner("Bank")
        self.new = Owner("Bank, rotated")
        self.stranger = Owner("Somebody else")
        self.rsa = Owner("Bank, RSA", rsa.generate_private_key(public_exponent=65_537, key_size=2_048))
        self.debug = Owner("Android Debug")


@pytest.fixture(scope="session")
def owners():
    return Owners()


@pytest.fixture
def written(tmp_path):
    def write(contents, name="artefact"):
        file = tmp_path / name
        file.write_bytes(contents)
        return file

    return write
