"""Documents are immutable by digest; which one is in force moves by compare-and-set, and every move is kept."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.aws.documents import ActivationConflict, Documents, DocumentUnknown
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

TABLE = "assay-test-documents"
UNKNOWN = "0" * 64


class SteppingClock:
    """A second later each time that it is asked."""

    def __init__(self):
        self._now = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self):
        self._now += timedelta(seconds=1)
        return self._now

    def monotonic(self):
        return self._now.timestamp()

    def sleep(self, seconds):
        raise AssertionError(f"nothing here waits {seconds} s")


@pytest.fixture
def documents(dynamodb):
    return Documents(dynamodb, TABLE, clock=SteppingClock())


@pytest.fixture
def activate(documents):
    def put_in_force(digest, *, expected, kind="policy"):
        documents.activate(kind=kind, digest=digest, expected=expected, author="ada", reason="release 7")

    return put_in_force


def in_force(documents):
    return {kind: active.digest for kind, active in documents.active().items()}


def test_nothing_is_in_force_at_first(documents):
    assert documents.active() == {}
    assert documents.history(kind="policy") == ()


def test_a_document_comes_back_under_its_digest(documents):
    body = bytes(range(256))
    digest = documents.put(kind="policy", body=body)
    assert digest == hashlib.sha256(body).hexdigest()
    assert documents.read(digest) == body
    assert documents.put(kind="policy", body=body) == digest
    assert documents.active() == {}


def test_the_largest_document_fits_an_item(documents):
    body = bytes(300 * 1024)
    assert documents.read(documents.put(kind="google_status", body=body)) == body
    with pytest.raises(ValueError, match="307,201"):
        documents.put(kind="google_status", body=body + b"\0")


@pytest.mark.parametrize(
    ("kind", "body"), [("policy", b""), ("Policy", b"x"), ("", b"x"), ("a b", b"x"), ("a\n", b"x")]
)
def test_what_is_no_document_is_not_stored(documents, dynamodb, kind, body):
    with pytest.raises(ValueError, match=r"\S"):
        documents.put(kind=kind, body=body)
    assert dynamodb.scan(TableName=TABLE)["Count"] == 0


def test_one_digest_has_one_kind(documents):
    documents.put(kind="policy", body=b"x")
    with pytest.raises(ValueError, match="another kind"):
        documents.put(kind="apps", body=b"x")


def test_activations_are_kept_with_author_reason_and_time(documents, activate):
    first, second = (documents.put(kind="policy", body=body) for body in (b"1", b"2"))
    apps = documents.put(kind="apps", body=b"3")
    activate(first, expected=None)
    activate(apps, expected=None, kind="apps")
    documents.activate(kind="policy", digest=second, expected=first, author="bob", reason="phones of 2019")
    activate(first, expected=second)
    assert in_force(documents) == {"policy": first, "apps": apps}
    kept = documents.history(kind="policy")
    assert [(entry.revision, entry.digest, entry.author, entry.reason) for entry in kept] == [
        (1, first, "ada", "release 7"),
        (2, second, "bob", "phones of 2019"),
        (3, first, "ada", "release 7"),
    ]
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert [entry.activated_at - start for entry in kept] == [timedelta(seconds=s) for s in (1, 3, 4)]
    since = {kind: active.activated_at - start for kind, active in documents.active().items()}
    assert since == {"policy": timedelta(seconds=4), "apps": timedelta(seconds=2)}


def test_what_is_in_force_may_be_renewed_by_itself(documents, activate):
    digest = documents.put(kind="google_status", body=b"1")
    activate(digest, expected=None, kind="google_status")
    activate(digest, expected=digest, kind="google_status")
    active = documents.active()["google_status"]
    assert (active.digest, active.activated_at.second) == (digest, 2)


@pytest.mark.parametrize("stands", [False, True])
def test_an_activation_over_something_else_than_expected_changes_nothing(documents, activate, stands):
    first, second = (documents.put(kind="policy", body=body) for body in (b"1", b"2"))
    if stands:
        activate(first, expected=None)
    before = documents.active()
    for expected in (UNKNOWN, second) + ((None,) if stands else ()):
        with pytest.raises(ActivationConflict):
            activate(second, expected=expected)
    assert documents.active() == before
    assert len(documents.history(kind="policy")) == int(stands)


def test_what_was_not_put_or_is_of_another_kind_is_not_activated(documents, activate):
    apps = documents.put(kind="apps", body=b"3")
    for digest in (UNKNOWN, apps):
        with pytest.raises(DocumentUnknown):
            activate(digest, expected=None)
    assert documents.active() == {}


@pytest.mark.parametrize("empty", [{"author": ""}, {"reason": " "}])
def test_an_activation_without_author_or_reason(documents, empty):
    digest = documents.put(kind="policy", body=b"1")
    with pytest.raises(ValueError, match="author and a reason"):
        documents.activate(kind="policy", digest=digest, expected=None, **{"author": "ada", "reason": "x", **empty})
    assert documents.active() == {}


def test_concurrent_activations_have_one_winner_each_round(race, documents, activate):
    """Rounds, so that the second meets an item that exists; every thread starts from what it was shown."""

    def attempt(number):
        try:
            activate(digests[number], expected=shown)
        except ActivationConflict:
            return None
        return digests[number]

    shown, winners = None, []
    for turn in range(3):
        # New ones each time: whoever activated `shown` itself once more would leave what the others expect.
        digests = [documents.put(kind="policy", body=bytes([turn, number])) for number in range(32)]
        [winner] = [digest for digest in race(32, attempt) if digest]
        shown = winner
        winners.append(winner)
        assert in_force(documents) == {"policy": winner}
    kept = documents.history(kind="policy")
    assert [entry.digest for entry in kept] == winners
    assert [entry.revision for entry in kept] == [1, 2, 3]


def test_a_digest_that_came_back_is_not_the_one_that_was_seen(documents, activate, dynamodb):
    """Between the author's look and the transaction, another author goes there and back."""
    first, second = (documents.put(kind="policy", body=body) for body in (b"1", b"2"))
    activate(first, expected=None)
    others = Documents(dynamodb, TABLE, clock=SteppingClock())

    def there_and_back(**_):
        dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", there_and_back)
        others.activate(kind="policy", digest=second, expected=first, author="bob", reason="there")
        others.activate(kind="policy", digest=first, expected=second, author="bob", reason="and back")

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", there_and_back)
    with pytest.raises(ActivationConflict):
        activate(second, expected=first)
    assert in_force(documents) == {"policy": first}
    assert len(documents.history(kind="policy")) == 3


def test_a_document_that_is_missing_or_not_of_its_digest_is_a_malfunction(documents, dynamodb):
    digest = documents.put(kind="policy", body=b"1")
    key = {"id": {"S": f"document#{digest}"}, "revision": {"N": "0"}}
    dynamodb.put_item(TableName=TABLE, Item={**key, "kind": {"S": "policy"}, "body": {"B": b"2"}})
    for wanted in (digest, UNKNOWN):
        with pytest.raises(Malfunction) as raised:
            documents.read(wanted)
        assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE


@pytest.mark.parametrize(
    "entry",
    [
        {"S": "0" * 64},
        {"M": {}},
        {"M": {"digest": {"S": "not a digest"}}},
    ],
)
def test_an_active_item_that_does_not_parse_is_a_malfunction(documents, activate, dynamodb, entry):
    activate(documents.put(kind="policy", body=b"1"), expected=None)
    key = {"id": {"S": "active"}, "revision": {"N": "0"}}
    dynamodb.put_item(TableName=TABLE, Item={**key, "policy": entry})
    with pytest.raises(Malfunction) as raised:
        documents.active()
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
