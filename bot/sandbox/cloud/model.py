"""The things a pretend cloud is made of, as plain mutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    ROOT_ADMIN = "root-admin"
    READ_ONLY = "read-only-admin"
    DOMAIN_ADMIN = "domain-admin"
    USER = "user"


class Refusal(StrEnum):
    """What a host can be told to refuse."""

    STOP = "stop"
    START = "start"
    RULES = "rules"


class Kind(StrEnum):
    """What a machine is; the value is the type name of com.cloud.vm.VirtualMachine."""

    ILB = "InternalLoadBalancerVm"
    ROUTER = "DomainRouter"
    USER = "User"


@dataclass(slots=True, kw_only=True, eq=False)
class Record:
    """What everything has: the uuid the API shows and the number texts and names carry."""

    id: str
    number: int
    removed: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Account(Record):
    name: str
    role: Role
    domain: str
    domain_id: str
    domain_path: str
    user_id: str
    api_key: str = ""
    secret_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    name: str


@dataclass(slots=True, kw_only=True, eq=False)
class Owned(Record):
    """A thing of an account or of a project, never of both as far as the API shows."""

    account: Account
    project: Project | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Zone(Record):
    name: str
    dns: str
    domain: str


@dataclass(slots=True, kw_only=True, eq=False)
class Pod(Record):
    name: str


@dataclass(slots=True, kw_only=True, eq=False)
class Host(Record):
    name: str
    pod: Pod
    cluster_id: str
    cluster: str
    address: str
    created: float
    state: str = "Up"
    resource_state: str = "Enabled"
    cpu_percent: float = 8.0


@dataclass(slots=True, kw_only=True, eq=False)
class Template(Record):
    """`version` is what a machine booted from it reports; the API never shows it."""

    name: str
    version: str
    created: float
    system: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class ServiceOffering(Record):
    name: str
    cpus: int
    mhz: int
    memory_mb: int
    created: float
    systemvm_type: str | None = None
    default: bool = False
    limits_cpu: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class NetworkOffering(Record):
    name: str
    text: str
    created: float
    lb_provider: str | None
    for_vpc: bool = True
    redundant: bool = False
    state: str = "Enabled"
    conserve: bool = False
    max_connections: int = 4096
    keep_alive: bool = False
    built_in: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Provider(Record):
    """A network service provider of the physical network."""

    name: str
    services: tuple[str, ...]
    state: str = "Enabled"


@dataclass(slots=True, kw_only=True, eq=False)
class LbElement(Record):
    """The element of the internal LB provider; it must be enabled before its provider."""

    provider: Provider
    enabled: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class Vpc(Owned):
    name: str
    cidr: str
    created: float
    redundant: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class AclList(Record):
    """A network ACL list; without a VPC it is one of everybody's."""

    name: str
    description: str | None = None
    vpc: Vpc | None = None
    built_in: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class AclItem(Record):
    """One rule of an ACL list; the lowest number is looked at first."""

    acl: AclList
    position: int
    protocol: str = "tcp"
    start_port: int | None = None
    end_port: int | None = None
    cidrs: str = "0.0.0.0/0,::/0"
    icmp_type: int | None = None
    icmp_code: int | None = None
    traffic: str = "Ingress"
    action: str = "Allow"
    reason: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Tier(Owned):
    """A network of a VPC, or an isolated one with routers of its own where `vpc` is None.

    `state` is Allocated, Implementing, Implemented or Shutdown; `redundant` is an isolated
    network's own flag, tiers have their VPC's.
    """

    name: str
    vpc: Vpc | None
    cidr: str
    gateway: str
    netmask: str
    offering: NetworkOffering
    created: float
    vlan: int
    state: str = "Implemented"
    acl: AclList | None = None
    redundant: bool = False

    @property
    def described(self) -> str:
        """The JSON that CloudStack's texts carry instead of a name."""
        return (
            f'Network {{"id": {self.number}, "name": "{self.name}", "uuid": "{self.id}", '
            f'"networkofferingid": {self.offering.number}}}'
        )

    def shares_routers_with(self, other: Tier) -> bool:
        return self is other or (self.vpc is not None and self.vpc is other.vpc)


