"""Turn routers, ILB VMs and tenants' VMs into the fields that list commands show.

Field sets are those of CloudStack 4.22 for a root admin; a field that would be null is left out.
"""

from __future__ import annotations

from bot.sandbox.cloud.frame import Body, date, present
from bot.sandbox.cloud.model import Kind, Machine, Tier
from bot.sandbox.cloud.state import CloudState, stable_id
from bot.sandbox.cloud.versions import ARCHITECTURE, CHECK_STATUS
from bot.sandbox.cloud.views import owner, resource_tags

CONTROL_GATEWAY = "169.254.0.1"
PUBLIC_GATEWAY = "192.0.2.1"
FREED = "Message.ReservedCapacityFreed.Flag"
CONTROL_NETMASK = "255.255.0.0"


def system_machine(state: CloudState, machine: Machine, *, checks: bool = False) -> Body:
    """Show an ILB VM or a router (DomainRouterJoinDaoImpl).

    One without a host lacks host, hypervisor and link-local fields; a destroyed one its networks.
    """
    fields = present(
        id=machine.id,
        zoneid=state.zone.id,
        zonename=state.zone.name,
        dns1=state.zone.dns,
        networkdomain=None if machine.removed else state.zone.domain,
        gateway=PUBLIC_GATEWAY if machine.public_address else None,
        name=machine.name,
        podid=machine.pod.id,
        podname=machine.pod.name,
    )
    fields |= _host_fields(machine, connected=state.hosts_are_connected)
    if not machine.removed:
        fields |= _link_local(machine) | _public(machine) | _guest(machine)
    fields |= present(
        templateid=machine.template.id,
        templatename=machine.template.name,
        created=date(machine.created),
        state=machine.state,
    )
    fields |= owner(machine) | present(
        serviceofferingid=machine.offering.id,
        serviceofferingname=machine.offering.name,
        isredundantrouter=machine.redundant,
        redundantstate=machine.redundant_state,
        version=machine.version,
        scriptsversion=stable_id(f"scripts/{machine.id}/{machine.boots}")
        if machine.boots
        else None,
        vpcid=machine.tier.vpc.id if machine.tier.vpc else None,
        vpcname=machine.tier.vpc.name if machine.tier.vpc else None,
        role="INTERNAL_LB_VM" if machine.kind is Kind.ILB else "VIRTUAL_ROUTER",
        nic=[] if machine.removed else _system_nics(state, machine),
        requiresupgrade=requires_upgrade(state, machine),
        healthchecksfailed=says_checks_failed(state, machine),
    )
    if checks:
        fields["healthcheckresults"] = health_checks(state, machine)
    return fields | present(
        softwareversion=machine.software_version,
        arch="x86_64" if state.is_since(ARCHITECTURE) else None,
        hasannotations=False,
    )


def says_checks_failed(state: CloudState, machine: Machine) -> bool:
    """Tell what `healthchecksfailed` says: 4.22 denies it beside results that are FAILED."""
    failed = any(check.status == "FAILED" for check in machine.checks)
    return failed and not state.is_since(CHECK_STATUS)


def health_checks(state: CloudState, machine: Machine) -> list[Body]:
    return [
        present(
            checkname=check.name,
            checktype=check.type,
            success=check.status == "SUCCESS",
            status=check.status if state.is_since(CHECK_STATUS) else None,
            lastupdated=date(check.updated),
            details=check.details,
        )
        for check in machine.checks
    ]


def requires_upgrade(state: CloudState, machine: Machine) -> bool:
    """Compare versions as DomainRouterJoinDaoImpl does: a live-patched router counts as current."""
    minimum = version_key(state.setting("minreq.sysvmtemplate.version"))
    if machine.software_version and version_key(machine.software_version) >= minimum:
        return False
    return version_key(machine.version) < minimum


def version_key(version: str) -> tuple[int, ...]:
    """Return "4.22.0" as (4, 22, 0); UNKNOWN comes before everything."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def user_machine(state: CloudState, machine: Machine) -> Body:
    """Show a tenant's VM (UserVmJoinDaoImpl)."""
    host = machine.host
    vpc = machine.tier.vpc
    running = machine.state == "Running"
    return (
        {"id": machine.id, "name": machine.display_name, "displayname": machine.display_name}
        | {
            key: value
            for key, value in owner(machine).items()
            if key in ("account", "projectid", "project")
        }
        | {"userid": machine.account.user_id, "username": machine.account.name}
        | {key: value for key, value in owner(machine).items() if key.startswith("domain")}
        | present(
            created=date(machine.created),
            lastupdated=date(machine.updated or machine.created),
            state=machine.state,
            haenable=False,
            zoneid=state.zone.id,
            zonename=state.zone.name,
            hostid=host.id if host else None,
            hostname=host.name if host else None,
            hostcontrolstate="Enabled" if host else None,
            templateid=machine.template.id,
            templatename=machine.template.name,
            templatetype="USER",
            templateformat="QCOW2",
            templatedisplaytext=machine.template.name,
            passwordenabled=False,
            serviceofferingid=machine.offering.id,
            serviceofferingname=machine.offering.name,
            cpunumber=machine.offering.cpus,
            cpuspeed=machine.offering.mhz,
            memory=machine.offering.memory_mb,
        )
        | (_usage() if running else {})
        | present(
            guestosid=stable_id("guest-os/debian"),
            rootdeviceid=0,
            rootdevicetype="ROOT",
            securitygroup=[],
            nic=[
                _guest_nic(machine)
                | present(
                    secondaryip=[],
                    extradhcpoption=[],
                    deviceid="0",
                    vpcid=vpc.id if vpc else None,
                    vpcname=vpc.name if vpc else None,
                )
            ],
            hypervisor="KVM",
            ipaddress=machine.address,
            instancename=machine.name,
            details={FREED: "false"} if machine.was_stopped else {},
            affinitygroup=[],
            displayvm=True,
            isdynamicallyscalable=False,
            deleteprotection=False,
            ostypeid=stable_id("guest-os/debian"),
            osdisplayname="Debian GNU/Linux 12 (64-bit)",
            bootmode=None if machine.was_stopped else "legacy",
            boottype=None if machine.was_stopped else "Bios",
            pooltype="NetworkFilesystem",
            receivedbytes=0,
            sentbytes=0,
            arch="x86_64",
            tags=resource_tags(machine, "UserVm"),
            hasannotations=False,
        )
    )


