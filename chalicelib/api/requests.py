"""Requests as far as HTTP describes them; bodies are the verifiers' (docs/wire.md section 1)."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, cast

from chalice.app import Request

from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason

# docs/wire.md section 1. Below API Gateway's 10 MB and Lambda's 6 MB, so that the answer is ours to give.
LARGEST_BODY: Final = 131_072

# What one subscriber's line, or one carrier's address translation, has in common: a whole /24 of IPv4 addresses, and a
# /48, the most that one site is given (RFC 6177). Longer prefixes would let one line come from many networks.
_IPV4_PREFIX, _IPV6_PREFIX = 24, 48
# All those whose address is not to be had count as one network.
_UNKNOWN_NETWORK: Final = "unknown"

# RFC 9110 section 8.3: names of media types, parameters and charsets do not care for case.
_JSON: Final = re.compile(r'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE)


def json_body(request: Request) -> bytes | Refused:
    """The body's bytes, when they are declared as JSON in UTF-8 and within bounds.

    A body without a declaration is refused: Chalice would take it for JSON.
    """
    if not _JSON.fullmatch(request.headers.get("content-type", "").strip(" \t")):
        return Refused(RefusalReason.MEDIA_TYPE)
    try:
        body = cast(bytes, request.raw_body)  # Chalice says `str | bytes`; it makes bytes
    except ValueError:  # a lone surrogate in the event's text, or a body that is not the base64 it is said to be
        return Refused(RefusalReason.BODY_NOT_JSON)
    if len(body) > LARGEST_BODY:
        return Refused(RefusalReason.BODY_TOO_LARGE)
    return body


def network_of(request: Request) -> str:
    """The prefix of the network that the request came from. `sourceIp` is what API Gateway saw itself; headers that
    name an address are the sender's to write."""
    try:
        address = ip_address(request.context.get("identity", {}).get("sourceIp", ""))
    except ValueError:
        return _UNKNOWN_NETWORK
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Network((int(address), _IPV6_PREFIX), strict=False))
        address = address.ipv4_mapped
    return str(IPv4Network((int(address), _IPV4_PREFIX), strict=False))
