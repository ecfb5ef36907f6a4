"""Secrets of a stage: read once in a while, and an outage is no more than that."""

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib.aws.secrets import StageSecrets
from chalicelib.model.outcome import Unavailable
from chalicelib.service.ports import SecretPurpose


class Clock:
    seconds = 0.0

    def monotonic(self):
        return self.seconds


class Line:
    """Counts what is asked; breaks on demand."""

    def __init__(self, client):
        self.asked = 0
        self.broken = False
        client.meta.events.register_first("before-send.secrets-manager.*", self)

    def __call__(self, request, **_):  # noqa: ARG002 - botocore's signature
        self.asked += 1
        if self.broken:
            raise ReadTimeoutError(endpoint_url="https://secretsmanager.example")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def manager(client):
    made = client("secretsmanager")
    made.create_secret(Name="assay/test/apple/play", SecretString='{"a": 1}')
    made.create_secret(Name="assay/prod/apple/other", SecretString="another stage's")
    made.create_secret(Name="assay/test/service/counting-key", SecretString="of another purpose")
    made.create_secret(Name="assay/test/apple/binary", SecretBinary=b"\x00")
    return made


@pytest.fixture
def line(manager):
    return Line(manager)


@pytest.fixture
def secrets(manager, clock):
    return StageSecrets(client=manager, stage="test", purpose=SecretPurpose.APPLE, clock=clock)


def test_a_secret_of_the_stage(secrets):
    assert secrets.read("play") == b'{"a": 1}'


@pytest.mark.parametrize("name", ["other", "nothing", "../../prod/apple/other", "../service/counting-key"])
def test_what_is_not_the_stages_and_for_this_purpose_is_not_there(secrets, name):
    answer = secrets.read(name)
    assert isinstance(answer, Unavailable)
    assert answer.detail.startswith("the secret was not read: ")


def test_a_binary_secret_has_no_text(secrets):
    assert secrets.read("binary") == b""


def test_it_is_asked_for_every_five_minutes(secrets, manager, line, clock):
    secrets.read("play")
    manager.put_secret_value(SecretId="assay/test/apple/play", SecretString="new")
    asked = line.asked
    clock.seconds = 299
    assert secrets.read("play") == b'{"a": 1}'
    assert line.asked == asked
    clock.seconds = 300
    assert secrets.read("play") == b"new"


def test_what_was_read_stands_for_a_quarter_of_an_hour_of_outage(secrets, line, clock):
    secrets.read("play")
    line.broken = True
    clock.seconds = 899
    assert secrets.read("play") == b'{"a": 1}'
    clock.seconds = 910
    assert secrets.read("play") == Unavailable("the secret was not read: ReadTimeoutError")


def test_an_outage_is_asked_about_every_ten_seconds_and_ends_by_itself(secrets, line, clock):
    line.broken = True
    assert [type(secrets.read("play")) for _ in range(3)] == [Unavailable] * 3
    assert line.asked == 1
    clock.seconds, line.broken = 10, False
    assert secrets.read("play") == b'{"a": 1}'
    assert line.asked == 2


def test_an_older_secret_is_not_asked_for_again_and_again_while_the_outage_lasts(secrets, line, clock):
    secrets.read("play")
    line.broken = True
    clock.seconds = 400
    for _ in range(3):
        assert secrets.read("play") == b'{"a": 1}'
    assert line.asked == 2
