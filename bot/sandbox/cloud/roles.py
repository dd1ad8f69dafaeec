"""Say which router of a pair is PRIMARY or BACKUP, as the management server gets to know it.

Follows VirtualNetworkApplianceManagerImpl.updateRoutersRedundantState.
"""

from __future__ import annotations

from bot.sandbox.cloud.model import Kind, Machine, Tier, Vpc
from bot.sandbox.cloud.records import ALERT_DOMAIN_ROUTER, raise_alert
from bot.sandbox.cloud.state import CloudState


def routers_of(state: CloudState, home: Vpc | Tier) -> list[Machine]:
    """Return the routers of a VPC or of an isolated network, oldest first."""
    return [one for one in state.machines(Kind.ROUTER) if home_of(one.tier) is home]


def home_of(tier: Tier) -> Vpc | Tier:
    return tier.vpc or tier


def watch_roles(state: CloudState, router: Machine) -> None:
    """Look at a router's pair at the next check: routers are asked every 30 s, not when told."""
    home, every = home_of(router.tier), state.latencies.role_check_s
    due = state.at + every - (state.at - state.server_started) % every
    state.processes.call_at(due, lambda: check_roles(state, home))


def check_roles(state: CloudState, home: Vpc | Tier) -> None:
    """Say what keepalived says by now: one PRIMARY, one BACKUP, UNKNOWN where nothing runs.

    A primary that was started since the last check has lost its part to a backup that ran on
    (VRRP without preemption). A role set by hand stays. A single router has no role.
    """
    pair = routers_of(state, home)
    if len(pair) != 2:
        return
    if not state.server_is_up:  # nobody asks meanwhile; the next check will
        every = state.latencies.role_check_s
        state.processes.call_at(state.at + every, lambda: check_roles(state, home))
        return
    awake = [one for one in pair if one.state == "Running" and one.powered_on]
    free = [one for one in awake if one.role_by_hand is None]
    primary = next((one for one in awake if one.redundant_state == "PRIMARY"), None)
    ran_on = [one for one in free if not one.started_since_check]
    if primary is not None and primary.started_since_check and ran_on:
        primary = None
    if primary is None and free:
        backups = [one for one in ran_on or free if one.redundant_state == "BACKUP"]
        primary = (backups or ran_on or free)[0]
    for router in pair:
        router.started_since_check = False
        if router not in awake:
            role = "UNKNOWN"
        else:
            role = router.role_by_hand or ("PRIMARY" if router is primary else "BACKUP")
        _change_role(state, router, role)
    _tell_two_primaries(state, pair)


def _change_role(state: CloudState, router: Machine, role: str) -> None:
    """Change a role; CloudStack tells only of a new PRIMARY."""
    old, router.redundant_state = router.redundant_state, role
    if role == old:
        return
    state.effect("router.role_changed", router.name, id=router.id, role=role)
    if role != "PRIMARY":
        return
    told = f"just switch from {old} to PRIMARY"
    subject = f"Redundant virtual router {router.name} {told}"
    body = f"Redundant virtual router [{_described(router)}] with hostname: {router.name} {told}"
    raise_alert(state, ALERT_DOMAIN_ROUTER, "ALERT.SERVICE.DOMAINROUTER", subject, body, router.pod)


def _tell_two_primaries(state: CloudState, pair: list[Machine]) -> None:
    if not all(one.redundant_state == "PRIMARY" for one in pair):
        return
    first, second = pair
    subject = (
        "More than one redundant virtual router is in PRIMARY state! "
        f"Router {first.name} and router {second.name}"
    )
    raise_alert(
        state, ALERT_DOMAIN_ROUTER, "ALERT.SERVICE.DOMAINROUTER", subject, subject, pair[0].pod
    )


def _described(router: Machine) -> str:
    return router.described.replace("VM instance", "DomainRouter", 1)
