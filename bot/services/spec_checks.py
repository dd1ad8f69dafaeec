"""What is wrong between the values of a spec though each of them alone is right."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.spec_limits import WITH_PORTS, wrong_parameter
from bot.services import marked_yaml
from bot.services.spec_format import AclPart, Document, IlbPart, RulePart, ServicePart


def nonsense(document: Document) -> Iterator[tuple[marked_yaml.Path, str]]:
    """Yield where something is wrong that each field alone cannot show, and why."""
    vips: set[str] = set()
    services: dict[str, IlbPart] = {}
    for i, ilb in enumerate(document.ilbs):
        here: marked_yaml.Path = ("ilbs", i)
        if ilb.vip:
            if ilb.vip in vips:
                yield (*here, "vip"), f"{ilb.vip} is there twice; an ILB is its VIP"
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


def _wrong_service(
    at: marked_yaml.Path, service: ServicePart, ilb: IlbPart, seen: dict[str, IlbPart]
) -> Iterator[tuple[marked_yaml.Path, str]]:
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
    for name in rule.stickiness.parameters:
        if why := wrong_parameter(rule.stickiness.method, name):
            yield (*at, "stickiness", "parameters", name), why


def _wrong_acl(acl: AclPart) -> Iterator[tuple[marked_yaml.Path, str]]:
    if acl.rules is None and not acl.name:
        yield ("acl",), "expected the name of a list, or rules, or both"
    for i, entry in enumerate(acl.rules or ()):
        at = ("acl", "rules", i)
        if entry.ports is not None and entry.protocol not in WITH_PORTS:
            yield (*at, "ports"), f"{entry.protocol} has no ports"
        if entry.icmp is not None and entry.protocol != "icmp":
            yield (*at, "icmp"), "only icmp has a type and a code"