def _host_fields(machine: Machine, *, connected: bool) -> Body:
    if machine.host is None:
        return {}
    return {
        "hostid": machine.host.id,
        "hostname": machine.host.name,
        "hostcontrolstate": "Enabled" if connected else "Offline",
        "hypervisor": "KVM",
    }


def _link_local(machine: Machine) -> Body:
    network_id = {"linklocalnetworkid": stable_id("network/control")}
    if machine.host is None:
        return network_id
    address, mac = _control_address(machine)
    return {
        "linklocalip": address,
        "linklocalmacaddress": mac,
        "linklocalnetmask": CONTROL_NETMASK,
    } | network_id


def _public(machine: Machine) -> Body:
    if machine.public_address is None:
        return {}
    return {
        "publicip": machine.public_address,
        "publicmacaddress": f"1e:00:0c:{machine.mac[9:]}",
        "publicnetmask": "255.255.255.0",
        "publicnetworkid": stable_id("network/public"),
    }


def _guest(machine: Machine) -> Body:
    return {
        "guestipaddress": machine.address,
        "guestmacaddress": machine.mac,
        "guestnetmask": machine.tier.netmask,
        "guestnetworkid": machine.tier.id,
        "guestnetworkname": machine.tier.name,
    }


def _control_address(machine: Machine) -> tuple[str, str]:
    """Return a link-local address and MAC that change with every start, as the real ones do."""
    seed = (machine.number * 131 + machine.boots * 17) % 65024 + 256
    high, low = divmod(seed, 256)
    return f"169.254.{high}.{low}", f"0e:00:a9:fe:{high:02x}:{low:02x}"


def _system_nics(state: CloudState, machine: Machine) -> list[Body]:
    if machine.kind is Kind.ILB:
        return [_guest_nic(machine), _control_nic(machine)]
    guests = [
        _router_nic(machine, tier)
        for tier in state.all(Tier)
        if tier.shares_routers_with(machine.tier) and tier.state != "Allocated"
    ]
    return [_control_nic(machine), _public_nic(machine), *guests]


def _public_nic(machine: Machine) -> Body:
    uri = "vlan://50"
    return present(
        id=stable_id(f"nic/public/{machine.id}"),
        networkid=stable_id("network/public"),
        netmask="255.255.255.0",
        gateway=PUBLIC_GATEWAY,
        ipaddress=machine.public_address,
        isolationuri=uri,
        broadcasturi=uri,
        traffictype="Public",
        isdefault=True,
        macaddress=_public(machine)["publicmacaddress"],
        mtu=1500,
    )


def _router_nic(machine: Machine, tier: Tier) -> Body:
    """Show a router's leg in a tier of its VPC; of a pair, or outside VPCs, without gateway."""
    uri = f"vlan://{tier.vlan}" if machine.host else None
    host_part = machine.address.rsplit(".", 1)[1]
    return present(
        id=stable_id(f"nic/{tier.id}/{machine.id}"),
        networkid=tier.id,
        networkname=tier.name,
        netmask=tier.netmask,
        gateway=None if machine.redundant or tier.vpc is None else tier.gateway,
        ipaddress=f"{tier.gateway.rsplit('.', 1)[0]}.{host_part}",
        isolationuri=uri,
        broadcasturi=uri,
        traffictype="Guest",
        type="Isolated",
        isdefault=False,
        macaddress=machine.mac,
        mtu=1500,
    )


def _control_nic(machine: Machine) -> Body:
    address, mac = _control_address(machine) if machine.host else (None, None)
    return present(
        id=stable_id(f"nic/control/{machine.id}"),
        networkid=stable_id("network/control"),
        netmask=CONTROL_NETMASK if address else None,
        gateway=CONTROL_GATEWAY if address else None,
        ipaddress=address,
        traffictype="Control",
        isdefault=False,
        macaddress=mac,
    )


def _guest_nic(machine: Machine) -> Body:
    uri = f"vlan://{machine.tier.vlan}" if machine.host else None
    return present(
        id=stable_id(f"nic/guest/{machine.id}"),
        networkid=machine.tier.id,
        networkname=machine.tier.name,
        netmask=machine.tier.netmask,
        gateway=machine.tier.gateway,
        ipaddress=machine.address,
        isolationuri=uri,
        broadcasturi=uri,
        traffictype="Guest",
        type="Isolated",
        isdefault=True,
        macaddress=machine.mac,
    )


def _usage() -> Body:
    counters = (
        "networkkbsread networkkbswrite diskkbsread diskkbswrite memorykbs memoryintfreekbs"
        " memorytargetkbs diskioread diskiowrite"
    )
    return {"cpuused": "10%"} | dict.fromkeys(counters.split(), 0)
