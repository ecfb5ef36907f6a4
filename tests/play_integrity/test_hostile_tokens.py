"""Classic tokens that nobody's Google made. Each is refused for its reason, and none raises anything."""

import base64
import json
import zlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.model.outcome import Refused
from chalicelib.verifiers.play_integrity import ClassicKeys, UnusableSecret, classic

M, E, S = "play_integrity_malformed", "play_integrity_encryption", "play_integrity_signature"
FORGER = ec.derive_private_key(8, ec.SECP256R1())


def _header(**members):
    return lambda p: p.jwe(header={"alg": "A256KW", "enc": "A256GCM", **members})


def _inner(**members):
    return lambda p: p.jwe(p.jws(header={"alg": "ES256", **members}))


def _just(text):
    return lambda _: text


def _part(at, change):
    def make(p):
        parts = p.jwe().split(".")
        parts[at] = change(parts[at])
        return ".".join(parts)

    return make


def _inner_part(at, change):
    def make(p):
        parts = p.jws().split(".")
        parts[at] = change(parts[at])
        return p.jwe(".".join(parts))

    return make


def _last_bits(text):
    """Another spelling of the same bytes: unused bits of the last character set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def _bomb(p):
    deflate = zlib.compressobj(wbits=-15)
    packed = deflate.compress(bytes(64_000_000)) + deflate.flush()
    header = json.dumps({"alg": "A256KW", "enc": "A256GCM", "zip": "DEF"}).encode()
    return p.jwe(packed[:8_000], raw_header=header)


def _jwk():
    numbers = FORGER.public_key().public_numbers()
    x, y = (base64.urlsafe_b64encode(number.to_bytes(32)).decode().rstrip("=") for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


OUTER = [
    ("empty", _just(""), M),
    ("dots", _just("...."), M),
    ("four_parts", lambda p: p.jwe().rpartition(".")[0], M),
    ("six_parts", lambda p: p.jwe() + ".", M),
    ("jws_alone", lambda p: p.jws(), M),
    ("json_serialisation", lambda p: json.dumps({"protected": p.jwe().split(".")[0], "ciphertext": "AA"}), M),
    ("too_long", lambda p: p.jwe(b"x" * 12_500), M),
    ("not_ascii", lambda p: p.jwe() + "\u00e9", M),
    ("lone_surrogate", lambda p: p.jwe() + "\ud800", M),
    ("full_width_dot", lambda p: p.jwe().replace(".", "\uff0e"), M),
    ("leading_space", lambda p: " " + p.jwe(), M),
    ("line_break", lambda p: p.jwe() + "\n", M),
    ("inner_line_break", _part(3, lambda t: t[:20] + "\n" + t[20:]), M),
    ("padding", _part(1, lambda t: t + "=="), M),
    ("standard_alphabet", _part(3, lambda t: "+/" + t[2:]), M),
    ("unused_bits_of_key", _part(1, _last_bits), M),
    ("unused_bits_of_tag", _part(4, _last_bits), M),
    ("impossible_length", _part(2, lambda t: t[:-3]), M),
    ("header_not_json", lambda p: p.jwe(raw_header=b"alg"), M),
    ("header_array", lambda p: p.jwe(raw_header=b'["A256KW"]'), M),
    ("header_repeats_alg", lambda p: p.jwe(raw_header=b'{"alg":"dir","alg":"A256KW","enc":"A256GCM"}'), M),
    ("header_utf16", lambda p: p.jwe(raw_header='{"alg":"A256KW","enc":"A256GCM"}'.encode("utf-16")), M),
    ("header_bom", lambda p: p.jwe(raw_header=b'\xef\xbb\xbf{"alg":"A256KW","enc":"A256GCM"}'), M),
    ("header_deep", lambda p: p.jwe(raw_header=b'{"alg":' + b"[" * 2000 + b"]" * 2000 + b"}"), M),
    ("header_empty", lambda p: p.jwe(raw_header=b"{}"), E),
    ("alg_missing", lambda p: p.jwe(header={"enc": "A256GCM"}), E),
    ("enc_missing", lambda p: p.jwe(header={"alg": "A256KW"}), E),
    *[(f"alg_{alg}", _header(alg=alg), E) for alg in (
        "dir", "A128KW", "A192KW", "A256GCMKW", "RSA-OAEP", "RSA-OAEP-256", "RSA1_5", "ECDH-ES", "ECDH-ES+A256KW",
        "PBES2-HS512+A256KW", "none", "a256kw", "A256KW ", "", "\u0391256KW",
    )],
    ("alg_list", _header(alg=["A256KW"]), E),
    ("alg_null", _header(alg=None), E),
    ("alg_number", _header(alg=256), E),
    *[(f"enc_{enc}", _header(enc=enc), E) for enc in (
        "A128GCM", "A192GCM", "A256CBC-HS512", "A128CBC-HS256", "XC20P", "a256gcm", "", None,
    )],
    ("zip", _header(zip="DEF"), E),
    ("zip_bomb", _bomb, E),
    ("zip_null", _header(zip=None), E),
    ("crit", _header(crit=["exp"]), E),
    ("crit_empty", _header(crit=[]), E),
    ("b64", _header(b64=False), E),
    ("jwk", _header(jwk={"kty": "oct", "k": "AAAA"}), E),
    ("jku", _header(jku="https://attacker.example/keys"), E),
    ("x5c", _header(x5c=["AA=="]), E),
    ("p2c", _header(p2s="AAAA", p2c=2**31), E),
    ("epk", _header(epk={"kty": "EC"}), E),
    ("unknown_member", _header(assay=True), E),
    ("no_key", _part(1, _just("")), E),
    ("short_key", _part(1, _just("A" * 43)), E),
    ("long_key", _part(1, _just("A" * 64)), E),
    ("no_iv", _part(2, _just("")), E),
    ("long_iv", lambda p: p.jwe(iv=bytes(16)), E),
    ("no_tag", _part(4, _just("")), E),
    ("short_tag", _part(4, lambda t: t[:16]), E),
    ("long_tag", _part(4, lambda t: t + "AA"), E),
    ("longer_tag", _part(4, _just("A" * 32)), E),
    ("no_ciphertext", _part(3, _just("")), E),
    ("other_key", lambda p: p.jwe(key=bytes(32)), E),
    ("other_header_authenticated", lambda p: p.jwe().replace(
        p.jwe().split(".")[0], p.b64url(b'{"enc":"A256GCM","alg":"A256KW"}')), E),
    ("swapped_parts", lambda p: ".".join(p.jwe().split(".")[i] for i in (0, 1, 2, 4, 3)), E),
    ("zero_everything", lambda p: ".".join([p.jwe().split(".")[0], *(p.b64url(bytes(n)) for n in (40, 12, 9, 16))]), E),
]  # fmt: skip

INNER = [
    ("inner_empty", lambda p: p.jwe(""), M),
    ("inner_payload_alone", lambda p: p.jwe(p.js(p.payload())), M),
    ("inner_bytes", lambda p: p.jwe(bytes(range(256))), M),
    ("inner_jwe", lambda p: p.jwe(p.jwe()), M),
    ("inner_two_parts", lambda p: p.jwe(p.jws().rpartition(".")[0]), M),
    ("inner_json_serialisation", lambda p: p.jwe(json.dumps({"payload": "e30", "signatures": []})), M),
    ("inner_padding", _inner_part(1, lambda t: t + "="), M),
    ("inner_line_break", lambda p: p.jwe(p.jws() + "\n"), M),
    ("inner_unused_bits", _inner_part(2, _last_bits), M),
    ("inner_header_repeats_alg", lambda p: p.jwe(p.jws(raw_header=b'{"alg":"none","alg":"ES256"}')), M),
    ("inner_header_utf16", lambda p: p.jwe(p.jws(raw_header='{"alg":"ES256"}'.encode("utf-16"))), M),
    ("inner_header_array", lambda p: p.jwe(p.jws(raw_header=b"[]")), M),
    ("inner_alg_missing", lambda p: p.jwe(p.jws(raw_header=b"{}")), S),
    *[(f"inner_alg_{alg}", _inner(alg=alg), S) for alg in (
        "none", "None", "HS256", "RS256", "PS256", "ES384", "ES512", "ES256K", "EdDSA", "es256", "", None,
    )],
    ("inner_jwk", lambda p: p.jwe(p.jws(header={"alg": "ES256", "jwk": _jwk()}, key=FORGER)), S),
    ("inner_jwk_and_right_signature", _inner(jwk={"kty": "EC"}), S),
    ("inner_kid_of_another_type", _inner(kid=1), S),
    ("inner_x5c", _inner(x5c=["AA=="]), S),
    ("inner_jku", _inner(jku="https://attacker.example/keys"), S),
    ("inner_x5u", _inner(x5u="https://attacker.example/keys"), S),
    ("inner_crit", _inner(crit=["b64"], b64=False), S),
    ("inner_b64", _inner(b64=True), S),
    ("inner_unknown_member", _inner(assay=1), S),
    ("inner_no_signature", _inner_part(2, _just("")), S),
    ("inner_short_signature", _inner_part(2, lambda t: t[:84]), S),
    ("inner_der_signature", _inner_part(2, _just("MEQCIA" + "A" * 90)), S),
    ("inner_zero_signature", _inner_part(2, _just("A" * 86)), S),
    ("inner_other_key", lambda p: p.jwe(p.jws(key=FORGER)), S),
    ("inner_other_payload", _inner_part(1, _just("e30")), S),
]  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), [case[1:] for case in OUTER + INNER], ids=[c[0] for c in OUTER + INNER])
def test_a_hostile_token_is_refused_for_its_reason(play, make, reason):
    outcome = play.unlock(make(play))
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason, outcome.detail


# Of the outer ones, those whose fault only decryption finds.
DEEP = {"other_key", "other_header_authenticated", "swapped_parts", "zero_everything", "no_ciphertext"}
SHALLOW = [case for case in OUTER if case[0] not in DEEP]


@pytest.mark.parametrize("make", [case[1] for case in SHALLOW], ids=[case[0] for case in SHALLOW])
def test_nothing_is_decrypted_of_a_token_that_is_refused_for_its_form(play, monkeypatch, make):
    opened = []
    monkeypatch.setattr(classic.jwe, "decrypt_compact", lambda *_, **__: opened.append(1))
    play.unlock(make(play))
    assert opened == []


def test_a_token_opens_to_the_exact_bytes_that_were_signed(play):
    body = b'{ "requestDetails" : 1 }\n'
    assert play.unlock(play.jwe(play.jws(body))) == body


@pytest.mark.parametrize("members", [{"typ": "JWE"}, {"cty": "JWT"}, {"kid": "../../etc/passwd"}])
def test_what_a_token_says_of_itself_is_not_looked_at(play, members):
    token = play.jwe(
        play.jws(header={"alg": "ES256", **members}), header={"alg": "A256KW", "enc": "A256GCM", **members}
    )
    assert play.unlock(token) == play.js(play.payload())


def test_a_token_of_the_longest_length_is_still_read(play):
    token = play.jwe(b"x" * 12_000)
    assert 16_000 < len(token) <= 16_384
    assert play.unlock(token).reason == M  # it decrypts, and holds no JWS


@pytest.mark.parametrize("step", range(0, 2_000, 37))
def test_any_flipped_character_is_refused(play, step):
    token = play.jwe()
    at = step % len(token)
    flipped = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    assert isinstance(play.unlock(flipped), Refused)


def test_keys_of_another_size_or_curve_are_no_keys():
    with pytest.raises(UnusableSecret, match="32 bytes"):
        ClassicKeys(decryption_key=bytes(16), verification_key=FORGER.public_key())
    with pytest.raises(UnusableSecret, match="P-256"):
        ClassicKeys(decryption_key=bytes(32), verification_key=ec.derive_private_key(7, ec.SECP384R1()).public_key())


def test_keys_do_not_print_themselves(play):
    assert play.AES.hex() not in repr(play.KEYS)
    assert repr(play.AES) not in repr(play.KEYS)
