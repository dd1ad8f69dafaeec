"""What surrounds the ILBs of a zone, as CloudStack told us: VPCs, networks, routers, hosts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.cloud import VmState


class Role(StrEnum):
    """A router's part in its pair (CloudStack `VirtualRouter.RedundantState`, since 4.16)."""

    PRIMARY = "PRIMARY"
    BACKUP = "BACKUP"
    FAULT = "FAULT"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def of(cls, text: str) -> Role:
        """Return the role of that name, `UNKNOWN` where we know no such role."""
        return cls(text) if text in cls._value2member_map_ else cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC; `is_redundant` says whether its routers are a pair, its ILB VMs never are."""

    id: str
    name: str
    state: str
    zone_id: str
    zone_name: str
    offering_name: str
    is_redundant: bool
    restart_required: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """An isolated network outside a VPC; it has routers and never an ILB VM.

    `can_be_redundant` says whether its offering names the capability `RedundantRouter`, whatever
    its value, which `restartNetwork makeredundant` asks for (`NetworkServiceImpl.restartNetwork`).
    """

    id: str
    name: str
    state: str
    zone_id: str
    zone_name: str
    is_redundant: bool
    can_be_redundant: bool
    restart_required: bool = False


@dataclass(frozen=True, slots=True)
class Router:
    """A virtual router of a VPC, or of an isolated network where `vpc_id` is empty.

    `version` is what the guest reported at its last boot, `software_version` what a start or a
    live patch left on it; CloudStack's own tests look at one or the other.
    """

    id: str
    name: str
    state: VmState
    role: Role
    is_redundant: bool
    network_id: str
    network_name: str
    vpc_id: str
    vpc_name: str
    zone_id: str
    zone_name: str
    version: str
    software_version: str
    offering_name: str
    host_name: str
    requires_upgrade: bool = False
    health_checks_failed: bool = False
    addresses: tuple[tuple[str, str], ...] = ()
    """Ids of networks and its address in each; root admins only see them."""
    template_id: str = ""
    template_name: str = ""
    offering_id: str = ""
    host_id: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """A hypervisor host; only one that is `Up` and `Enabled` takes system VMs."""

    id: str
    name: str
    state: str
    resource_state: str
    zone_id: str

    @property
    def takes_machines(self) -> bool:
        """Whether a system VM can be started on it or migrated to it."""
        return self.state == "Up" and self.resource_state == "Enabled"


@dataclass(frozen=True, slots=True)
class HostUse:
    """How busy a host is; `cpu_percent` is None where CloudStack has no statistics of it."""

    id: str
    name: str
    mhz: float
    cpu_percent: float | None = None


@dataclass(frozen=True, slots=True)
class HostChoice:
    """A host that `findHostsForMigration` names for a machine; never the one it is on.

    `is_suitable` is CloudStack's word for capacity and tags, not for how busy it is, which is
    `cpu_percent` where there are statistics; `moves_storage` says that its disk would have to be
    copied as well.
    """

    id: str
    name: str
    is_suitable: bool
    moves_storage: bool = False
    cpu_percent: float | None = None


@dataclass(frozen=True, slots=True)
class Offering:
    """A system service offering; the API accepts one made `for_type` routers for an ILB VM too."""

    id: str
    name: str
    for_type: str
    cpus: int
    mhz: int
    memory_mb: int
    is_capped: bool = False
    """Whether `mhz` is a limit (`limitcpuuse`) and not only a share of the host."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A network service provider on one physical network, such as `InternalLbVm`."""

    id: str
    name: str
    physical_network_id: str
    state: str


@dataclass(frozen=True, slots=True)
class PhysicalNetwork:
    """What the networks of a zone are laid on, with the methods that keep its guests apart."""

    id: str
    name: str
    zone_name: str
    isolation_methods: tuple[str, ...]
