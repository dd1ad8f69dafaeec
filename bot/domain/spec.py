"""What a person wants of the load balancing of one tier: ILBs, services, rules, members, ACL."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PROVIDER = "InternalLbVm"
"""The only provider of internal load balancing (CloudStack `InternalLoadBalancerElement`)."""

# Tags on LB rules (resource type `LoadBalancer`): the cloud remembers, no database of ours does.
SERVICE_TAG = "ilbot.service"
NAME_TAG = "ilbot.name"
TWIN_TAG = "ilbot.twin"
"""On the rules of both twins, with the other's address as its value. It cannot be on the ILB VM,
which takes no tags (`ResourceObjectType`)."""
APPLIED_TAG = "ilbot.applied"
"""A fingerprint of the rule as ilbot left it: where the rule has another one, somebody else
changed it."""
KEEPER_TAG = "ilbot.keeper"
"""On a rule that only holds a VIP while another one on it is replaced."""


class Algorithm(StrEnum):
    """How an LB rule chooses a member; CloudStack knows these three for an ILB."""

    ROUNDROBIN = "roundrobin"
    LEASTCONN = "leastconn"
    SOURCE = "source"


class MemberBy(StrEnum):
    """By what a spec names a member."""

    NAME = "name"
    ID = "id"
    TAG = "tag"


@dataclass(frozen=True, slots=True, order=True)
class MemberRef:
    """VMs of the tier as a spec names them; a tag is `key=value` and may name several or none."""

    by: MemberBy
    value: str

    def __str__(self) -> str:
        return self.value if self.by is MemberBy.NAME else f"{self.by} {self.value}"


@dataclass(frozen=True, slots=True, order=True)
class Stickiness:
    """A stickiness policy; `parameters` are CloudStack's names and values, sorted."""

    method: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One LB rule: TCP from `port` of the VIP to `to` of its members.

    `is_absent` asks for a port without a rule. `name` is empty where CloudStack's may be anything.
    """

    port: int
    to: int
    algorithm: Algorithm = Algorithm.ROUNDROBIN
    members: tuple[MemberRef, ...] = ()
    stickiness: Stickiness | None = None
    name: str = ""
    is_absent: bool = False


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """Rules of one VIP that belong together; `name` and `fqdn` are kept as tags on its rules."""

    rules: tuple[RuleSpec, ...]
    name: str = ""
    fqdn: str = ""


@dataclass(frozen=True, slots=True)
class IlbSpec:
    """One ILB; with no `vip` the one that serves its services already, else the next free."""

    services: tuple[ServiceSpec, ...]
    vip: str = ""


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One wanted entry of a network ACL list.

    `sources` are CIDRs or names of tiers of the VPC. `ports` is a range, None for all (or none,
    where the protocol has no ports). `protocol` is tcp, udp, icmp, all or a number; `icmp` is type
    and code, -1 for any.
    """

    allow: bool
    protocol: str
    sources: tuple[str, ...]
    ports: tuple[int, int] | None = None
    is_ingress: bool = True
    icmp: tuple[int, int] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AclSpec:
    """The network ACL list of the tier: an existing one by `name`, or what it says, in order."""

    name: str = ""
    entries: tuple[AclEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """All that is wanted of one tier; `tier` is `VPC/TIER`, a tier's name or its id."""

    tier: str
    ilbs: tuple[IlbSpec, ...]
    provider: str = PROVIDER
    offering: str = ""
    acl: AclSpec | None = None
