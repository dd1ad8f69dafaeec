"""Check what an ACL rule is asked to be, in CloudStack's order and words.

Follows NetworkACLServiceImpl.validateNetworkAclItem and CreateNetworkACLCmd: all of it happens on
submit.
"""

from __future__ import annotations

from ipaddress import ip_network

from bot.sandbox.cloud.frame import ApiError
from bot.sandbox.cloud.model import AclItem, AclList, Tier
from bot.sandbox.cloud.request import Request

PROTOCOLS = ("tcp", "udp", "icmp", "all")
TRAFFIC = ("ingress", "egress")
ACTIONS = ("allow", "deny")


def checked_item(request: Request) -> AclItem:
    """Return the rule that a createNetworkACL asks for; it is not in the world yet."""
    acl = _acl(request)
    protocol = request.text("protocol") or "tcp"
    item = AclItem(
        **request.state.identity("acl-item"),
        acl=acl,
        position=_position(request, acl),
        protocol=protocol,
    )
    apply_parameters(request, item)
    return item


def apply_parameters(request: Request, item: AclItem, *, keeps_rest: bool = True) -> None:
    """Set what the request names; with `keeps_rest` false everything else gets its default."""
    blank = AclItem(id="", number=0, acl=item.acl, position=item.position)
    base = item if keeps_rest else blank
    item.protocol = _protocol(request.text("protocol") or base.protocol)
    start, end = request.integer("startport"), request.integer("endport")
    item.start_port = start if start is not None else base.start_port
    item.end_port = end if end is not None else (start if start is not None else base.end_port)
    item.cidrs = _cidrs(request.text("cidrlist") or base.cidrs)
    item.icmp_type = _given(request.integer("icmptype"), base.icmp_type)
    item.icmp_code = _given(request.integer("icmpcode"), base.icmp_code)
    item.traffic = _traffic(request.text("traffictype") or base.traffic)
    item.action = _action(request.text("action") or base.action)
    item.reason = request.text("reason") or base.reason
    _require_sane_ports(item)
    _require_sane_icmp(item)


def require_free_position(item: AclItem, position: int, others: list[AclItem]) -> None:
    if position < 1:
        raise _refusal(f"Invalid number [{position}]. Number cannot be < 1")
    if any(one.position == position and one is not item for one in others):
        raise _refusal(f"ACL item with number {position} already exists in ACL: {item.acl.id}")


def items_of(request: Request, acl: AclList) -> list[AclItem]:
    return [one for one in request.state.all(AclItem) if one.acl is acl]


def require_changeable(acl: AclList) -> None:
    if acl.built_in:
        raise _refusal("Default ACL cannot be modified")


def _acl(request: Request) -> AclList:
    acl, tier = request.entity("aclid", AclList), request.entity("networkid", Tier)
    if acl is None and tier is None:
        raise _refusal("Cannot create Network ACL Item. ACL Id or network Id is required")
    found = acl or (tier.acl if tier else None)
    assert found is not None
    require_changeable(found)
    return found


def _position(request: Request, acl: AclList) -> int:
    asked = request.integer("number")
    items = items_of(request, acl)
    if asked is None:
        return max((one.position for one in items), default=0) + 1
    require_free_position(AclItem(id="", number=0, acl=acl, position=asked), asked, items)
    return asked


def _protocol(text: str) -> str:
    if text.isdigit() and 0 <= int(text) <= 255:
        return text
    if text.lower() not in PROTOCOLS:
        raise _refusal(f"Invalid protocol [{text}]. Expected one of: [tcp,udp,icmp,all]")
    return text.lower()


def _cidrs(text: str) -> str:
    for one in text.split(","):
        try:
            ip_network(one, strict=False)
        except ValueError:
            raise ApiError(431, f"Source cidrs formatting error {one}") from None
    return text


def _traffic(text: str) -> str:
    if text.lower() not in TRAFFIC:
        raise _refusal(f"Invalid traffic type {text}")
    return text.capitalize()


def _action(text: str) -> str:
    if text.lower() not in ACTIONS:
        raise _refusal(f"Invalid action [{text}]. Permitted actions are Allow and Deny")
    return text.capitalize()


def _require_sane_ports(item: AclItem) -> None:
    start, end = item.start_port, item.end_port
    if item.protocol == "all" and (start is not None or end is not None):
        raise _refusal("start port and end port must be null if protocol = 'all'")
    for port, name in ((start, "Start"), (end, "End")):
        if port is not None and not 1 <= port <= 65535:
            raise _refusal(f"{name} public port is an invalid value: {port}")
    if start is not None and end is not None and start > end:
        raise _refusal(
            f"Start port can't be bigger than end port [startport={start},endport={end}]"
        )


def _require_sane_icmp(item: AclItem) -> None:
    if item.icmp_type is not None and not -1 <= item.icmp_type <= 255:
        raise _refusal(f"Invalid icmp type [{item.icmp_type}]. It should belong to [0-255] range")


def _given(new: int | None, old: int | None) -> int | None:
    return old if new is None else new


def _refusal(text: str) -> ApiError:
    return ApiError(431, text, cserrorcode=4350)
