"""Turns the rows that CloudStack answers about what surrounds the ILBs into values of ours.

Fields are those of the response classes under `org.apache.cloudstack.api.response`, read as in
`bot.adapters.cloudstack.answers`: an absent text is `""`.
"""

from __future__ import annotations

from bot.adapters.cloudstack.answers import Answer, NicRow, SystemVmRow
from bot.domain.cloud import VmState
from bot.domain.zone import (
    Host,
    HostChoice,
    HostUse,
    Network,
    Offering,
    Provider,
    Role,
    Router,
    Vpc,
    Zone,
)


class ZoneRow(Answer):
    """`ZoneResponse`."""

    id: str
    name: str

    def value(self) -> Zone:
        """Return the zone."""
        return Zone(id=self.id, name=self.name)


class VpcRow(Answer):
    """`VpcResponse`; it lists the networks of the VPC too, which are read elsewhere, at once."""

    id: str
    name: str
    state: str = ""
    zoneid: str = ""
    zonename: str = ""
    vpcofferingname: str = ""
    redundantvpcrouter: bool = False
    restartrequired: bool = False

    def value(self) -> Vpc:
        """Return the VPC."""
        return Vpc(
            id=self.id,
            name=self.name,
            state=self.state,
            zone_id=self.zoneid,
            zone_name=self.zonename,
            offering_name=self.vpcofferingname,
            is_redundant=self.redundantvpcrouter,
            restart_required=self.restartrequired,
        )


class CapabilityRow(Answer):
    """`CapabilityResponse`: what a provider says of a service of a network."""

    name: str


class ServiceRow(Answer):
    """`ServiceResponse`."""

    name: str
    capability: tuple[CapabilityRow, ...] = ()


class IsolatedNetworkRow(Answer):
    """`NetworkResponse` of a network that may have a router of its own."""

    id: str
    name: str
    state: str = ""
    type: str = ""
    vpcid: str = ""
    zoneid: str = ""
    zonename: str = ""
    redundantrouter: bool = False
    restartrequired: bool = False
    service: tuple[ServiceRow, ...] = ()

    def value(self) -> Network:
        """Return the network."""
        capabilities = (c.name for s in self.service if s.name == "SourceNat" for c in s.capability)
        return Network(
            id=self.id,
            name=self.name,
            state=self.state,
            zone_id=self.zoneid,
            zone_name=self.zonename,
            is_redundant=self.redundantrouter,
            can_be_redundant="RedundantRouter" in capabilities,
            restart_required=self.restartrequired,
        )


class RouterRow(SystemVmRow):
    """A router; 4.15 and older said MASTER for PRIMARY."""

    redundantstate: str = ""
    isredundantrouter: bool = False
    softwareversion: str = ""
    nic: tuple[NicRow, ...] = ()

    def value(self) -> Router:
        """Return the router."""
        return Router(
            id=self.id,
            name=self.name,
            state=VmState.of(self.state),
            role=Role.of(self.redundantstate),
            is_redundant=self.isredundantrouter,
            network_id=self.guestnetworkid,
            network_name=self.guestnetworkname,
            vpc_id=self.vpcid,
            vpc_name=self.vpcname,
            zone_id=self.zoneid,
            zone_name=self.zonename,
            version=self.reported_version,
            software_version=self.softwareversion,
            offering_name=self.serviceofferingname,
            host_name=self.hostname,
            requires_upgrade=self.requiresupgrade,
            health_checks_failed=self.healthchecksfailed,
            addresses=tuple(sorted((nic.networkid, nic.ipaddress) for nic in self.nic)),
            template_id=self.templateid,
            template_name=self.templatename,
            offering_id=self.serviceofferingid,
            host_id=self.hostid,
        )


class HostRow(Answer):
    """`HostResponse`."""

    id: str
    name: str
    state: str = ""
    resourcestate: str = ""
    zoneid: str = ""

    def value(self) -> Host:
        """Return the host."""
        return Host(
            id=self.id,
            name=self.name,
            state=self.state,
            resource_state=self.resourcestate,
            zone_id=self.zoneid,
        )


class HostUseRow(Answer):
    """`HostResponse` with its statistics; `cpuused` is text such as `8.25%`."""

    id: str
    name: str
    cpuspeed: float = 0.0
    cpuused: str = ""

    def value(self) -> HostUse:
        """Return how busy it is."""
        return HostUse(self.id, self.name, self.cpuspeed, _used(self.cpuused))


def _used(cpuused: str) -> float | None:
    text = cpuused.strip().removesuffix("%").replace(",", ".")
    return float(text) if text.replace(".", "", 1).isdecimal() else None


class HostChoiceRow(Answer):
    """`HostForMigrationResponse`, which has the statistics of a host as well."""

    id: str
    name: str
    suitableformigration: bool = False
    requiresStorageMotion: bool = False  # noqa: N815 - the API's spelling
    cpuused: str = ""

    def value(self) -> HostChoice:
        """Return the choice."""
        return HostChoice(
            id=self.id,
            name=self.name,
            is_suitable=self.suitableformigration,
            moves_storage=self.requiresStorageMotion,
            cpu_percent=_used(self.cpuused),
        )


class OfferingRow(Answer):
    """`ServiceOfferingResponse` of a system offering; its sizes may be left to the deployment."""

    id: str
    name: str
    systemvmtype: str = ""
    cpunumber: int = 0
    cpuspeed: int = 0
    memory: int = 0
    limitcpuuse: bool = False

    def value(self) -> Offering:
        """Return the offering."""
        return Offering(
            id=self.id,
            name=self.name,
            for_type=self.systemvmtype,
            cpus=self.cpunumber,
            mhz=self.cpuspeed,
            memory_mb=self.memory,
            is_capped=self.limitcpuuse,
        )


class ProviderRow(Answer):
    """`ProviderResponse`."""

    id: str
    name: str
    physicalnetworkid: str = ""
    state: str = ""

    def value(self) -> Provider:
        """Return the provider."""
        return Provider(
            id=self.id,
            name=self.name,
            physical_network_id=self.physicalnetworkid,
            state=self.state,
        )
