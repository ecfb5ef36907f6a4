"""Everything that reads bytes of strangers, each with what it may raise, what its answer must be, and seeds.

One list for both fuzzers: Hypothesis in the default run (test_decoders.py), libFuzzer behind `make fuzz` (run.py).
Beyond "nothing but the refusal", a target holds what is accepted against somebody else's reading of the same bytes,
and a verifier to this: nobody here can sign, so what verifies states what one of the genuine pieces states.
"""

from tests.fuzz import android, apple, codecs, documents, play, wire
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for module in (codecs, android, apple, play, wire, documents) for target in module.TARGETS
}
