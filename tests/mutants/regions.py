"""What a signature covers, found by a reader that shares nothing with the service's: tags and lengths, and cbor2.

A region is a run of bytes that somebody signed, or a signature itself. Not signed, hence no region: tags and lengths
around them, algorithm identifiers beside them, unused bits of a BIT STRING, the outer CBOR map, and a root that the
phone sent along (its key is pinned, its certificate is nobody's word).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cbor2

_END_OF_CONTENTS = b"\x00\x00"
_OCTET_STRING, _CONTEXT_0 = 0x04, 0xA0
_CONSTRUCTED = 0x20


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Bytes `start` to `end` (excluded) of the file."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Value:
    """One BER value: its header begins at `start`, its contents are `first` to `last` (excluded), it ends at `end`."""

    tag: int
    start: int
    first: int
    last: int
    end: int

    def region(self, name: str, *, skip: int = 0) -> Region:
        return Region(name=name, start=self.first + skip, end=self.last)

    def whole(self, name: str) -> Region:
        return Region(name=name, start=self.start, end=self.end)


def read_value(data: bytes, at: int) -> Value:
    """X.690 sections 8.1.2 to 8.1.5; tag numbers above 30 do not occur where this reader walks."""
    tag, size, first = data[at], data[at + 1], at + 2
    if size == 0x80:
        last = first
        while data[last : last + 2] != _END_OF_CONTENTS:
            last = read_value(data, last).end
        return Value(tag, at, first, last, last + 2)
    if size > 0x80:
        octets = size & 0x7F
        first += octets
        size = int.from_bytes(data[first - octets : first], "big")
    return Value(tag, at, first, first + size, first + size)


def children(data: bytes, parent: Value) -> list[Value]:
    found, at = [], parent.first
    while at < parent.last:
        found.append(read_value(data, at))
        at = found[-1].end
    return found


def certificate_regions(data: bytes, *, at: int, name: str) -> list[Region]:
    """The TBSCertificate, header included, and the signature's octets (RFC 5280 section 4.1)."""
    tbs, _algorithm, signature = children(data, read_value(data, at))
    return [tbs.whole(f"{name} tbsCertificate"), signature.region(f"{name} signature", skip=1)]


def is_self_issued(data: bytes, *, at: int) -> bool:
    tbs = children(data, read_value(data, at))[0]
    _version, _serial, _algorithm, issuer, _validity, subject, *_ = children(data, tbs)
    return data[issuer.start : issuer.end] == data[subject.start : subject.end]


def chain_regions(chain: list[bytes]) -> list[Region]:
    """Of the certificates one after the other, without a root at the end."""
    regions, at = [], 0
    for number, certificate in enumerate(chain):
        is_root = number == len(chain) - 1 and is_self_issued(certificate, at=0)
        if not is_root:
            regions += certificate_regions(b"".join(chain), at=at, name=f"certificate {number}")
        at += len(certificate)
    return regions


def attestation_regions(data: bytes) -> list[Region]:
    """App Attest: authenticator data (the nonce in the credential certificate covers it) and both certificates."""
    attestation = cbor2.loads(data)
    regions = [_located(data, attestation["authData"], "authData")]
    for number, certificate in enumerate(attestation["attStmt"]["x5c"]):
        at = _located(data, certificate, "x5c").start
        regions += certificate_regions(data, at=at, name=f"certificate {number}")
    return regions


def assertion_regions(data: bytes) -> list[Region]:
    assertion = cbor2.loads(data)
    return [_located(data, assertion[name], name) for name in ("authenticatorData", "signature")]


def receipt_regions(data: bytes) -> list[Region]:
    """A CMS SignedData (RFC 5652 section 5.1): content, signed attributes, signature, certificates but for roots."""
    content_info = children(data, read_value(data, 0))
    signed_data = children(data, children(data, content_info[1])[0])
    encapsulated = children(data, signed_data[2])
    regions = [
        piece.region(f"content {number}")
        for number, piece in enumerate(_octets(data, children(data, encapsulated[1])[0]))
    ]
    certificates = next(value for value in signed_data if value.tag == _CONTEXT_0)
    for number, certificate in enumerate(children(data, certificates)):
        if not is_self_issued(data, at=certificate.start):
            regions += certificate_regions(data, at=certificate.start, name=f"certificate {number}")
    for signer in children(data, signed_data[-1]):
        fields = children(data, signer)
        regions += [field.region("signedAttrs") for field in fields if field.tag == _CONTEXT_0]
        regions += [field.region("signature") for field in fields if field.tag == _OCTET_STRING]
    return regions


def _octets(data: bytes, value: Value) -> Iterator[Value]:
    """The primitive pieces of an OCTET STRING, which BER may write in several."""
    if value.tag & _CONSTRUCTED:
        for piece in children(data, value):
            yield from _octets(data, piece)
    else:
        yield value


def _located(data: bytes, part: bytes, name: str) -> Region:
    """By the CBOR item that `part` is: a receipt repeats the credential certificate, in DER."""
    item = cbor2.dumps(part)
    if data.count(item) != 1:
        raise ValueError(f"{name} does not stand in the file exactly once")
    end = data.index(item) + len(item)
    return Region(name=name, start=end - len(part), end=end)
