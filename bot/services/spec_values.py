"""Turns single values of `ilb.yaml` into what they mean, or says why they mean nothing.

Each raises `ValueError` with a clause for people; a place is put before it.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_network

from bot.domain.spec_limits import is_dns_name, is_protocol, wrong_method


def vip(text: str) -> str:
    """Return the address of an ILB, `""` where none is given."""
    try:
        return str(IPv4Address(text)) if text else ""
    except ValueError as exc:
        raise ValueError("expected an IPv4 address; an ILB has no other") from exc


def dns_name(text: str) -> str:
    """Return a DNS name, `""` where none is given."""
    if text and not is_dns_name(text):
        raise ValueError("expected a DNS name, as in orders.acme.internal")
    return text


def method(text: str) -> str:
    """Return a stickiness method that HAProxy has."""
    if why := wrong_method(text):
        raise ValueError(why)
    return text


def protocol(said: str | int) -> str:
    """Return a protocol as CloudStack says it: a name in lower case, or a number."""
    text = str(said).lower()
    if not is_protocol(text):
        raise ValueError("expected tcp, udp, icmp, all or a number from 0 to 255")
    return text


def port_range(said: str | int | None) -> str | None:
    """Return ports as they are said, 80 or 80-443."""
    if said is None:
        return None
    ports_of(str(said))
    return str(said)


def ports_of(said: str) -> tuple[int, int]:
    """Return the first and the last port of a range."""
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", said)
    start, end = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= start <= end <= 65535:
        raise ValueError("expected 80 or 80-443, from 1 to 65535")
    return start, end


def source(text: str) -> str:
    """Return a CIDR; whatever is no address may be the name of a tier."""
    if not re.fullmatch(r"[0-9.]+(/.*)?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*(/.*)?", text):
        return text
    try:
        network = str(ip_network(text, strict=False))
    except ValueError as exc:
        raise ValueError("expected a CIDR as in 10.1.0.0/16, or the name of a tier") from exc
    if "/" in text and text != network and text.partition("/")[0] != network.partition("/")[0]:
        raise ValueError(
            f"has bits beyond its mask, which CloudStack takes as {network}; write that"
        )
    return text
