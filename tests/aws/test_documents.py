"""Documents are immutable by digest; which one is in force moves by compare-and-set, and every move is kept."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.aws.documents import Documents, DocumentUnknown
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import ActivationConflict, ActiveDocument

TABLE = "assay-test-documents"
BUCKET = "assay-test-documents"
UNKNOWN = "0" * 64
START = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def key_of(digest):
    return {"id": {"S": f"document#{digest}"}, "revision": {"N": "0"}}


class SteppingClock:
    """A second later each time that it is asked."""

    def __init__(self):
        self._now = START

    def now(self):
        self._now += timedelta(seconds=1)
        return self._now

    def monotonic(self):
        return self._now.timestamp()

    def sleep(self, seconds):
        raise AssertionError(f"nothing here waits {seconds} s")


@pytest.fixture
def documents(dynamodb, bodies):
    return Documents(dynamodb, TABLE, bodies=bodies, clock=SteppingClock())


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


def objects(s3):
    listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {found["Key"]: s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read() for found in listed}


def test_a_document_that_no_item_can_hold_lies_in_the_bucket_under_its_digest(documents, dynamodb, s3):
    small, large = bytes(300 * 1024), bytes(300 * 1024 + 1)
    assert documents.read(documents.put(kind="google_status", body=small)) == small
    assert objects(s3) == {}
    digest = documents.put(kind="google_status", body=large)
    assert documents.read(digest) == large
    assert objects(s3) == {f"sha256/{digest}": large}
    stored = dynamodb.get_item(TableName=TABLE, Key=key_of(digest))["Item"]
    assert stored == {**key_of(digest), "kind": {"S": "google_status"}, "size_in_s3": {"N": str(len(large))}}
    assert documents.put(kind="google_status", body=large) == digest
    with pytest.raises(ValueError, match="another kind"):
        documents.put(kind="apps", body=large)


def test_the_largest_document_and_one_byte_more(documents, s3):
    body = bytes(8 * 1024 * 1024)
    assert documents.read(documents.put(kind="google_status", body=body)) == body
    before = objects(s3)
    with pytest.raises(ValueError, match="8,388,609"):
        documents.put(kind="google_status", body=body + b"\0")
    assert objects(s3) == before


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        (lambda body: b"\1" + body[1:], "not of its digest"),
        # Before a byte of it is read: what lies there may be larger than memory.
        (lambda body: body[1:], "not of its size"),
        (lambda body: body + b"\0", "not of its size"),
        (lambda _: None, "read: NoSuchKey"),
    ],
)
def test_a_body_in_the_bucket_that_is_not_of_its_digest_is_a_malfunction(documents, s3, lies, said):
    body = bytes(400 * 1024)
    digest = documents.put(kind="google_status", body=body)
    if (lie := lies(body)) is None:
        s3.delete_object(Bucket=BUCKET, Key=f"sha256/{digest}")
    else:
        s3.put_object(Bucket=BUCKET, Key=f"sha256/{digest}", Body=lie)
    with pytest.raises(Malfunction, match=said) as raised:
        documents.read(digest)
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
    # Whoever stores it again mends it.
    documents.put(kind="google_status", body=body)
    assert documents.read(digest) == body


def test_an_item_is_never_there_before_its_body(documents, dynamodb, s3):
    s3.delete_bucket(Bucket=BUCKET)
    with pytest.raises(Malfunction, match="put: NoSuchBucket"):
        documents.put(kind="google_status", body=bytes(400 * 1024))
    assert dynamodb.scan(TableName=TABLE)["Count"] == 0


@pytest.mark.parametrize(
    "places", [{}, {"body": {"B": b"1"}, "size_in_s3": {"N": "1"}}, {"size_in_s3": {"N": "8388609"}}]
)
def test_an_item_that_names_no_place_or_two_or_too_much_is_a_malfunction(documents, dynamodb, places):
    digest = hashlib.sha256(b"1").hexdigest()
    dynamodb.put_item(TableName=TABLE, Item={**key_of(digest), "kind": {"S": "policy"}, **places})
    with pytest.raises(Malfunction, match="not of its form"):
        documents.read(digest)


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
    assert [entry.activated_at - START for entry in kept] == [timedelta(seconds=s) for s in (1, 3, 4)]
    since = {kind: active.activated_at - START for kind, active in documents.active().items()}
    assert since == {"policy": timedelta(seconds=4), "apps": timedelta(seconds=2)}


def test_a_line_of_history_by_its_revision(documents, activate):
    for body in (b"1", b"2", b"3"):
        history = documents.history(kind="policy")
        activate(documents.put(kind="policy", body=body), expected=history[-1].digest if history else None)
    found = [documents.activation(kind="policy", revision=revision) for revision in (1, 2, 3)]
    assert found == list(documents.history(kind="policy"))
    for revision in (0, 4):
        with pytest.raises(Malfunction):
            documents.activation(kind="policy", revision=revision)


def test_what_is_in_force_may_be_renewed_by_itself(documents, activate):
    digest = documents.put(kind="google_status", body=b"1")
    activate(digest, expected=None, kind="google_status")
    activate(digest, expected=digest, kind="google_status")
    active = documents.active()["google_status"]
    assert (active.digest, active.activated_at.second) == (digest, 2)


def test_a_fetch_of_the_same_bytes_moves_their_time_and_nothing_else(documents, dynamodb):
    digest = documents.put(kind="google_status", body=b"1")
    apps = documents.put(kind="apps", body=b"2")
    documents.activate(kind="apps", digest=apps, expected=None, author="ada", reason="first")
    documents.activate(
        kind="google_status", digest=digest, expected=None, author="ada", reason="first", fetched_at=START
    )
    first = documents.active()
    assert (first["google_status"].activated_at, first["google_status"].fetched_at) == (START + 2 * SECOND, START)
    assert first["apps"].fetched_at == first["apps"].activated_at
    history = documents.history(kind="google_status")
    assert [line.fetched_at for line in history] == [START]
    items = dynamodb.scan(TableName=TABLE)["Count"]

    later = START + timedelta(hours=1)
    assert documents.fetched_again(kind="google_status", seen=first["google_status"], fetched_at=later)
    moved = documents.active()
    assert moved == {**first, "google_status": replace(first["google_status"], fetched_at=later)}
    assert documents.history(kind="google_status") == history
    assert dynamodb.scan(TableName=TABLE)["Count"] == items
    # By a slower worker, which fetched earlier, and by one at the very same time.
    for at in (later - SECOND, later):
        assert not documents.fetched_again(kind="google_status", seen=first["google_status"], fetched_at=at)
    assert documents.active() == moved


def test_a_fetch_of_what_is_out_of_force_moves_nothing(documents, activate):
    first, second = (documents.put(kind="google_status", body=body) for body in (b"1", b"2"))
    activate(first, expected=None, kind="google_status")
    seen = documents.active()["google_status"]
    activate(second, expected=first, kind="google_status")
    later = START + timedelta(hours=1)
    assert not documents.fetched_again(kind="google_status", seen=seen, fetched_at=later)
    # Nor when it came back: somebody's activation of it is not the state that was looked at.
    activate(first, expected=second, kind="google_status")
    before = documents.active()
    assert not documents.fetched_again(kind="google_status", seen=seen, fetched_at=later)
    assert not documents.fetched_again(kind="policy", seen=seen, fetched_at=later)
    assert documents.active() == before
    assert documents.fetched_again(kind="google_status", seen=before["google_status"], fetched_at=later)


def test_nothing_is_put_in_force_that_was_fetched_tomorrow(documents):
    digest = documents.put(kind="google_status", body=b"1")
    with pytest.raises(ValueError, match="after it was fetched"):
        documents.activate(
            kind="google_status",
            digest=digest,
            expected=None,
            author="ada",
            reason="x",
            fetched_at=START + timedelta(days=1),
        )
    assert documents.active() == {}


def test_what_was_put_in_force_before_there_were_times_of_fetching_stays_readable(documents, dynamodb):
    entry = {"digest": UNKNOWN, "author": "ada", "reason": "x"}
    stored = {name: {"S": text} for name, text in entry.items()} | {"revision": {"N": "3"}, "activated_at": {"N": "5"}}
    active = {"id": {"S": "active"}, "revision": {"N": "0"}, "google_status": {"M": stored}}
    dynamodb.put_item(TableName=TABLE, Item=active)
    line = {**stored, "id": {"S": "history#google_status"}}
    dynamodb.put_item(TableName=TABLE, Item=line)
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=5)
    seen = documents.active()["google_status"]
    assert seen == ActiveDocument(digest=UNKNOWN, revision=3, activated_at=at, fetched_at=at)
    assert documents.history(kind="google_status")[0].fetched_at is None
    assert documents.fetched_again(kind="google_status", seen=seen, fetched_at=START)
    assert documents.active()["google_status"].fetched_at == START


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


def test_a_digest_that_came_back_is_not_the_one_that_was_seen(documents, activate, dynamodb, bodies):
    """Between the author's look and the transaction, another author goes there and back."""
    first, second = (documents.put(kind="policy", body=body) for body in (b"1", b"2"))
    activate(first, expected=None)
    others = Documents(dynamodb, TABLE, bodies=bodies, clock=SteppingClock())

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
    dynamodb.put_item(TableName=TABLE, Item={**key_of(digest), "kind": {"S": "policy"}, "body": {"B": b"2"}})
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
