"""An audience's name as people give it: the origin of a backend."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

import click

# An internationalised name in its ASCII form (RFC 5890), as browsers and servers write origins.
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class Origin(click.ParamType[str]):
    """`https://host[:port]`, or http on loopback, in the one spelling that relying parties compare (RFC 6454)."""

    name = "origin"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            self.fail(f"{text!a} is no origin such as https://api.bank.example", param, ctx)
        if parts.scheme not in _DEFAULT_PORTS or not _is_host(host):
            self.fail(f"{text!a} is no origin such as https://api.bank.example", param, ctx)
        shown = f"[{host}]" if ":" in host else host
        origin = f"{parts.scheme}://{shown}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")
        if text != origin:
            self.fail(
                f"{text!a} is no plain origin: did you mean {origin!a}, without path or anything after it?", param, ctx
            )
        if parts.scheme == "http" and not _is_loopback(host):
            self.fail(f"{text!a} is http, which only loopback addresses may be", param, ctx)
        return text


ORIGIN: Final = Origin()


def _is_host(host: str) -> bool:
    if _NAME.fullmatch(host):
        return True
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
