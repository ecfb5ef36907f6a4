"""However AWS fails to answer, it is one Malfunction with the right reason, and nothing of a request is in its text."""

import json

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.documents import Documents
from chalicelib.aws.signer import KmsSigner
from chalicelib.aws.static_site import S3StaticSite
from chalicelib.model.descriptor import Purpose
from chalicelib.model.keys import b64url
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import ActiveDocument, Claimed, CommitOutcome, InProgress, InstanceChange, StoredAnswer

KEY_ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
URL = "https://service.example"
BODY = b"\x0a" * 32
ANSWER = StoredAnswer(status=200, body=b"secret token")


class _Raw:
    def __init__(self, body):
        self._body = body

    def stream(self, *_, **__):
        yield self._body


def says(status, body, content_type="application/x-amz-json-1.0"):
    """Answers in place of moto, whatever moto does, and botocore reads it as it reads the network."""
    return lambda **_: AWSResponse(URL, status, {"content-type": content_type}, _Raw(body))


def error(status, code, **members):
    return says(status, json.dumps({"__type": f"com.amazonaws#{code}", "message": "no", **members}).encode())


def throws(exception):
    def handler(**_):
        raise exception

    return handler


FAULTS = {
    "server error": error(500, "InternalServerError"),
    "throttled": error(400, "ThrottlingException"),
    "denied": error(400, "AccessDeniedException"),
    "no table": error(400, "ResourceNotFoundException"),
    "a proxy's page": says(503, b"<html>", "text/html"),
    "no connection": throws(EndpointConnectionError(endpoint_url=URL)),
    "connection closed": throws(ConnectionClosedError(endpoint_url=URL)),
    "no answer in time": throws(ReadTimeoutError(endpoint_url=URL)),
    "no credentials": throws(NoCredentialsError()),
}


def breaks(client, handler, operation="*"):
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register_first(f"before-send.{service}.{operation}", handler)


@pytest.fixture
def actions(dynamodb, bodies, challenges, instances, new_challenge, apple, times):
    documents = Documents(dynamodb, "assay-test-documents", bodies=bodies)
    held = Claimed(challenge=new_challenge(1).value, attempt="a", taken_over=False)
    twin = {"challenge": held.challenge, "body_digest": BODY, "now": times.start}
    return {
        "issue": lambda: challenges.issue(new_challenge(1)),
        "claim": lambda: challenges.claim(**twin, app="bank", purpose=Purpose.RENEW),
        "look": lambda: challenges.look(**twin),
        "release": lambda: challenges.release(held),
        "commit": lambda: challenges.commit(
            held=held,
            answer=ANSWER,
            next_challenge=new_challenge(2),
            change=(InstanceChange.ENROL, apple()),
        ),
        "by_jkt": lambda: instances.by_jkt(apple().jkt),
        "active": documents.active,
        "read": lambda: documents.read("0" * 64),
        "put": lambda: documents.put(kind="policy", body=b"secret policy"),
        "history": lambda: documents.history(kind="policy"),
        "activation": lambda: documents.activation(kind="policy", revision=1),
        "fetched_again": lambda: documents.fetched_again(
            kind="policy",
            seen=ActiveDocument(digest="0" * 64, revision=1, activated_at=times.start, fetched_at=times.start),
            fetched_at=times.start,
        ),
        "activate": lambda: documents.activate(
            kind="policy", digest="0" * 64, expected=None, author="ada", reason="why"
        ),
    }


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_table_that_does_not_answer(dynamodb, actions, new_challenge, fault):
    breaks(dynamodb, fault)
    for name, action in actions.items():
        with pytest.raises(Malfunction) as raised:
            action()
        assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE, name
        said = f"{raised.value} {raised.value.__cause__}"
        for secret in (b64url(new_challenge(1).value), "secret", b64url(BODY)):
            assert secret not in said, name


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_signer_that_does_not_answer(client, fault):
    kms = client("kms")
    signer = KmsSigner(client=kms, key_arn=KEY_ARN)
    breaks(kms, fault)
    for action in (lambda: signer.sign(b"x"), lambda: signer.kid):
        with pytest.raises(Malfunction) as raised:
            action()
        assert raised.value.reason is MalfunctionReason.SIGNER_UNAVAILABLE


@pytest.mark.parametrize("fault", [says(503, b"<html>", "text/html"), FAULTS["no answer in time"]])
def test_a_bucket_that_does_not_answer(client, fault):
    s3 = client("s3")
    breaks(s3, fault)
    site, bodies = S3StaticSite(client=s3, bucket="static"), S3Bodies(s3, "documents")
    for action in (
        lambda: site.publish(path="/x", body=b"{}", content_type="application/json", cache_control="no-store"),
        lambda: bodies.put(b"secret policy"),
        lambda: bodies.read("0" * 64, size=1),
    ):
        with pytest.raises(Malfunction) as raised:
            action()
        assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE


