"""Turns a spec into the text of an `ilb.yaml` that reads back as the same spec."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from bot.domain.spec import (
    PROVIDER,
    AclEntry,
    AclSpec,
    Algorithm,
    IlbSpec,
    MemberBy,
    MemberRef,
    RuleSpec,
    ServiceSpec,
    Spec,
)
from bot.domain.spelling import one_line

EXAMPLE = """\
tier: VPC/TIER
ilbs:
  - services:                # no vip: the one that serves this already, else a free one
      - name: orders         # kept as a tag on its rules
        members: [vm-1, vm-2]
        rules:
          - {port: 80, to: 8080}
          - {port: 81, algorithm: leastconn}   # roundrobin, leastconn or source
"""


def spec_text(spec: Spec, notes: Iterable[str] = ()) -> str:
    """Write a spec, its defaults left out; `notes` become comments before it."""
    document: dict[str, Any] = {"tier": spec.tier}
    if spec.provider != PROVIDER:
        document["provider"] = spec.provider
    if spec.offering:
        document["offering"] = spec.offering
    document["ilbs"] = [_ilb_document(ilb) for ilb in spec.ilbs]
    if spec.acl is not None:
        document["acl"] = _acl_document(spec.acl)
    # People choose the names in notes: a line break in one would end the comment.
    comments = "".join(f"# {one_line(note)}\n" for note in notes)
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)
    return comments + body


class _Dumper(yaml.SafeDumper):
    """Quotes every text that is not one plain line: PyYAML folds U+0085 so that it is lost."""


def _text_node(dumper: _Dumper, text: str) -> yaml.Node:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text_node)


def _ilb_document(ilb: IlbSpec) -> dict[str, Any]:
    said = {"vip": ilb.vip} if ilb.vip else {}
    return said | {"services": [_service_document(service) for service in ilb.services]}


def _service_document(service: ServiceSpec) -> dict[str, Any]:
    present = [rule for rule in service.rules if not rule.is_absent]
    shared = present[0].members if present else ()
    said: dict[str, Any] = {
        key: value for key, value in (("name", service.name), ("fqdn", service.fqdn)) if value
    }
    if shared:
        said["members"] = [_member_document(member) for member in shared]
    return said | {"rules": [_rule_document(rule, shared) for rule in service.rules]}


def _rule_document(rule: RuleSpec, shared: tuple[MemberRef, ...]) -> dict[str, Any]:
    if rule.is_absent:
        return {"port": rule.port, "absent": True}
    said: dict[str, Any] = {"port": rule.port}
    if rule.to != rule.port:
        said["to"] = rule.to
    if rule.algorithm is not Algorithm.ROUNDROBIN:
        said["algorithm"] = rule.algorithm.value
    if rule.members != shared:
        said["members"] = [_member_document(member) for member in rule.members]
    if rule.stickiness:
        said["stickiness"] = {"method": rule.stickiness.method}
        if rule.stickiness.parameters:
            said["stickiness"]["parameters"] = dict(rule.stickiness.parameters)
    if rule.name:
        said["name"] = rule.name
    return said


def _member_document(member: MemberRef) -> str | dict[str, str]:
    return member.value if member.by is MemberBy.NAME else {member.by.value: member.value}


def _acl_document(acl: AclSpec) -> dict[str, Any]:
    said: dict[str, Any] = {"name": acl.name} if acl.name else {}
    if acl.entries is not None:
        said["rules"] = [_entry_document(entry) for entry in acl.entries]
    return said


def _entry_document(entry: AclEntry) -> dict[str, Any]:
    said: dict[str, Any] = {
        "action": "allow" if entry.allow else "deny",
        "protocol": entry.protocol,
    }
    if entry.ports is not None:
        start, end = entry.ports
        said["ports"] = start if start == end else f"{start}-{end}"
    if entry.icmp is not None:
        said["icmp"] = list(entry.icmp)
    said["from"] = list(entry.sources)
    if not entry.is_ingress:
        said["direction"] = "egress"
    if entry.reason:
        said["reason"] = entry.reason
    return said
