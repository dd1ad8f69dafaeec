"""Start, stop, deploy, destroy and lose machines: works that pass through the recorded states.

A machine's works wait for each other in its own queue (VmWorkJobQueue of CloudStack): what is
submitted during a stop runs after it, in order. Follows VirtualMachineManagerImpl.
"""

from __future__ import annotations

from functools import partial

from bot.sandbox.cloud.frame import JobFailed
from bot.sandbox.cloud.model import Host, Kind, Machine, Refusal, ServiceOffering, Template, Tier
from bot.sandbox.cloud.processes import Work, in_turn
from bot.sandbox.cloud.records import change_state
from bot.sandbox.cloud.roles import watch_roles
from bot.sandbox.cloud.state import CloudState, stable_id

PINGS_TOLD = 3
PREFIX = {Kind.ILB: "ilb_vm", Kind.ROUTER: "router", Kind.USER: "vm"}


def start(state: CloudState, machine: Machine) -> Work:
    """Start a machine; a Running one is left as it is, which is a success."""
    yield from in_turn(state.processes, machine.id, _start(state, machine))


def stop(state: CloudState, machine: Machine, *, forced: bool = False) -> Work:
    """Stop a machine; a Stopped one is left as it is, which is a success.

    If the host refuses, a plain stop goes back to Running; a forced one leaves Stopping behind.
    """
    yield from in_turn(state.processes, machine.id, _stop(state, machine, forced=forced))


def reboot(state: CloudState, machine: Machine) -> Work:
    """Stop and start a machine in one turn.

    The state is looked at before the turn is waited for: a reboot during a stop fails at once.
    """
    if machine.state != "Running":
        raise JobFailed(
            530,
            f"Resource [DataCenter:{state.zone.number}] is unreachable: "
            f"Unable to reboot domR, it is not in right state {machine.state}",
        )
    yield from in_turn(state.processes, machine.id, _reboot(state, machine))


def destroy(state: CloudState, machine: Machine) -> Work:
    """Stop and expunge a machine: it leaves every list, its id stays known."""
    yield from in_turn(state.processes, machine.id, _destroy(state, machine))


def migrate(state: CloudState, machine: Machine, target: Host | None) -> Work:
    """Move a running machine to `target`, or to the host that a start would choose."""
    yield from in_turn(state.processes, machine.id, _migrate(state, machine, target))


def deploy_ilb_vm(state: CloudState, tier: Tier, vip: str) -> Work:
    """Create and start the ILB VM of one VIP, with the default offering and current template."""
    if state.ilb_vm_at(tier, vip) is not None:
        return
    machine = new_ilb_vm(state, tier, vip)
    yield from in_turn(state.processes, machine.id, deploy(state, machine))


def new_ilb_vm(
    state: CloudState, tier: Tier, vip: str, offering: ServiceOffering | None = None
) -> Machine:
    """Add an ILB VM that was never started: CloudStack lists it as Stopped."""
    number = state.number("machine")
    template = system_template(state)
    return state.add(
        Machine(
            id=stable_id(f"machine/{number}"),
            number=number,
            account=tier.account,
            project=tier.project,
            name=f"b-{number}-VM",
            kind=Kind.ILB,
            tier=tier,
            pod=host_for(state).pod,
            template=template,
            disk=template,
            offering=offering or default_offering(state, "internalloadbalancervm"),
            address=vip,
            mac=mac(number),
            created=state.at,
        )
    )


def boot(state: CloudState, machine: Machine) -> None:
    """Make a machine run: its disk follows the template, the guest reports its version anew.

    VolumeOrchestrator recreates a system VM's root disk when the VM's template is another one
    than the disk's; that is why stop and start is the update.
    """
    if machine.host is None:
        machine.host = host_for(state)
        machine.pod = machine.host.pod
    if machine.disk is not machine.template:
        machine.disk = machine.template
        state.effect(
            f"{PREFIX[machine.kind]}.disk_renewed", machine.name, template=machine.disk.name
        )
    machine.boots += 1
    machine.powered_on = machine.haproxy_is_up = True
    machine.going_down = False
    if machine.kind is not Kind.USER and not machine.keeps_version:
        machine.version = machine.disk.version
    if machine.kind is Kind.ROUTER:
        machine.software_version = state.version
    if machine.checks:
        moment = state.at + state.latencies.checks_fetch_s
        state.processes.call_at(moment, partial(_collect_checks, state, machine, machine.boots))
    for ping in range(1, PINGS_TOLD + 1):
        moment = state.at + ping * state.latencies.ping_interval_s
        state.processes.call_at(moment, partial(_tell_ping, state, machine, machine.boots))


def _watch(state: CloudState, machine: Machine) -> None:
    if machine.kind is Kind.ROUTER:
        machine.started_since_check = machine.state == "Running"
        watch_roles(state, machine)


def _collect_checks(state: CloudState, machine: Machine, boots: int) -> None:
    """Ask a machine for its checks again after a start, which mends those that it can mend."""
    if machine.state != "Running" or machine.boots != boots:
        return
    for check in machine.checks:
        check.updated = state.at
        if check.heals and check.status == "FAILED":
            check.status, check.details = "SUCCESS", ""


def _tell_ping(state: CloudState, machine: Machine, boots: int) -> None:
    """Publish Running to Running, which CloudStack does at the first pings after a start."""
    if machine.state == "Running" and machine.boots == boots and state.server_is_up:
        change_state(state, machine, "Running")


