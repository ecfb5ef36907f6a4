"""JSONTestSuite (nst/JSONTestSuite) against the one JSON reader that stands before everything else."""

from pathlib import Path

import pytest

from chalicelib.verifiers.codec import strict_json
from chalicelib.verifiers.codec.errors import Malformed

SUITE = Path(__file__).resolve().parents[2] / "../shared/suites/jsontestsuite/test_parsing"
CASES = sorted(SUITE.glob("*.json"))

pytestmark = pytest.mark.skipif(not CASES, reason="JSONTestSuite is not beside the repository (shared/suites)")

# Valid JSON that is refused on purpose: I-JSON (RFC 7493 section 2.3) wants member names to be unique.
STRICTER = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
# What RFC 8259 leaves open ("i_"), and is read: numbers too small for a double become zero, as everywhere.
READ = {"i_number_double_huge_neg_exp.json", "i_number_real_underflow.json"}


def readable(path):
    try:
        strict_json.loads(path.read_bytes())
    except Malformed:
        return False
    return True


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path):
    expected = (path.name.startswith("y_") and path.name not in STRICTER) or path.name in READ
    assert readable(path) is expected


def test_the_exceptions_exist():
    assert {path.name for path in CASES} >= STRICTER | READ
