"""Answer the commands that move, scale and refresh system VMs, and those that refuse an ILB VM.

Follows ManagementServerImpl and VirtualNetworkApplianceManagerImpl. What is for console proxies
and secondary storage VMs alone finds none here: the pretend cloud has none.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.sandbox.cloud import machines
from bot.sandbox.cloud.commands.routers import reboot_job, system_vm
from bot.sandbox.cloud.commands.submitting import Shown, event, submit_job
from bot.sandbox.cloud.frame import ApiError, Body, JobFailed
from bot.sandbox.cloud.machine_views import version_key
from bot.sandbox.cloud.model import Host, Kind, Machine, Pod, ServiceOffering
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import entity_of
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.state import CloudState

NOTHING_SHOWN = Shown(None, "SystemVm")
SCOPES = ("id", "zoneid", "podid", "clusterid", "domainid", "account")


def migrate(request: Request) -> Body:
    """Move a running system VM to a host named, or to the best other one."""
    state, machine = request.state, system_vm(request, "virtualmachineid")
    target = request.entity("hostid", Host)

    def work() -> Work:
        yield from machines.migrate(state, machine, target)
        return {"systemvm": {}}

    doing = f"Attempting to migrate VM Id: {machine.id}"
    action = event("VM.MIGRATE", machine, entity_of(machine), doing)
    return submit_job(request, work(), action, NOTHING_SHOWN)


def scale(request: Request) -> Body:
    """Change the offering of a stopped system VM; a running one would need dynamic scaling."""
    state, machine = request.state, system_vm(request, "id")
    offering = request.required_entity("serviceofferingid", ServiceOffering)

    def work() -> Work:
        yield state.latencies.rule_s
        if machine.state == "Running":
            text = "Dynamically scaling virtual machines is disabled for this zone, "
            raise JobFailed(530, text + "please contact your admin.")
        machine.offering = offering
        state.effect("machine.offering_changed", machine.name, offering=offering.name)
        return {"systemvm": {}}

    action = event("SYSTEMVM.SCALE", machine, "SystemVm", "scaling system vm")
    return submit_job(request, work(), action, NOTHING_SHOWN)


def upgrade_template(request: Request) -> Body:
    """Reboot every running router and ILB VM of the scope whose version is below the minimum.

    There is no order in it: both routers of a pair are rebooted by the same call. Unlike
    `requiresupgrade` this looks at the version alone, not at what was live-patched.
    """
    if len([name for name in SCOPES[:5] if request.text(name) is not None]) > 1:
        text = "Multiple parameters not supported. Specify only one among "
        ids = "routerId/zoneId/podId/clusterId/accountId/domainId"
        raise ApiError(431, text + ids, cserrorcode=4350)
    outdated = [one for one in _in_scope(request) if _is_outdated(request.state, one)]
    if not outdated:
        return {}
    jobs = [{"jobid": reboot_job(request, machine)} for machine in outdated]
    return {"count": len(jobs), "asyncjobs": jobs}


def _in_scope(request: Request) -> Iterator[Machine]:
    wanted, pod = request.entity("id", Machine), request.entity("podid", Pod)
    cluster = request.text("clusterid")
    if all(request.text(name) is None for name in SCOPES):
        return
    for machine in request.state.all(Machine):
        if (
            machine.kind is not Kind.USER
            and wanted in (None, machine)
            and pod in (None, machine.pod)
            and (cluster is None or (machine.host and machine.host.cluster_id == cluster))
        ):
            yield machine


def _is_outdated(state: CloudState, machine: Machine) -> bool:
    minimum = version_key(state.setting("minreq.sysvmtemplate.version"))
    return machine.state == "Running" and version_key(machine.version) < minimum


def list_others(request: Request) -> Body:
    """List console proxies and secondary storage VMs: none. A router's id finds nothing either."""
    request.entity("id", Machine)
    return {}


def refuse_instance(request: Request) -> Body:
    """Refuse what start, stop, reboot and destroySystemVm refuse."""
    machine = request.required_entity("id", Machine)
    raise ApiError(
        431,
        "Unable to find a system vm of specified instanceId",
        cserrorcode=4350,
        uuids=[(str(machine.number), "instanceId")],
    )


def refuse_service_change(request: Request) -> Body:
    machine = request.required_entity("id", Machine)
    raise ApiError(431, f"Unable to find SystemVm with id {machine.number}", cserrorcode=4350)


def refuse_patch(request: Request) -> Body:
    """Refuse inside the job: patchSystemVm is for console proxies and secondary storage VMs."""
    machine = request.required_entity("id", Machine)

    def work() -> Work:
        yield request.state.latencies.rule_s
        text = f"Unable to find SystemVm with id {machine.number}. "
        raise JobFailed(431, f"{text}patchSystemVm API can be used to patch CPVM / SSVM only.")

    action = event("LIVE.PATCH.SYSTEM.VM", machine, "SystemVm", "patching System VM")
    return submit_job(request, work(), action, NOTHING_SHOWN)
