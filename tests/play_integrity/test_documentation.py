"""docs/evidence/play-integrity.md has every claim and every refusal, and every member that the verifier knows."""

from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from chalicelib.model.play_integrity import VerifiedPlayIntegrity
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.play_integrity.payload import Payload

PAGE = (Path(__file__).resolve().parents[2] / "docs/evidence/play-integrity.md").read_text(encoding="utf-8")


def _members(struct, above=""):
    for member in msgspec.structs.fields(struct):
        if isinstance(member.type, type) and issubclass(member.type, msgspec.Struct):
            yield from _members(member.type, f"{above}{member.encode_name}.")
        else:
            yield f"{above}{member.encode_name}"


@pytest.mark.parametrize("member", list(_members(Payload)))
def test_a_member_that_is_read_is_in_the_page(member):
    group, _, name = member.rpartition(".")
    whole = member in PAGE
    # The three bits and their months stand under their groups; members of requestDetails in one row.
    grouped = group.rpartition(".")[2] in {"values", "writeDates"} and group.rpartition(".")[0] in PAGE
    short = group == "requestDetails" and f"`.{name}`" in PAGE
    assert whole or grouped or short


@pytest.mark.parametrize("claim", [field.name for field in fields(VerifiedPlayIntegrity) if field.name != "request"])
def test_a_claim_is_in_the_page(claim):
    assert f"`{claim}`" in PAGE


@pytest.mark.parametrize("reason", [reason for reason in RefusalReason if reason.startswith("play_integrity_")])
def test_a_refusal_is_in_the_page(reason):
    assert f"| `{reason}` |" in PAGE
