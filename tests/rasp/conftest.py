import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from chalicelib.model.claims import VerifiedProof, VerifiedRaspReport
from chalicelib.model.descriptor import Descriptor, Purpose, TokenKind
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.verifiers.rasp import verify_report

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "rasp-report-v1.schema.json").read_text())


@pytest.fixture(scope="session")
def verify() -> Callable[[object], VerifiedRaspReport | Refused | None]:
    """What becomes of a report, which `proof` covers; given as bytes, or as what JSON expresses."""

    def verify(report):
        return verify_report(
            VerifiedProof(
                jwk=EcPublicJwk(x=bytes(32), y=bytes(32)),
                binding=bytes(32),
                descriptor=Descriptor(app="bank", purpose=Purpose.ENROL, aud="a", token=TokenKind.SESSION),
                rasp_report=report if isinstance(report, bytes) else json.dumps(report).encode(),
            )
        )

    return verify


@pytest.fixture(scope="session")
def schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMA)
