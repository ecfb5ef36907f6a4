"""What a simulated iPhone and Apple's server state."""

from dataclasses import dataclass

import cbor2

# The authenticator data's aaguid, 16 bytes:
# https://developer.apple.com/documentation/devicecheck/validating-apps-that-connect-to-your-server
PRODUCTION = b"appattest" + bytes(7)
DEVELOPMENT = b"appattestdevelop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The CBOR map that iOS 27 appends to authenticator data: how the app was launched, and which build of it.

    `validation_category`: 4 is the App Store; 4 bytes, little-endian, as in the sample on Apple's page.
    """

    validation_category: int = 4
    bundle_version: str = "71"

    def encode(self) -> bytes:
        return cbor2.dumps(
            {
                "apple_validation_category_01": self.validation_category.to_bytes(4, "little"),
                "apple_bundle_version_01": self.bundle_version,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleParameters:
    """The defaults are those of a sound phone with an App Store build.

    `app_id`: "<team>.<bundle>". `credential_id` None: the key's own id. `launch` None: iOS before 27. `surplus`: what
    follows all that, in defects.
    """

    app_id: str = "A1B2C3D4E5.com.example.bank"
    aaguid: bytes = PRODUCTION
    counter: int = 0
    credential_id: bytes | None = None
    os_version: str = "26.1"
    os_build: str = "23B85"
    launch: Launch | None = None
    surplus: bytes = b""
