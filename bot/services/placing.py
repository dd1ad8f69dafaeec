"""Reads where one machine runs and where it may move."""

from __future__ import annotations

from bot.domain.cloud import VmState
from bot.domain.placing import Machine, Placing
from bot.domain.plan import in_words
from bot.domain.router_view import RouterView
from bot.domain.site import twin_in
from bot.domain.spelling import goes_by
from bot.domain.view import View
from bot.domain.zone import Host
from bot.errors import Refused
from bot.ports import CloudReader
from bot.services.site import seen

_NO_HOSTS: tuple[Host, ...] = ()


def router_meant(view: RouterView, named: str) -> str:
    """Return the id of the router that a name means; `Refused` where it may be either of two."""
    for one in view.routers:
        if goes_by(named, {one.id, one.name}):
            return one.id
    if len(view.routers) == 1:
        return view.routers[0].id
    if not view.routers:
        raise Refused(f"{view.owner} has no router.", instead="It comes with the first VM there.")
    names = in_words([f"`{one.name}` (on {one.host_name or 'no host'})" for one in view.routers])
    raise Refused(
        f"{view.owner} has {len(view.routers)} routers, and one is moved at a time.",
        instead=f"Say which: {names}.",
    )


async def read_placing(cloud: CloudReader, view: View | RouterView, router_id: str = "") -> Placing:
    """Read the hosts around an ILB VM, or around one router of a place."""
    machine, peers = _of_routers(view, router_id) if isinstance(view, RouterView) else _of_ilb(view)
    if machine is None or machine.state is not VmState.RUNNING:
        return Placing(view, machine, peers)
    choices = await cloud.hosts_for_migration(machine.id)
    hosts = await seen(cloud.hosts, _NO_HOSTS)
    zone_id = machine.zone_id
    own = tuple(one for one in hosts if one.zone_id == zone_id)
    return Placing(view, machine, peers, choices, own)


def _of_ilb(view: View) -> tuple[Machine | None, tuple[Machine, ...]]:
    twin = twin_in(view.rules)
    return view.vm, tuple(one for one in view.tier_vms if twin and one.vip == twin)


def _of_routers(view: RouterView, router_id: str) -> tuple[Machine, tuple[Machine, ...]]:
    router = view.router(router_id)
    if router is None:
        raise Refused(f"{view.owner} no longer has router {router_id}.")
    return router, tuple(one for one in view.routers if one.id != router_id)
