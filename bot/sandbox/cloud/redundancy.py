"""Deploy and replace the routers of a VPC or of an isolated network.

Follows VpcManagerImpl.rollingRestartVpc and NetworkOrchestrator.rollingRestartRouters.
"""

from __future__ import annotations

from bot.sandbox.cloud import machines
from bot.sandbox.cloud.addresses import next_free
from bot.sandbox.cloud.model import Kind, Machine, Tier, Vpc
from bot.sandbox.cloud.processes import Work, in_turn
from bot.sandbox.cloud.roles import home_of, routers_of
from bot.sandbox.cloud.state import CloudState, stable_id


def ensure_routers(state: CloudState, tier: Tier) -> Work:
    """Deploy the routers that a network comes up with, where there are none yet."""
    home = home_of(tier)
    if routers_of(state, home):
        return
    public = f"192.0.2.{100 + state.number('public-address') % 150}"
    for _ in range(2 if home.redundant else 1):
        yield from _deploy(state, tier, public)


def start_stopped(state: CloudState, home: Vpc | Tier) -> Work:
    """Start the routers that do not run, and deploy one that a pair lacks.

    What a restart without clean-up does (RouterDeploymentDefinition.findOrDeployVirtualRouter).
    """
    routers = routers_of(state, home)
    for router in routers:
        if router.state == "Stopped":
            yield from machines.start(state, router)
    if len(routers) == 1 and home.redundant:
        yield from _deploy(state, routers[0].tier, routers[0].public_address or "")


def rolling_restart(state: CloudState, home: Vpc | Tier) -> Work:
    """Replace routers one after the other, the backup first; ILB VMs stay as they are.

    Routers that do not run go at once; of two that do, the one in BACKUP goes, or else the last.
    A new one is there before the old primary is destroyed, ten seconds after (VRRP's hand-over).
    """
    old = routers_of(state, home)
    if not old:
        return
    tier, public = old[0].tier, old[0].public_address or ""
    for router in [one for one in old if one.state != "Running"]:
        yield from machines.destroy(state, router)
    alive = [one for one in old if one.state == "Running"]
    if len(alive) > 1:
        backups = [one for one in alive if one.redundant_state == "BACKUP"]
        expendable = backups[0] if backups else alive[-1]
        yield from machines.destroy(state, expendable)
        alive.remove(expendable)
    yield from _deploy(state, tier, public)
    yield state.latencies.handover_s
    for router in alive:
        yield from machines.destroy(state, router)
    if home.redundant:
        yield from _deploy(state, tier, public)


def _deploy(state: CloudState, tier: Tier, public: str) -> Work:
    number, template = state.number("machine"), machines.system_template(state)
    router = state.add(
        Machine(
            id=stable_id(f"machine/{number}"),
            number=number,
            account=tier.account,
            project=tier.project,
            name=f"r-{number}-VM",
            kind=Kind.ROUTER,
            tier=tier,
            pod=machines.host_for(state).pod,
            template=template,
            disk=template,
            offering=machines.default_offering(state, "domainrouter"),
            address=next_free(state, tier) or tier.gateway,
            mac=machines.mac(number),
            created=state.at,
            redundant=home_of(tier).redundant,
            public_address=public,
        )
    )
    yield from in_turn(state.processes, router.id, machines.deploy(state, router))
