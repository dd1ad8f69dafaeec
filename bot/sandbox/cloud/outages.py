"""Let the management server notice a machine that lost its power, and do what it does then.

Follows VirtualMachinePowerStateSyncImpl and HighAvailabilityManagerImpl as recorded: an ILB VM
goes from Running to Stopped and stays there; a router is restarted within seconds.
"""

from __future__ import annotations

from bot.sandbox.cloud import machines
from bot.sandbox.cloud.model import Kind, Machine, Refusal
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import (
    ALERT_DOMAIN_ROUTER,
    Action,
    Stage,
    change_state,
    publish_alert,
    raise_alert,
    record_event,
)
from bot.sandbox.cloud.roles import watch_roles
from bot.sandbox.cloud.state import CloudState


def notice_power_off(state: CloudState, machine: Machine, boots: int) -> None:
    """Act on the last missed ping, unless the machine was stopped or booted since."""
    if machine.removed or machine.powered_on or machine.boots != boots:
        return
    if not state.server_is_up:
        state.processes.call_at(
            state.at + state.latencies.ping_interval_s,
            lambda: notice_power_off(state, machine, boots),
        )
        return
    if machine.state != "Running":
        return
    is_router = machine.kind is Kind.ROUTER
    seen = Action(
        type="VM.STOP",
        resource=machine,
        entity="DomainRouter" if is_router else "VirtualMachine",
        resource_name=machine.name,
        said="Out of band VM power off",
    )
    record_event(state, seen, Stage.COMPLETED, account=state.system)
    if is_router:
        state.processes.spawn(_restart_router(state, machine))
        return
    change_state(state, machine, "Stopped")
    machine.host = None
    body = (
        f"VM {machine.name}({machine.described}) state is sync-ed (Stopped -> Stopped) "
        "from out-of-context transition."
    )
    publish_alert(state, "ALERT.TYPE.SYNC", "VM state sync alert", body, machine.pod)


def _restart_router(state: CloudState, machine: Machine) -> Work:
    """Stop and start a dead router, whose role changes only where a role check falls into it.

    Where the host refuses it stays Stopped, and is tried again much later.
    """
    again = Action(
        type="ROUTER.START",
        resource=machine,
        entity="DomainRouter",
        doing="Restarting router VM for HA",
        resource_name=machine.name,
    )
    share = state.latencies.router_ha_s / 3
    change_state(state, machine, "Stopping")
    change_state(state, machine, "Stopped")
    machine.host = None
    record_event(state, again, Stage.STARTED, account=state.system)
    yield 2 * share
    if state.host_refuses(Refusal.START):
        moment, boots = state.at + state.latencies.ha_retry_s, machine.boots
        state.processes.call_at(moment, lambda: _try_again(state, machine, boots))
        return
    machine.host = machines.host_for(state)
    machine.pod = machine.host.pod
    change_state(state, machine, "Starting")
    change_state(state, machine, "Starting")
    yield share
    machines.boot(state, machine)
    change_state(state, machine, "Running")
    machine.started_since_check = True
    watch_roles(state, machine)
    state.effect("router.restarted_by_ha", machine.name, id=machine.id)
    record_event(state, again, Stage.COMPLETED, account=state.system)
    subject = f"HA starting VM: {machine.name} ({machine.name})"
    raise_alert(
        state, ALERT_DOMAIN_ROUTER, "ALERT.SERVICE.DOMAINROUTER", subject, subject, machine.pod
    )


def _try_again(state: CloudState, machine: Machine, boots: int) -> None:
    if machine.state == "Stopped" and not machine.removed and machine.boots == boots:
        state.processes.spawn(_restart_router(state, machine))
