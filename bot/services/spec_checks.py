"""What CloudStack would take in a spec, or answer unclearly, and what must not be asked of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network

from bot.domain.spec_limits import (
    WITH_PORTS,
    is_dns_name,
    is_protocol,
    wrong_method,
    wrong_parameter,
)
from bot.services import marked_yaml
from bot.services.spec_format import AclPart, Document, EntryPart, IlbPart, RulePart, ServicePart


def nonsense(document: Document) -> Iterator[tuple[marked_yaml.Path, str]]:
    """Yield where something is wrong that each field alone cannot show, and why."""
    vips: set[str] = set()
    services: dict[str, IlbPart] = {}
    for i, ilb in enumerate(document.ilbs):
        here: marked_yaml.Path = ("ilbs", i)
        if ilb.vip:
            yield from _wrong_vip((*here, "vip"), ilb.vip, vips)
            vips.add(ilb.vip)
        ports: dict[int, int] = {}
        for j, service in enumerate(ilb.services):
            yield from _wrong_service((*here, "services", j), service, ilb, services)
            for k, rule in enumerate(service.rules):
                at = (*here, "services", j, "rules", k)
                if rule.port in ports:
                    yield (*at, "port"), f"{rule.port} is there twice; a VIP has one rule on a port"
                ports[rule.port] = k
                yield from _wrong_rule(at, rule)
    if document.acl is not None:
        yield from _wrong_acl(document.acl)


def _wrong_vip(
    at: marked_yaml.Path, vip: str, others: set[str]
) -> Iterator[tuple[marked_yaml.Path, str]]:
    try:
        IPv4Address(vip)
    except ValueError:
        yield at, "expected an IPv4 address; an ILB has no other"
    if vip in others:
        yield at, f"{vip} is there twice; an ILB is its VIP"


def _wrong_service(
    at: marked_yaml.Path, service: ServicePart, ilb: IlbPart, seen: dict[str, IlbPart]
) -> Iterator[tuple[marked_yaml.Path, str]]:
    if service.fqdn and not is_dns_name(service.fqdn):
        yield (*at, "fqdn"), "expected a DNS name, as in orders.acme.internal"
    if not service.name and not ilb.vip:
        yield at, "an ILB without vip is found again by its services: each needs a name"
    other = seen.setdefault(service.name, ilb)
    if service.name and other is not ilb and not (ilb.vip and other.vip):
        # By its name alone one of them could not be found again; twins have a VIP each.
        why = f"{service.name} is a service of another ILB of this spec too: give both a vip"
        yield (*at, "name"), why


def _wrong_rule(at: marked_yaml.Path, rule: RulePart) -> Iterator[tuple[marked_yaml.Path, str]]:
    said = rule.model_fields_set - {"port", "absent"}
    if rule.absent and said:
        yield (*at, sorted(said)[0]), "nothing else is said of a rule that is absent"
    if rule.stickiness is None:
        return
    method, here = rule.stickiness.method, (*at, "stickiness")
    if why := wrong_method(method):
        yield (*here, "method"), why
        return
    for name in rule.stickiness.parameters:
        if why := wrong_parameter(method, name):
            yield (*here, "parameters", name), why


def _wrong_acl(acl: AclPart) -> Iterator[tuple[marked_yaml.Path, str]]:
    if acl.rules is None and not acl.name:
        yield ("acl",), "expected the name of a list, or rules, or both"
    for i, entry in enumerate(acl.rules or ()):
        at = ("acl", "rules", i)
        if protocol_of(entry) is None:
            yield (*at, "protocol"), "expected tcp, udp, icmp, all or a number from 0 to 255"
        elif entry.ports is not None and protocol_of(entry) not in WITH_PORTS:
            yield (*at, "ports"), f"{entry.protocol} has no ports"
        elif entry.ports is not None and ports_of(entry.ports) is None:
            yield (*at, "ports"), "expected 80 or 80-443, from 1 to 65535"
        if entry.icmp is not None and protocol_of(entry) != "icmp":
            yield (*at, "icmp"), "only icmp has a type and a code"
        for k, source in enumerate(entry.from_):
            if why := _wrong_cidr(source):
                yield (*at, "from", k), why


def _wrong_cidr(source: str) -> str:
    """Whatever is no address may be the name of a tier."""
    if not re.fullmatch(r"[0-9.]+(/.*)?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*(/.*)?", source):
        return ""
    try:
        network = ip_network(source, strict=False)
    except ValueError:
        return "expected a CIDR as in 10.1.0.0/16, or the name of a tier"
    text = str(network)
    if "/" in source and source != text and source.partition("/")[0] != text.partition("/")[0]:
        return f"has bits beyond its mask, which CloudStack takes as {text}; write that"
    return ""


def protocol_of(entry: EntryPart) -> str | None:
    """Return the protocol as CloudStack says it, None where it is none."""
    text = str(entry.protocol).lower()
    return text if is_protocol(text) else None


def ports_of(said: str | int) -> tuple[int, int] | None:
    """Return the first and the last port, None where that is no range."""
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", str(said))
    if match is None:
        return None
    start, end = int(match[1]), int(match[2] or match[1])
    return (start, end) if 1 <= start <= end <= 65535 else None
