"""What a spec can say of a rule and of a list; a cloud may hold more than that."""

from __future__ import annotations

import re

from bot.domain.rule_state import RuleState
from bot.domain.site import AclList, AclRule
from bot.domain.spec import NAME_TAG, Algorithm, Stickiness

METHODS = {
    "LbCookie": ("cookie-name", "mode", "nocache", "indirect", "postonly", "domain"),
    "SourceBased": ("tablesize", "expire"),
}
"""Methods and their parameters (CloudStack `LoadBalancerConfigurator`, `StickinessMethodType`)."""
PROTOCOLS = frozenset({"tcp", "udp", "icmp", "all"})
WITH_PORTS = frozenset({"tcp", "udp"})

_DNS_NAME = re.compile(r"(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?)+")


def is_dns_name(text: str) -> bool:
    """Whether a text is a DNS name (RFC 1035, 2.3.1, with digits and underscores in front)."""
    return _DNS_NAME.fullmatch(text) is not None


def is_protocol(text: str) -> bool:
    """Whether CloudStack has a protocol for its ACLs by that name or number."""
    return text in PROTOCOLS or (text.isascii() and text.isdigit() and int(text) <= 255)


def wrong_method(method: str) -> str:
    """Say why there is no stickiness by that method, `""` where there is."""
    if method == "AppCookie":
        return (
            "AppCookie is taken by CloudStack, but needs HAProxy's appsession, which HAProxy 1.6 "
            "and newer does not have; LbCookie or SourceBased works"
        )
    return "" if method in METHODS else f"expected {' or '.join(METHODS)}"


def wrong_parameter(method: str, name: str) -> str:
    """Say why a known method has no such parameter, `""` where it has."""
    known = METHODS[method]
    return "" if name in known else f"unknown; {method} takes {', '.join(known)}"


def why_rule_is_unsaid(state: RuleState) -> str:
    """Say why no spec can ask for a rule that is as this one, `""` where one can."""
    name = dict(state.tags).get(NAME_TAG, "")
    if name and not is_dns_name(name):
        return f"its tag {NAME_TAG} is no DNS name"
    if state.algorithm not in {one.value for one in Algorithm}:
        return f"its algorithm is {state.algorithm}"
    return _why_unsaid(state.stickiness) if state.stickiness else ""


def _why_unsaid(sticky: Stickiness) -> str:
    if why := wrong_method(sticky.method):
        return f"it is sticky by {sticky.method} ({why})"
    odd = [
        name
        for name, value in sticky.parameters
        if wrong_parameter(sticky.method, name) or not value
    ]
    return f"{sticky.method} has no {odd[0]} that could be said" if odd else ""


def can_be_said(acl: AclList) -> bool:
    """Whether a spec can write out all entries of a list, and not just its name."""
    return all(_entry_can_be_said(rule) for rule in acl.rules)


def _entry_can_be_said(rule: AclRule) -> bool:
    if not rule.cidrs or not is_protocol(rule.protocol):
        return False
    if rule.start_port is not None and rule.protocol not in WITH_PORTS:
        return False
    return rule.icmp_type is None or rule.protocol == "icmp"
