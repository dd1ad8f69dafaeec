"""Answer how busy hosts and tenants' VMs are, and where a machine could move.

Follows MetricsServiceImpl and ManagementServerImpl.listHostsForMigrationOfVM.
"""

from __future__ import annotations

from bot.sandbox.cloud.commands.inventory import host_row, hosts_asked_for
from bot.sandbox.cloud.commands.user_vms import machines_asked_for
from bot.sandbox.cloud.frame import ApiError, Body
from bot.sandbox.cloud.machine_views import user_machine
from bot.sandbox.cloud.model import Host, Kind, Machine
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.state import CloudState

GIB = 1 << 30
THRESHOLDS = (
    "cputhreshold",
    "cpudisablethreshold",
    "cpuallocatedthreshold",
    "cpuallocateddisablethreshold",
    "memorythreshold",
    "memorydisablethreshold",
    "memoryallocatedthreshold",
    "memoryallocateddisablethreshold",
)


def list_host_metrics(request: Request) -> Body:
    """List hosts as listHosts does, with totals in words; no threshold is ever crossed."""
    return request.page("host", hosts_asked_for(request), lambda one: _host(request.state, one))


def list_machine_metrics(request: Request) -> Body:
    """List tenants' VMs with totals in words; the id of a system VM finds nothing."""
    found = machines_asked_for(request)
    return request.page("virtualmachine", found, lambda one: _machine(request.state, one))


def find_hosts(request: Request) -> Body:
    """List the other hosts of the cluster that are up; only a running machine can move."""
    machine = request.required_entity("virtualmachineid", Machine)
    if machine.state != "Running":
        text = "VM is not running, cannot migrate the vm with specified id"
        raise ApiError(431, text, cserrorcode=4350, uuids=[(machine.id, "vmId")])
    found = [
        one
        for one in request.state.all(Host)
        if machine.host is not None
        and one is not machine.host
        and one.cluster_id == machine.host.cluster_id
        and (one.state, one.resource_state) == ("Up", "Enabled")
    ]
    fits = {"suitableformigration": True, "requiresStorageMotion": False}
    return request.page("host", found, lambda one: host_row(request.state, one) | fits)


def _host(state: CloudState, host: Host) -> Body:
    row = host_row(state, host)
    users, others = _counts(state, host)
    ghz = row["cpunumber"] * row["cpuspeed"] / 1000
    return (
        {
            "powerstate": "Disabled",
            "instances": f"{users} / {users}",
            "systeminstances": f"{others} / {others}",
            "cputotalghz": f"{ghz:.2f} Ghz",
            "cpuusedghz": f"{ghz * host.cpu_percent / 100:.2f} Ghz",
            "cpuallocatedghz": f"{row['cpuallocatedvalue'] / 1000:.2f} Ghz",
            "memorytotalgb": f"{row['memorytotal'] / GIB:.2f} GB",
            "memoryusedgb": f"{row['memoryused'] / GIB:.2f} GB",
            "memoryallocatedgb": f"{row['memoryallocated'] / GIB:.2f} GB",
            "networkread": "0.00 GB",
            "networkwrite": "0.00 GB",
        }
        | dict.fromkeys(THRESHOLDS, False)
        | row
    )


def _counts(state: CloudState, host: Host) -> tuple[int, int]:
    """Return how many tenants' VMs and how many system VMs run on a host."""
    here = [one for one in state.all(Machine) if one.host is host]
    users = sum(one.kind is Kind.USER for one in here)
    return users, len(here) - users


def _machine(state: CloudState, machine: Machine) -> Body:
    """Show a VM with its totals; unlike listVirtualMachines without the path of its domain."""
    row = {key: value for key, value in user_machine(state, machine).items() if key != "domainpath"}
    if machine.state == "Running":
        row["cpuused"] = f"{machine.cpu_percent:g}%"
    return {
        "cputotal": f"{machine.offering.cpus * machine.offering.mhz / 1000:.1f} Ghz",
        "memorytotal": f"{machine.offering.memory_mb / 1024:.2f} GiB",
        "networkread": "32.00 MiB",
        "networkwrite": "16.00 MiB",
        "diskread": "0.00 MiB",
        "diskwrite": "0.00 MiB",
        "diskiopstotal": 0,
    } | row
