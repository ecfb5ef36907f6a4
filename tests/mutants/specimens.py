"""Forty genuine vectors, and what becomes of each when one byte of it is another."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

from assay_toolkit.vectors.command import verifiers_for
from assay_toolkit.vectors.index import Entry, load
from assay_toolkit.vectors.run import Verifiers
from tests.mutants import regions
from tests.mutants.regions import Region

VECTORS = Path(__file__).resolve().parents[2] / "../shared/vectors"
HAS_VECTORS = (VECTORS / "index.json").exists()

# Forty genuine ones; and one Play Integrity token beyond them, since none exists in public together with its keys.
QUOTAS = {"android_key": 24, "apple_attestation": 8, "apple_assertion": 4, "apple_receipt": 4}
DERIVED = ("derived_pi/valid_classic",)

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    region: str
    offset: int
    was: int
    became: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """`image`: the bytes that are changed, of unchanging length; `evidence_of` makes the file's form of them."""

    entry: Entry
    image: bytes
    regions: tuple[Region, ...]
    evidence_of: Callable[[bytes], bytes]

    def mutants(self) -> Iterator[Mutant]:
        """Each byte of each region xor 0x01, xor 0x80 and 0x00, where these are other bytes and not the same twice."""
        for region in self.regions:
            for offset in range(region.start, region.end):
                was = self.image[offset]
                for became in sorted({was ^ 0x01, was ^ 0x80, 0x00} - {was}):
                    yield Mutant(region=region.name, offset=offset, was=was, became=became)

    def verification(self, verifiers: Verifiers, mutant: Mutant | None = None) -> str:
        """`verified` or `refused`; an exception of a verifier is let through, with the mutant's name."""
        image = self.image
        if mutant:
            image = image[: mutant.offset] + bytes([mutant.became]) + image[mutant.offset + 1 :]
        try:
            return verifiers.run(replace(self.entry, evidence=self.evidence_of(image))).verification
        except Exception as error:
            error.add_note(f"{self.entry.id}: {mutant}")
            raise


def specimens() -> list[Specimen]:
    """The same ones in the same order each time, as long as the folder is the same."""
    entries = {entry.id: entry for entry in load(VECTORS).entries}
    genuine = [
        item
        for item in json.loads((VECTORS / "index.json").read_bytes())["vectors"]
        if "derived" not in item and item["expected"]["verification"] == "verified"
    ]
    chosen = [
        entries[item["id"]]
        for kind, quota in QUOTAS.items()
        for item in _spread([item for item in genuine if item["kind"] == kind], quota)
    ]
    return [_specimen(entry) for entry in (*chosen, *(entries[name] for name in DERIVED))]


def verifiers() -> Verifiers:
    return verifiers_for(load(VECTORS))


def _spread(items: list[dict], quota: int) -> list[dict]:
    """One of each shape, then another of each, and so on."""
    shapes: dict[str, list[dict]] = {}
    for item in sorted(items, key=lambda item: item["id"]):
        shapes.setdefault(json.dumps(_shape(item)), []).append(item)
    rounds = max(map(len, shapes.values()))
    dealt = [shapes[shape][turn] for turn in range(rounds) for shape in sorted(shapes) if turn < len(shapes[shape])]
    return dealt[:quota]


def _shape(item: dict) -> list:
    params, expected = item["params"], item["expected"]
    if item["kind"] == "android_key":
        parsed = expected["parsed"]
        return [
            item["provisioning"],
            params.get("trust_anchor"),
            parsed["attestationSecurityLevel"],
            parsed["algorithm"],
            parsed["attestationVersion"],
            len(item["chain_subjects"]),
        ]
    if item["kind"] == "apple_receipt":
        return [expected["fields"]["6"]]  # ATTEST or RECEIPT: BER or DER
    return [params.get("environment"), item["source"]["repo"]]


def _specimen(entry: Entry) -> Specimen:
    match entry.kind:
        case "android_key":
            chain = [base64.b64decode(block) for block in _PEM.findall(entry.evidence)]
            return _in_parts(entry, chain, regions.chain_regions(chain), _pem)
        case "play_integrity":
            segments = [_b64url_decoded(segment) for segment in entry.evidence.strip().split(b".")]
            return _in_parts(entry, segments, _all_of(segments), _compact)
        case "apple_attestation":
            found = regions.attestation_regions(entry.evidence)
        case "apple_assertion":
            found = regions.assertion_regions(entry.evidence)
        case _:
            found = regions.receipt_regions(entry.evidence)
    return Specimen(entry=entry, image=entry.evidence, regions=tuple(found), evidence_of=bytes)


def _in_parts(entry: Entry, parts: list[bytes], found: list[Region], join: Callable[[list[bytes]], bytes]) -> Specimen:
    ends = list(accumulate(map(len, parts), initial=0))
    return Specimen(
        entry=entry,
        image=b"".join(parts),
        regions=tuple(found),
        evidence_of=lambda image: join([image[start:end] for start, end in pairwise(ends)]),
    )


def _pem(chain: list[bytes]) -> bytes:
    return b"".join(
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n" for der in chain
    )


def _all_of(segments: list[bytes]) -> list[Region]:
    """All five parts of a compact JWE are authenticated, the header as additional data (RFC 7516 section 5.1)."""
    names = ("protected header", "encrypted key", "initialization vector", "ciphertext", "authentication tag")
    ends = list(accumulate(map(len, segments), initial=0))
    return [Region(name=name, start=start, end=end) for name, (start, end) in zip(names, pairwise(ends), strict=True)]


def _b64url_decoded(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _compact(segments: list[bytes]) -> bytes:
    return b".".join(base64.urlsafe_b64encode(segment).rstrip(b"=") for segment in segments)
