"""Where AWS hangs, every path still ends by itself before Lambda stops the function: the phone hears from us.

All ways in which calls of a path may hang are played through, and each call that hangs takes as long as one can.
"""

import json
import math
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ReadTimeoutError

from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.play_integrity import PlayServices, Request
from chalicelib.aws import clients
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction, Unavailable
from chalicelib.service.health import HealthService
from chalicelib.vendors.play_integrity import _PATIENCE as PATIENCE
from tests.service.world import LEASE, STAGE

STAGES = json.loads((Path(__file__).resolve().parents[2] / ".chalice" / "config.json").read_text())["stages"]
SECRET = f"assay/{STAGE}/play-integrity/play-generous"
# Seconds until the C library gives up a name (resolv.conf(5)), which has no deadline of ours; Lambda has one resolver.
LOOK_UP = max(
    math.prod(int(option.partition(":")[2]) for option in stage["environment_variables"]["RES_OPTIONS"].split())
    for stage in STAGES.values()
)
A_MOMENT = timedelta(seconds=1)


def longest_call(client) -> float:
    """Seconds: every attempt waits for the connection, then for the answer, and waits before the next attempt."""
    config = client.meta.config
    attempts = config.retries["total_max_attempts"]
    assert config.retries["mode"] == "standard"
    # At most 2^(n-1) seconds, and at most 20, before retry n (botocore's documentation of retries).
    waits = sum(min(2**retry, 20) for retry in range(attempts - 1))
    return attempts * (config.connect_timeout + config.read_timeout) + waits


class Line:
    """To all of AWS. Calls whose number is in `hang` take `seconds` of the clock, by service, and no answer comes."""

    def __init__(self, clock, seconds):
        self._clock = clock
        self._seconds = seconds
        self.hang = frozenset()
        self.calls = []
        self.open = False

    def __call__(self, request, event_name, **_):
        if not self.open:
            return
        self.calls.append((event_name, request.body))
        if len(self.calls) - 1 in self.hang:
            self._clock.advance(self._seconds[event_name.split(".")[1]])
            raise ReadTimeoutError(endpoint_url="https://service.example")

    def by_another(self, work):
        """`work`, done by somebody whose line is fine."""

        def done():
            self.open = False
            work()
            self.open = True

        return done


class SilentGoogle:
    """Gives the right to ask, and then takes all the patience that there is for it, and a look-up that began with the
    last of it."""

    def __init__(self, clock):
        self._clock = clock

    def access(self, **_):
        return self

    def decode(self, **_):
        self._clock.advance(PATIENCE + LOOK_UP)
        return Unavailable("no answer in time")


@pytest.fixture
def line(world, dynamodb, kms, secretsmanager, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    made = {
        "dynamodb": (dynamodb, clients.dynamodb),
        "kms": (kms, clients.kms),
        "secrets-manager": (secretsmanager, clients.secretsmanager),
    }
    line = Line(world.clock, {service: longest_call(make()) for service, (_, make) in made.items()})
    members = ("client_email", "private_key_id", "private_key", "token_uri")
    account = dict.fromkeys(members, "made up") | {"type": "service_account"}
    secretsmanager.create_secret(Name=SECRET, SecretString=json.dumps({"standard": account}))
    world.attestations._play_integrity = replace(world.attestations._play_integrity, decoder=SilentGoogle(world.clock))
    for service, (client, _) in made.items():
        client.meta.events.register_first(f"before-send.{service}.*", line)
    yield line
    for service, (client, _) in made.items():
        client.meta.events.unregister(f"before-send.{service}.*", line)
    secretsmanager.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


def renewal_body(world):
    phone = world.phone(ApplePhone)
    world.enrol(phone)
    return phone, phone.build_renewal(challenge=world.challenge(Purpose.RENEW))


def challenge(world, _line):
    return lambda: world.challenges.issue("bank", Purpose.ENROL)


def enrolment(world, _line):
    body = world.phone(AndroidPhone).build_enrolment(challenge=world.challenge())
    return lambda: world.attest(body)


def renewal(world, _line):
    _, body = renewal_body(world)
    return lambda: world.attest(body)


def integrity_body(world):
    """With a token that costs a call to Google, which is silent."""
    phone = world.phone(AndroidPhone, app="generous", play_integrity=PlayServices(request=Request.STANDARD))
    return phone.build_enrolment(challenge=world.challenge(app="generous"))


def integrity(world, _line):
    body = integrity_body(world)
    return lambda: world.attest(body)


def overtaken_integrity(world, line):
    """The longest path that there is: Google is silent, and then somebody else has the challenge."""
    body = integrity_body(world)
    taken_over = line.by_another(lambda: world.claim_by_another(body, ahead=LEASE + A_MOMENT))
    world.challenge_store.before["commit"] = taken_over
    return lambda: world.attest(body)


def twin(world, _line):
    """Somebody has the same body, and does not answer."""
    _, body = renewal_body(world)
    world.claim_by_another(body, ahead=A_MOMENT)
    return lambda: world.attest(body)


def overtaken(world, line):
    """Whoever loses the commit waits for the one that has the challenge now."""
    _, body = renewal_body(world)
    taken_over = line.by_another(lambda: world.claim_by_another(body, ahead=LEASE + A_MOMENT))
    world.challenge_store.before["commit"] = taken_over
    return lambda: world.attest(body)


def conflict(world, line):
    """The instance is blocked before the commit: it is read again, and the refusal is committed."""
    phone, body = renewal_body(world)
    blocked = line.by_another(lambda: world.tables.alter_instance(phone.jkt, blocked=True))
    world.challenge_store.before["commit"] = blocked
    return lambda: world.attest(body)


def health(world, _line):
    return HealthService(
        signer=world.signer,
        challenges=world.challenge_store,
        instances=world.instance_store,
        beliefs=world.beliefs,
        clock=world.clock,
    ).report


def duration(world, line, path, *, hang):
    """Seconds until `path` has answered, one way or the other. Nothing is said of time that calls which answer take."""
    line.hang, line.calls = frozenset(), []
    world.clock.advance(60)
    world.beliefs.in_force()
    act = path(world, line)
    # What is in force was read a while ago and has to be asked again; the signing key was never read.
    world.clock.advance(3)
    world.signer.real._public_jwk = None
    world.attestations._play_integrity.secrets._known.clear()
    line.hang, line.open = hang, True
    started = world.clock.monotonic()
    with suppress(Malfunction):
        act()
    line.open = False
    world.challenge_store.before.clear()
    return world.clock.monotonic() - started


@pytest.mark.parametrize(
    "path",
    [challenge, enrolment, renewal, integrity, twin, overtaken, overtaken_integrity, conflict, health],
)
def test_every_path_ends_before_the_function_is_stopped(world, line, path):
    untried, longest, most = [frozenset()], 0.0, 0
    while untried:
        hang = untried.pop()
        longest = max(longest, duration(world, line, path, hang=hang))
        most = max(most, len(hang))
        # One more hangs. Of the same call again and again (a twin looks every 100 ms), the last: it costs most.
        untried += [
            hang | {index}
            for index in range(max(hang, default=-1) + 1, len(line.calls))
            if line.calls[index : index + 1] != line.calls[index + 1 : index + 2]
        ]
    assert most >= 2  # no path stops at the first call that hangs, so that every one was looked into
    assert longest < min(stage["lambda_timeout"] for stage in STAGES.values())