@dataclass(slots=True, kw_only=True, eq=False)
class HealthCheck:
    name: str
    type: str
    status: str
    details: str
    updated: float
    heals: bool = True  # whether a start of the machine mends it: seen at the next collection


@dataclass(slots=True, kw_only=True, eq=False)
class Machine(Owned):
    """A VM of any kind. `state` is what the server believes, `powered_on` what is true.

    `template` is what the server will boot from next, `disk` what the root disk holds now, and
    `version` what the guest said when it last booted. `going_down` is a guest on its way down in
    a stop that its host did not refuse, `haproxy_is_up` and `haproxy_starts` an ILB VM's HAProxy.
    """

    name: str
    kind: Kind
    tier: Tier
    pod: Pod
    template: Template
    disk: Template
    offering: ServiceOffering
    address: str
    mac: str
    created: float
    state: str = "Stopped"
    powered_on: bool = False
    going_down: bool = False
    haproxy_is_up: bool = True
    haproxy_starts: int = 0
    host: Host | None = None
    version: str = "UNKNOWN"
    boots: int = 0
    keeps_version: bool = False
    software_version: str | None = None
    redundant: bool = False
    redundant_state: str = "UNKNOWN"
    role_by_hand: str | None = None
    started_since_check: bool = False
    public_address: str | None = None
    display_name: str = ""
    updated: float | None = None
    was_stopped: bool = False
    checks: list[HealthCheck] = field(default_factory=list)
    cpu_percent: float = 10.0

    @property
    def described(self) -> str:
        """The JSON that CloudStack's texts carry instead of a name."""
        return (
            f'VM instance {{"id":{self.number},"instanceName":"{self.name}",'
            f'"state":"{self.state}","type":"{self.kind}","uuid":"{self.id}"}}'
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Stickiness(Record):
    """A stickiness policy; a rule has one at most."""

    rule: Rule
    name: str
    method: str
    parameters: dict[str, str]


@dataclass(slots=True, kw_only=True, eq=False)
class Rule(Owned):
    """One internal LB rule; several may share a VIP, and with it one ILB VM.

    `told` says that HAProxy was told of the rule and listens, `joining` are members of an assign
    under way, whom it was not told of yet.
    """

    name: str
    tier: Tier
    vip_tier: Tier
    vip: str
    source_port: int
    instance_port: int
    algorithm: str
    description: str | None = None
    state: str = "Add"
    display: bool = True
    members: list[Machine] = field(default_factory=list)
    half_removed: list[Machine] = field(default_factory=list)  # by a remove that a host refused
    joining: list[Machine] = field(default_factory=list)
    told: bool = field(init=False)

    def __post_init__(self) -> None:
        self.told = self.state == "Active"


@dataclass(slots=True, kw_only=True, eq=False)
class Event(Record):
    type: str
    level: str
    description: str
    state: str
    account: Account
    created: float
    resource: Record | None = None
    resource_type: str | None = None
    resource_name: str | None = None
    parent: str | None = None
    archived: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Alert(Record):
    type: int
    name: str
    description: str
    sent: float


@dataclass(slots=True, kw_only=True, eq=False)
class Job(Record):
    """An async job; `result` stays None when the server died under it."""

    command: str
    account: Account
    created: float
    parameters: dict[str, str]
    event_type: str
    bus_key: str | None = None
    bus_instance_type: str | None = None
    bus_instance_id: str | None = None
    shown_type: str | None = None
    shown_id: str | None = None
    status: int = 0
    result_code: int = 0
    result: dict[str, Any] | None = None
    completed: float | None = None
    context: dict[str, str] = field(default_factory=dict)
    start_event: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Setting:
    name: str
    value: str | None
    default: str | None
    description: str
    category: str
    group: str
    subgroup: str
    component: str
    type: str
    dynamic: bool = True
    scope: str | None = None
    parent: str | None = None
    options: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """One change that really happened in the world, whoever asked for it."""

    at: float
    kind: str
    target: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One API request that reached the world: what was called, with whose key, how it ended."""

    at: float
    command: str
    role: str
    status: int