def host_for(state: CloudState, *, besides: Host | None = None) -> Host:
    """Return the host that takes machines and has the fewest, the oldest first among equals."""
    load = {
        host: 0
        for host in state.all(Host)
        if (host.state, host.resource_state) == ("Up", "Enabled") and host is not besides
    }
    if not load:
        raise JobFailed(533, "Unable to create a deployment: insufficient capacity")
    for machine in state.all(Machine):
        if machine.host in load:
            load[machine.host] += 1
    return min(load, key=lambda host: load[host])


def system_template(state: CloudState) -> Template:
    """Return the newest system VM template: what router.template.<hypervisor> points to."""
    return max((one for one in state.all(Template) if one.system), key=lambda one: one.number)


def default_offering(state: CloudState, systemvm_type: str) -> ServiceOffering:
    return next(
        one
        for one in state.all(ServiceOffering)
        if one.systemvm_type == systemvm_type and one.default
    )


def mac(number: int) -> str:
    return f"02:02:00:d0:{number >> 8 & 255:02x}:{number & 255:02x}"


def power_returns(state: CloudState, machine: Machine) -> None:
    """Believe the hypervisor again about a machine that no work is looking after."""
    if machine.removed or machine.state not in ("Starting", "Stopping"):
        return
    new = "Running" if machine.powered_on else "Stopped"
    machine.going_down = False
    change_state(state, machine, new)
    if new == "Stopped":
        machine.host = None


def _start(state: CloudState, machine: Machine) -> Work:
    if machine.removed:
        raise JobFailed(530, f"Unable to start {machine.described}")
    if machine.state == "Running":
        return
    yield state.latencies.start_queue_s
    if machine.state != "Stopped":
        raise JobFailed(
            530,
            "Unable to orchestrate the start of VM instance "
            f'{{"instanceName":"{machine.name}","uuid":"{machine.id}"}}.',
        )
    machine.host = host_for(state)
    machine.pod = machine.host.pod
    change_state(state, machine, "Starting")
    change_state(state, machine, "Starting")  # recorded twice: the host is chosen in between
    yield state.latencies.start_s
    _require_host(state, machine)
    boot(state, machine)
    change_state(state, machine, "Running")
    _watch(state, machine)
    state.effect(f"{PREFIX[machine.kind]}.started", machine.name, id=machine.id)


def _require_host(state: CloudState, machine: Machine) -> None:
    if state.host_refuses(Refusal.START):
        text = f"Unable to create a deployment for {machine.described}"
        change_state(state, machine, "Stopped")
        machine.host = None
        raise JobFailed(530, f"Unable to start a VM [{machine.id}] due to [{text}].")


def _stop(state: CloudState, machine: Machine, *, forced: bool = False) -> Work:
    if machine.state == "Stopped":
        return
    described = machine.described
    if machine.state != "Stopping":
        yield state.latencies.stop_queue_s
        change_state(state, machine, "Stopping")
    machine.going_down = machine.powered_on and not state.refusals[Refusal.STOP]
    yield state.latencies.stop_s
    if state.host_refuses(Refusal.STOP):
        machine.going_down = False
        if forced:
            raise JobFailed(530, "Unable to stop the virtual machine due to Simulated failure")
        change_state(state, machine, "Running")
        raise JobFailed(530, f"Unable to stop {described}")
    machine.powered_on = machine.going_down = False
    machine.was_stopped = True
    change_state(state, machine, "Stopped")
    _watch(state, machine)
    machine.host = None
    state.effect(f"{PREFIX[machine.kind]}.stopped", machine.name, id=machine.id)


def _reboot(state: CloudState, machine: Machine) -> Work:
    yield from _stop(state, machine)
    yield from _start(state, machine)


def _migrate(state: CloudState, machine: Machine, target: Host | None) -> Work:
    if machine.state != "Running":
        raise JobFailed(431, f"VM is not Running, unable to migrate the vm {machine.described}")
    yield state.latencies.migrate_s
    source = machine.host
    machine.host = target or host_for(state, besides=source)
    machine.pod = machine.host.pod
    state.effect(
        f"{PREFIX[machine.kind]}.migrated",
        machine.name,
        id=machine.id,
        from_host=source.name if source else None,
        to_host=machine.host.name,
    )


def _destroy(state: CloudState, machine: Machine) -> Work:
    if machine.removed:
        return
    if machine.state != "Stopped":
        yield from _stop(state, machine)
    yield state.latencies.destroy_s
    change_state(state, machine, "Destroyed")
    machine.removed = True
    state.effect(f"{PREFIX[machine.kind]}.destroyed", machine.name, id=machine.id)


def deploy(state: CloudState, machine: Machine) -> Work:
    """Bring a new machine up for the first time; the caller holds its turn."""
    yield state.latencies.deploy_queue_s
    machine.host = host_for(state)
    machine.pod = machine.host.pod
    change_state(state, machine, "Starting")
    change_state(state, machine, "Starting")
    yield state.latencies.deploy_s
    _require_host(state, machine)
    boot(state, machine)
    change_state(state, machine, "Running")
    _watch(state, machine)
    state.effect(
        f"{PREFIX[machine.kind]}.deployed",
        machine.name,
        id=machine.id,
        vip=machine.address,
        tier=machine.tier.name,
    )
