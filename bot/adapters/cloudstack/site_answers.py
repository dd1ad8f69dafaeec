"""Turns the rows that CloudStack answers about what a tier is provisioned with into values of ours.

Fields are those of the response classes under `org.apache.cloudstack.api.response`, read as in
`bot.adapters.cloudstack.answers`: an absent text is `""`.
"""

from __future__ import annotations

from pydantic import Field

from bot.adapters.cloudstack.answers import Answer, NicRow, TagRow
from bot.domain.site import AclList, AclRule, UserVm
from bot.domain.spec import Stickiness


class UserVmRow(Answer):
    """`UserVmResponse`; `instancename` is for root admins only."""

    id: str
    name: str = ""
    displayname: str = ""
    instancename: str = ""
    state: str = ""
    nic: tuple[NicRow, ...] = ()
    tags: tuple[TagRow, ...] = ()

    def value(self, tier_id: str) -> UserVm:
        """Return the VM with its address in the tier."""
        addresses = (nic.ipaddress for nic in self.nic if nic.networkid == tier_id)
        return UserVm(
            id=self.id,
            name=self.name,
            instance=self.instancename,
            state=self.state,
            address=next(addresses, ""),
            tags=tuple(sorted((tag.key, tag.value) for tag in self.tags)),
        )


class AclListRow(Answer):
    """`NetworkACLListResponse`; a built-in list has no VPC."""

    id: str
    name: str = ""
    description: str = ""
    vpcid: str = ""

    def value(self) -> AclList:
        """Return the list, without its entries."""
        return AclList(id=self.id, name=self.name, vpc_id=self.vpcid, description=self.description)


class AclRow(Answer):
    """`NetworkACLItemResponse`; ports are texts, and absent where all match."""

    id: str
    number: int = 0
    protocol: str = ""
    startport: str = ""
    endport: str = ""
    cidrlist: str = ""
    traffictype: str = "Ingress"
    action: str = "Allow"
    state: str = "Active"
    icmptype: int | None = None
    icmpcode: int | None = None
    reason: str = ""

    def value(self) -> AclRule:
        """Return the entry."""
        start, end = (int(port) if port else None for port in (self.startport, self.endport))
        return AclRule(
            id=self.id,
            number=self.number,
            protocol=self.protocol.lower(),
            cidrs=tuple(one.strip() for one in self.cidrlist.split(",") if one.strip()),
            is_ingress=self.traffictype.lower() == "ingress",
            allow=self.action.lower() == "allow",
            start_port=start,
            end_port=start if end is None else end,
            icmp_type=self.icmptype,
            icmp_code=self.icmpcode,
            reason=self.reason,
            state=self.state,
        )


class StickinessRow(Answer):
    """One policy of an `LBStickinessResponse`."""

    id: str
    methodname: str
    params: dict[str, str] = Field(default_factory=dict)

    def value(self) -> Stickiness:
        """Return the policy."""
        return Stickiness(self.methodname, tuple(sorted(self.params.items())))


class StickinessesRow(Answer):
    """`LBStickinessResponse`: the policies of one rule, of which one at most is in force."""

    stickinesspolicy: tuple[StickinessRow, ...] = ()


class ElementRow(Answer):
    """`InternalLoadBalancerElementResponse`."""

    id: str
    enabled: bool = False