# Conflicts of transactions, which moto does not have


def cancelled(*codes):
    return error(
        400, "TransactionCanceledException", CancellationReasons=[{"Code": code, "Message": "no"} for code in codes]
    )


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        (("ConditionalCheckFailed", "None", "None", "None"), CommitOutcome.LOST),
        (("ConditionalCheckFailed", "None", "ConditionalCheckFailed", "TransactionConflict"), CommitOutcome.LOST),
        (("None", "None", "ConditionalCheckFailed", "None"), CommitOutcome.INSTANCE_CONFLICT),
        (("None", "None", "None", "ConditionalCheckFailed"), CommitOutcome.INSTANCE_CONFLICT),
        # A condition that failed is known for sure, whatever else was on its way.
        (("None", "None", "ConditionalCheckFailed", "TransactionConflict"), CommitOutcome.INSTANCE_CONFLICT),
        (("None", "None", "TransactionConflict", "None"), CommitOutcome.INSTANCE_CONTENDED),
        (("None", "None", "None", "TransactionConflict"), CommitOutcome.INSTANCE_CONTENDED),
    ],
)
def test_a_cancelled_commit_says_whose_condition_failed(dynamodb, actions, codes, outcome):
    breaks(dynamodb, cancelled(*codes), "TransactWriteItems")
    assert actions["commit"]() is outcome


@pytest.mark.parametrize(
    "codes",
    [
        (),
        ("None", "None"),
        ("None", "None", "None", "None"),
        ("None", "TransactionConflict", "None", "None"),
        ("None", "None", "ThrottlingError", "None"),
        ("None", "None", "ThrottlingError", "ConditionalCheckFailed"),
        ("None", "None", "TransactionConflict", "ProvisionedThroughputExceeded"),
        ("None", "ConditionalCheckFailed", "None", "None"),
    ],
)
def test_a_commit_that_was_cancelled_for_no_fault_of_the_phone(dynamodb, actions, codes):
    breaks(dynamodb, cancelled(*codes), "TransactWriteItems")
    with pytest.raises(Malfunction) as raised:
        actions["commit"]()
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE


@pytest.mark.parametrize("instance", ["None", "ConditionalCheckFailed", "TransactionConflict"])
def test_a_commit_that_meets_another_one_of_its_challenge_is_tried_again(dynamodb, actions, instance):
    """Whose answer stands is not known yet; the phone's next try finds it."""
    breaks(dynamodb, cancelled("TransactionConflict", "None", instance, "None"), "TransactWriteItems")
    with pytest.raises(Malfunction) as raised:
        actions["commit"]()
    assert raised.value.reason is MalfunctionReason.BUSY


def test_a_commit_under_way_makes_a_twin_wait_and_a_release_needless(dynamodb, actions):
    actions["issue"]()
    breaks(dynamodb, error(400, "TransactionConflictException"), "UpdateItem")
    assert actions["claim"]() == InProgress()
    assert actions["release"]() is None


def test_an_activation_during_another_one_is_tried_again_by_its_author(dynamodb, actions):
    breaks(dynamodb, cancelled("TransactionConflict", "None", "None"), "TransactWriteItems")
    with pytest.raises(Malfunction, match="activate: TransactionCanceledException"):
        actions["activate"]()


@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_a_commit_whose_answer_got_lost_leaves_one_answer(
    dynamodb, challenges, instances, new_challenge, apple, times, moment
):
    """Whether it happened or not: the worker lets go, the phone sends the same body again, and one answer stands."""
    challenges.issue(new_challenge(1))
    twin = {"challenge": new_challenge(1).value, "app": "bank", "purpose": Purpose.RENEW, "body_digest": BODY}
    event, lose = f"{moment}.dynamodb.TransactWriteItems", throws(ReadTimeoutError(endpoint_url=URL))

    def commit(held, answer, following):
        return challenges.commit(
            held=held,
            answer=answer,
            next_challenge=new_challenge(following),
            change=(InstanceChange.ENROL, apple()),
        )

    held = challenges.claim(**twin, now=times.start)
    dynamodb.meta.events.register(event, lose)
    with pytest.raises(Malfunction):
        commit(held, ANSWER, 2)
    dynamodb.meta.events.unregister(event, lose)
    challenges.release(held)

    outcome = challenges.claim(**twin, now=times.start)
    if moment == "after-call":
        assert outcome == ANSWER
    else:
        second = StoredAnswer(status=200, body=b"another token")
        assert commit(outcome, second, 3) is CommitOutcome.DONE
        assert commit(held, ANSWER, 4) is CommitOutcome.LOST
        assert challenges.claim(**twin, now=times.start) == second
    assert instances.by_jkt(apple().jkt) == apple()
