"""One target in a process of libFuzzer's, which ends it: `python -m tests.fuzz.child TARGET CORPUS -option=…`."""

import sys

import atheris

with atheris.instrument_imports(include=["chalicelib"]):
    from tests.fuzz.targets import TARGETS

target = TARGETS[sys.argv.pop(1)]
# What is made once, evidence and its genuine outcomes, is made now: no input is to blame for it.
for seed in target.seeds():
    target.feed(seed)
    break
atheris.Setup(sys.argv, target.feed)
atheris.Fuzz()
