"""A sample of what `make mutants` does whole: one byte of what is signed is another, and nobody believes the rest."""

import random
from collections import Counter

import pytest

from assay_toolkit.vectors.run import REFUSED, VERIFIED
from tests.mutants import specimens as all_specimens
from tests.mutants.specimens import DERIVED, HAS_VECTORS, QUOTAS

pytestmark = pytest.mark.skipif(not HAS_VECTORS, reason="the shared vectors are not beside the repository")

SPECIMENS = all_specimens.specimens() if HAS_VECTORS else []
_MUTANTS_EACH = 60


@pytest.fixture(scope="module")
def verifiers():
    return all_specimens.verifiers()


def test_forty_genuine_vectors_of_every_shape_stand_for_the_rest():
    kinds = Counter(specimen.entry.kind for specimen in SPECIMENS)
    assert kinds - Counter(QUOTAS) == {"play_integrity": len(DERIVED)}
    assert sum(QUOTAS.values()) == 40
    assert kinds.total() == 40 + len(DERIVED)


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda specimen: specimen.entry.id)
def test_no_byte_of_what_is_signed_can_be_another(verifiers, specimen):
    assert specimen.verification(verifiers) == VERIFIED
    mutants = list(specimen.mutants())
    sample = random.Random(specimen.entry.id).sample(mutants, _MUTANTS_EACH)  # noqa: S311 - the same each time
    assert [mutant for mutant in sample if specimen.verification(verifiers, mutant) != REFUSED] == []
