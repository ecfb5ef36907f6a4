"""Any bytes, in any dialect: a report that the schema admits too, or a refusal; and nothing more than it says."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.model.claims import CheckState, VerifiedRaspReport
from chalicelib.model.outcome import Refused
from chalicelib.model.rasp import CHECKS

words = st.text(max_size=70) | st.sampled_from([*CHECKS, "root", "hooks", "onRootDetected", "onBootloader", "clear"])
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**54)
    | st.floats(allow_nan=False)
    | words
    | st.sampled_from(CheckState),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
names = st.lists(st.sampled_from(list(CHECKS)), max_size=6)
callbacks = st.lists(words | st.integers(0, 2**31), max_size=6)
MEMBERS = {
    "schema": st.just(1) | anything,
    "provider": st.just("p") | anything,
    "sdk_version": st.sampled_from(["20.0.1", "1", "x", "1." * 30]) | anything,
    "app_version": st.just("7.1.0") | anything,
    "dialect": st.sampled_from(["assay", "freerasp", "plain"]) | anything,
    "platform": st.sampled_from(["android", "ios"]) | anything,
    "callbacks": callbacks | anything,
    "checks_finished": st.booleans() | anything,
    "malware": st.lists(words, max_size=3) | anything,
    "detected": names | anything,
    "clear": names | anything,
    "environment": st.dictionaries(words, st.sampled_from(CheckState), max_size=3) | anything,
    "observations": anything,
}
documents = st.fixed_dictionaries({}, optional=MEMBERS) | anything


def wanted(dialect, *members):
    rest = {name: MEMBERS[name] for name in members}
    labels = {"schema": st.just(1), "provider": st.just("p"), "sdk_version": st.just("20.0.1")}
    return st.fixed_dictionaries({**labels, "app_version": st.just("7.1.0"), "dialect": st.just(dialect), **rest})


near = (
    wanted("freerasp", "platform", "callbacks", "checks_finished", "malware")
    | wanted("plain", "detected", "clear")
    | wanted("assay", "environment")
)


@given(documents | near)
def test_what_the_code_takes_the_schema_takes(verify, schema, document):
    outcome = verify(json.dumps(document).encode())
    if isinstance(outcome, VerifiedRaspReport):
        assert set(outcome.checks) == set(CHECKS)
        if outcome.known_schema:
            assert schema.is_valid(document)
    else:
        assert isinstance(outcome, Refused)


@given(st.binary(max_size=300))
@example(b'{"schema":1,"dialect":"plain","dialect":"assay"}')
@example(b'{"schema":1,"dialect":"freerasp","callbacks":[1e999]}')
@example(b'{"schema":1,"dialect":"plain","clear":["' + b"a" * 4096 + b'"]}')
@example(b'{"schema":1,"dialect":"\\ud800"}')
def test_bytes_are_refused_and_break_nothing(verify, raw):
    assert isinstance(verify(raw), Refused)


@given(near, names)
def test_a_report_says_no_more_than_it_was_told(verify, document, more):
    """More callbacks, or more names that are detected, clear nothing."""
    before = verify(json.dumps(document).encode())
    key = {"freerasp": "callbacks", "plain": "detected"}.get(document["dialect"])
    if not isinstance(before, VerifiedRaspReport) or key is None:
        return
    added = ["hooks", "simulator"] if key == "callbacks" else more
    after = verify(json.dumps({**document, key: [*document[key], *added]}).encode())
    if isinstance(after, VerifiedRaspReport):
        cleared = {check for check, state in after.checks.items() if state is CheckState.CLEAR}
        assert cleared <= {check for check, state in before.checks.items() if state is CheckState.CLEAR}
