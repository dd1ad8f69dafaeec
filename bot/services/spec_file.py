"""Turns `ilb.yaml` into a spec, or into every reason why not, with line and column."""

from __future__ import annotations

import re

from bot.domain.acts import Act
from bot.domain.ilb_acts import NEVER
from bot.domain.spec import (
    AclEntry,
    AclSpec,
    Algorithm,
    IlbSpec,
    MemberBy,
    MemberRef,
    RuleSpec,
    ServiceSpec,
    Spec,
    Stickiness,
)
from bot.services import marked_yaml
from bot.services.marked_document import Problems, read_marked, refused
from bot.services.spec_checks import nonsense
from bot.services.spec_format import (
    AclPart,
    Document,
    EntryPart,
    MemberById,
    MemberByTag,
    MemberPart,
    RulePart,
    ServicePart,
    names_at,
)
from bot.services.spec_values import ports_of

_TITLE = "The spec cannot be used"
_IMPOSSIBLE = {
    word: act
    for act, words in (
        (Act.TERMINATE_TLS, ("tls", "ssl", "certificate", "cert", "sslcert", "certid", "https")),
        (Act.HEALTH_POLICY, ("healthcheck", "healthchecks", "healthcheckpolicy", "health")),
        (Act.MAKE_PAIR, ("redundant", "pair", "ha", "vrrp")),
    )
    for word in words
}


def read_spec(text: str, name: str) -> Spec:
    """Read a spec; `Refused` with one line for each thing that is wrong, each with its place.

    CloudStack ignores what it does not know and takes nonsense (port 0, another tier's address):
    what it would take and what it cannot do is refused here, with the reason.
    """
    marked = read_marked(text.encode(errors="surrogatepass"), name, _TITLE)
    if marked.value is None:
        raise refused(_TITLE, [f"{name}: it is empty"])
    problems = Problems(name, marked, _EXPECTATIONS)
    document = problems.model(Document, names_at, explain=_impossible)
    if document is not None:
        for path, why in nonsense(document):
            problems.wrong(path, why)
    if document is None or problems.found:
        raise problems.refused(_TITLE)
    return _spec(document)


_EXPECTATIONS = {
    "string_pattern_mismatch": "expected key=value",
    "string_too_long": "expected at most {max_length} characters",
    "too_long": "expected {max_length} of them at most",
}


def _impossible(path: marked_yaml.Path) -> str:
    """Say why a name that people hope for is not there, and what works instead."""
    if path[-1] in {"id", "tag"} and "members" in path:
        return "a member is named once: by its name, or by id, or by tag"
    word, in_acl = re.sub("[_-]", "", str(path[-1]).casefold()), path[0] == "acl"
    if word in {"protocol", "udp"} and not in_acl:
        answer = NEVER[Act.BALANCE_UDP]
        return f"{answer.text} Leave it out for TCP. What works instead: {answer.instead}"
    if word in _IMPOSSIBLE and not in_acl:
        answer = NEVER[_IMPOSSIBLE[word]]
        return f"{answer.text} What works instead: {answer.instead}"
    return ""


def _spec(document: Document) -> Spec:
    return Spec(
        tier=document.tier,
        ilbs=tuple(
            IlbSpec(tuple(_service(service) for service in ilb.services), ilb.vip)
            for ilb in document.ilbs
        ),
        provider=document.provider,
        offering=document.offering,
        acl=_acl(document.acl) if document.acl else None,
    )


def _service(service: ServicePart) -> ServiceSpec:
    rules = tuple(_rule(rule, service.members) for rule in service.rules)
    return ServiceSpec(rules, service.name, service.fqdn)


def _rule(rule: RulePart, inherited: list[MemberPart]) -> RuleSpec:
    if rule.absent:
        return RuleSpec(rule.port, rule.port, is_absent=True)
    members = inherited if rule.members is None else rule.members
    sticky = None
    if rule.stickiness is not None:
        parameters = tuple(sorted(rule.stickiness.parameters.items()))
        sticky = Stickiness(rule.stickiness.method, parameters)
    return RuleSpec(
        port=rule.port,
        to=rule.to or rule.port,
        algorithm=rule.algorithm or Algorithm.ROUNDROBIN,
        members=tuple(_member(member) for member in members),
        stickiness=sticky,
        name=rule.name,
    )


def _member(member: MemberPart) -> MemberRef:
    if isinstance(member, MemberById):
        return MemberRef(MemberBy.ID, member.id)
    if isinstance(member, MemberByTag):
        return MemberRef(MemberBy.TAG, member.tag)
    return MemberRef(MemberBy.NAME, member)


def _acl(acl: AclPart) -> AclSpec:
    entries = None if acl.rules is None else tuple(_entry(entry) for entry in acl.rules)
    return AclSpec(acl.name, entries)


def _entry(entry: EntryPart) -> AclEntry:
    icmp = (entry.icmp[0], entry.icmp[1]) if entry.icmp else None
    return AclEntry(
        allow=entry.action == "allow",
        protocol=str(entry.protocol),
        sources=tuple(entry.from_),
        ports=None if entry.ports is None else ports_of(str(entry.ports)),
        is_ingress=entry.direction == "ingress",
        icmp=icmp,
        reason=entry.reason,
    )
