"""An operator blocks an instance: `assay instance`, with the operator's own credentials, against phones that go on."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from assay_toolkit.cli import main
from assay_toolkit.simulator.conditions import CONDITIONS
from assay_toolkit.simulator.phone import AndroidPhone
from assay_toolkit.simulator.play_integrity import PlayServices, SimulatedPlay
from chalicelib.aws.blocks import Blocks
from chalicelib.aws.instance_items import instance_key
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import RefusalReason
from tests.service.world import START, with_its_keys

WHY = ("--author", "ops@bank.example", "--reason", "ticket 4711")


@pytest.fixture
def assay(world, monkeypatch):
    made_up = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in {**made_up, "ASSAY_INSTANCES_TABLE": world.tables.instances}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments, code=0):
        done = CliRunner().invoke(main, ["instance", *arguments])
        assert done.exit_code == code, done.output
        return json.loads(done.output) if code == 0 else done.output

    return run


class TestBlock:
    @pytest.mark.parametrize("purpose", list(Purpose))
    def test_a_blocked_instance_is_refused_at_once_and_for_either_purpose(self, world, phone, assay, purpose):
        world.enrol(phone)
        said = assay("block", phone.jkt, *WHY)
        assert (said["blocked"], said["changed"], said["app"]) == (True, True, "bank")
        assert said["last_change"]["author"] == "ops@bank.example"
        assert said["last_change"]["reason"] == "ticket 4711"
        submission = with_its_keys(phone, purpose=purpose, challenge=world.challenge(purpose))
        assert world.attest(submission.encode()).status == 403
        assert world.refusal is RefusalReason.INSTANCE_BLOCKED

    def test_unblocked_it_is_judged_again(self, world, phone, assay):
        world.enrol(phone)
        assay("block", phone.jkt, *WHY)
        said = assay("unblock", phone.jkt, "--author", "lead@bank.example", "--reason", "a mistake")
        assert (said["blocked"], said["changed"]) == (False, True)
        assert said["last_change"]["author"] == "lead@bank.example"
        assert world.renew(phone).status == 200

    def test_a_renewal_that_was_under_way_gets_no_token(self, world, phone, assay):
        """It was judged before the block, and is committed after it."""
        world.enrol(phone)
        world.challenge_store.before["commit"] = lambda: assay("block", phone.jkt, *WHY)
        assert world.renew(phone).status == 403
        assert world.refusal is RefusalReason.INSTANCE_BLOCKED

    def test_an_enrolment_that_was_under_way_neither_passes_nor_unblocks(self, world, phone, assay):
        world.enrol(phone)
        challenge = world.challenge()
        world.challenge_store.before["commit"] = lambda: assay("block", phone.jkt, *WHY)
        assert world.attest(with_its_keys(phone, purpose=Purpose.ENROL, challenge=challenge).encode()).status == 403
        assert world.instance(phone.jkt).blocked

    def test_blocking_twice_says_so_and_keeps_who_did_it(self, world, android, assay):
        world.enrol(android)
        assay("block", android.jkt, *WHY)
        again = assay("block", android.jkt, "--author", "another@bank.example", "--reason", "again")
        assert (again["blocked"], again["changed"]) == (True, False)
        assert again["last_change"]["author"] == "ops@bank.example"

    def test_unblocking_what_nobody_blocked_changes_nothing(self, world, android, assay):
        world.enrol(android)
        before = world.tables.items(world.tables.instances)
        said = assay("unblock", android.jkt, *WHY)
        assert (said["blocked"], said["changed"], said["last_change"]) == (False, False, None)
        assert world.tables.items(world.tables.instances) == before

    def test_of_two_operators_one_changes_it(self, world, android, assay):
        world.enrol(android)
        blocks = Blocks(world.tables.client, world.tables.instances, clock=world.clock)
        look = blocks.look

        def look_then_another_blocks(jkt):
            seen = look(jkt)
            assay("block", jkt, *WHY)
            return seen

        blocks.look = look_then_another_blocks
        assert blocks.change(android.jkt, blocked=True, author="slow@bank.example", reason="late") is False
        assert look(android.jkt).note.author == "ops@bank.example"

    def test_a_block_moves_two_attributes_and_no_more(self, world, phone, assay):
        """The role may name these and no others (infra/roles.yaml)."""
        world.enrol(phone)

        def item():
            [found] = [
                item
                for item in world.tables.items(world.tables.instances)
                if item["id"]["S"] == instance_key(phone.jkt)
            ]
            return found

        before = item()
        assay("block", phone.jkt, *WHY)
        after = item()
        assert {name for name in after if after[name] != before.get(name)} == {"blocked", "block_note"}
        assert set(before) <= set(after)

    def test_the_note_has_the_operators_time(self, world, android):
        world.enrol(android)
        blocks = Blocks(world.tables.client, world.tables.instances, clock=world.clock)
        assert blocks.change(android.jkt, blocked=True, author="a", reason="r")
        assert blocks.look(android.jkt).note.changed_at == START


class TestShow:
    def test_an_android_instance(self, world, android, assay):
        world.enrol(android)
        shown = assay("show", android.jkt)
        assert (shown["jkt"], shown["app"], shown["platform"]) == (android.jkt, "bank", "android")
        assert datetime.fromisoformat(shown["enrolled_at"]) == START
        assert datetime.fromisoformat(shown["attested_at"]).tzinfo == UTC
        assert (shown["blocked"], shown["last_change"]) == (False, None)
        assert shown["android"]["security_level"] == "trusted_environment"
        assert shown["android"]["packages"][0]["name"] == "com.example.bank"
        kept = world.instance(android.jkt).kept
        assert [int(serial, 16) for serial in shown["android"]["certificate_serials"]] == [*kept.certificate_serials]

    def test_an_apple_instance(self, world, apple, assay):
        world.enrol(apple)
        world.renew(apple)
        shown = assay("show", apple.jkt)
        assert shown["platform"] == "apple"
        assert shown["apple"]["app_id"] == "A1B2C3D4E5.com.example.bank"
        assert (shown["apple"]["environment"], shown["apple"]["counter"]) == ("production", 1)
        assert shown["apple"]["risk_metric"] is None

    def test_what_is_remembered(self, world, android, assay):
        world.enrol(android)
        android.condition = CONDITIONS["debugger"]
        world.clock.advance(60)
        world.renew(android)
        history = assay("show", android.jkt)["history"]
        assert {tier: datetime.fromisoformat(at) for tier, at in history["tiers"].items()} == {
            "affirming": START,
            "contraindicated": world.clock.now(),
        }
        assert set(history["hard_detections"]) == {"rasp_debugger", "rasp_tracing"}

    def test_what_google_play_said(self, world, assay):
        phone = world.phone(AndroidPhone, play_integrity=PlayServices(play=SimulatedPlay(clock=world.clock.now)))
        world.enrol(phone)
        said = assay("show", phone.jkt)["android"]["play_integrity"]
        assert said["app_recognition"] == "PLAY_RECOGNIZED"
        assert "MEETS_DEVICE_INTEGRITY" in said["device_recognition"]
        assert datetime.fromisoformat(said["verified_at"]) == START

    def test_it_shows_no_key_but_its_thumbprint(self, world, phone, assay):
        world.enrol(phone)
        shown = json.dumps(assay("show", phone.jkt))
        assert phone.jwk["x"] not in shown
        assert phone.jwk["y"] not in shown
        app_attest = world.instance(phone.jkt).app_attest
        if app_attest is not None:
            assert app_attest.key_id.hex() not in shown


class TestWrongUse:
    @pytest.mark.parametrize("command", [("show",), ("block", *WHY), ("unblock", *WHY)])
    def test_nobody_has_this_thumbprint_and_nothing_is_made(self, world, assay, command):
        name, *options = command
        # A hyphen at its beginning makes it no option.
        assert "no instance has this jkt" in assay(name, "-" + "A" * 42, *options, code=1)
        assert world.tables.items(world.tables.instances) == []

    @pytest.mark.parametrize("jkt", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "é", "instance#" + "A" * 34])
    def test_what_is_no_thumbprint_is_looked_up_nowhere(self, assay, jkt):
        assert "is not a jkt" in assay("show", jkt, code=2)

    @pytest.mark.parametrize("missing", ["--author", "--reason"])
    def test_nobody_blocks_without_a_name_and_a_reason(self, world, android, assay, missing):
        world.enrol(android)
        given = dict(zip(WHY[::2], WHY[1::2], strict=True))
        del given[missing]
        assert missing in assay("block", android.jkt, *(part for pair in given.items() for part in pair), code=2)
        empty = [part for pair in {**given, missing: "  "}.items() for part in pair]
        assert "wants 1 to 500 characters" in assay("block", android.jkt, *empty, code=2)
        assert not world.instance(android.jkt).blocked

    def test_a_table_that_does_not_answer_is_one_line(self, assay):
        assert assay("show", "A" * 43, "--table", "nobody-made-it", code=1) == (
            "Error: table nobody-made-it in eu-central-1: there is no such table\n"
        )


def test_a_block_is_the_instances_and_not_the_phones(world, assay):
    """What it does not do: the phone of a blocked Android instance makes another key."""
    phone = world.phone(AndroidPhone)
    world.enrol(phone)
    assay("block", phone.jkt, *WHY)
    assert world.enrol(phone).status == 200
