import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from tests.results.samples import Recipient, SigningKey, public_jwk


@pytest.fixture(scope="session")
def signing_key():
    return SigningKey(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="session")
def instance_jwk():
    return public_jwk(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="session")
def recipient():
    return Recipient(ECKey.generate_key("P-256"))
