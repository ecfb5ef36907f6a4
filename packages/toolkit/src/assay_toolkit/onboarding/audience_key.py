"""The key pair of a confidential audience: P-256, named by its RFC 7638 thumbprint."""

import json
import os
from pathlib import Path
from typing import Final

import click
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

_CURVE: Final = "P-256"
_LARGEST_FILE: Final = 64 * 1024  # bytes
_PUBLIC: Final = ("kty", "crv", "x", "y", "kid")


def read_public(path: Path) -> dict[str, str]:
    """The public JWK of a key that somebody made elsewhere, from a JWK or a PEM file. Raises click.ClickException."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE)
        key = ECKey.import_key(data if data.lstrip().startswith(b"-----") else json.loads(data))
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, JoseError, RecursionError) as error:
        raise click.ClickException(f"{path} holds no public key on P-256, neither as JWK nor as PEM") from error
    if key.is_private:
        raise click.ClickException(f"{path} holds the private half of the key: keep that, and give the public half")
    if key.curve_name != _CURVE:
        raise click.ClickException(f"{path} holds a key on another curve than P-256")
    return _public(key)


def make(private_key: Path) -> dict[str, str]:
    """Makes a key pair, and writes its private half into the file `private_key`, which must not exist yet: as a JWK, or
    as PKCS #8 in PEM where its name ends so. Nobody but its owner may read it. The public JWK.

    Raises click.ClickException.
    """
    key = ECKey.generate_key(_CURVE, private=True, auto_kid=True)
    is_pem = private_key.suffix == ".pem"
    written = key.as_pem(private=True) if is_pem else json.dumps(key.as_dict(private=True)).encode() + b"\n"
    try:
        descriptor = os.open(private_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(written)
            file.flush()
            os.fsync(descriptor)
    except FileExistsError as error:
        raise click.ClickException(f"{private_key} exists; a private key is never written over a file") from error
    except OSError as error:
        raise click.ClickException(f"{private_key} cannot be written: {error.strerror}") from error
    return _public(key)


def _public(key: ECKey) -> dict[str, str]:
    """As a register takes it. A name that the key came with is kept: its owner's software looks it up by that."""
    jwk = {**key.as_dict(private=False)}
    jwk.setdefault("kid", key.thumbprint())
    return {name: str(jwk[name]) for name in _PUBLIC}
