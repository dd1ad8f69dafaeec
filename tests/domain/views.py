"""Views for tests of pure functions: one by hand, and any at all by hypothesis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from bot.domain.cloud import CloudEvent, IlbVm, LbRule, Member, Template, Tier, VmState
from bot.domain.service_view import ServiceView
from bot.domain.site import Site
from bot.domain.view import MOVES, View

NOW = 1_800_000_000.0
VIP = "10.20.1.10"
TIER = Tier("t-1", "app-tier", "Implemented", "10.20.1.0/24", "v-1", "shop", "z-1", "fra-1")
VM = IlbVm(
    id="m-1",
    name="b-31-VM",
    state=VmState.RUNNING,
    vip=VIP,
    tier_id="t-1",
    tier_name="app-tier",
    vpc_id="v-1",
    vpc_name="shop",
    zone_id="z-1",
    zone_name="fra-1",
    version="4.20.0",
    template_id="tpl-22",
    template_name="systemvm-kvm-4.22.0-x86_64",
    offering_id="o-1",
    offering_name="small",
    host_id="h-1",
    host_name="kvm-1",
)
NEIGHBOUR = replace(VM, id="m-2", name="b-32-VM", vip="10.20.1.11")
MEMBERS = tuple(Member(f"u-{n}", f"i-2-{n}-VM", f"10.20.1.{20 + n}") for n in (1, 2))
HTTP = LbRule("r-1", "http", "t-1", VIP, 80, 8080, "roundrobin", "Active", MEMBERS)
HTTPS = LbRule("r-2", "https", "t-1", VIP, 443, 8443, "source", "Active", MEMBERS)
ADMIN = LbRule("r-3", "admin", "t-1", NEIGHBOUR.vip, 8443, 8443, "source", "Active", MEMBERS)


def event(event_type: str, age_s: float, state: str = "Completed", **given: Any) -> CloudEvent:
    """Return an event of that age; its id names type, age and state."""
    values: dict[str, Any] = {
        "id": f"{event_type}-{age_s:g}-{state}",
        "type": event_type,
        "state": state,
        "level": "INFO",
        "description": "Out of band VM power off" if event_type == "VM.STOP" else event_type,
        "account": "admin",
        "username": "admin",
        "created": datetime.fromtimestamp(NOW - age_s, UTC),
        "resource_id": "m-1",
    }
    return CloudEvent(**(values | given))


def view(**given: Any) -> View:
    """Return a view of one healthy ILB that runs an old version; `state` is its machine's."""
    vm = given.pop("vm", VM)
    if "state" in given:
        vm = replace(vm, state=given.pop("state"))
    values: dict[str, Any] = {
        "read_at": NOW,
        "tier": TIER,
        "vip": VIP,
        "vm": vm,
        "tier_vms": tuple(one for one in (vm, NEIGHBOUR) if one),
        "tier_rules": (HTTP, HTTPS, ADMIN),
        "templates": (Template("tpl-22", "systemvm-kvm-4.22.0-x86_64", True),),
        "minimum_version": "4.22.0",
    }
    return View(**(values | given))


def service(seen: View, **given: Any) -> ServiceView:
    """Return the ILB of a view without a twin, names, hosts or anybody who watches it."""
    site = Site(
        seen.read_at, seen.tier, (seen.tier,), seen.tier_rules, seen.tier_vms,
        recreate_checks=seen.recreate_checks, busy_with=seen.busy_with,
    )  # fmt: skip
    return ServiceView(seen, site, **given)


_machines = st.builds(
    replace,
    st.just(VM),
    state=st.sampled_from(VmState),
    version=st.sampled_from(["", "4.19.1", "4.20.0", "4.22.0", "4.22.0.1"]),
    template_name=st.sampled_from(
        ["systemvm-kvm-4.22.0-x86_64", "systemvm-kvm-4.20.0", "systemvm-custom", ""]
    ),
    offering_id=st.sampled_from(["o-1", "o-2"]),
)
_rules = st.lists(
    st.builds(
        replace,
        st.sampled_from([HTTP, HTTPS, ADMIN]),
        state=st.sampled_from(["Active", "Active", "Add", "Deleting"]),
        members=st.sampled_from([(), MEMBERS[:1], MEMBERS]),
    ),
    unique_by=lambda rule: rule.id,
)
_ages = st.floats(min_value=0.0, max_value=7200.0)
_states = st.sampled_from(["Scheduled", "Started", "Completed"])
_moves = st.lists(st.builds(event, st.sampled_from(sorted(MOVES)), _ages, _states), max_size=4)
_restarts = st.lists(
    st.builds(event, st.sampled_from(["VPC.RESTART", "NETWORK.RESTART"]), _ages, _states),
    max_size=2,
)


def _newest_first(events: list[CloudEvent]) -> tuple[CloudEvent, ...]:
    return tuple(sorted(events, key=lambda one: one.created, reverse=True))


@st.composite
def any_view(draw: st.DrawFn) -> View:
    """Draw any view that CloudStack might show."""
    vm = draw(st.none() | _machines)
    return view(
        vm=vm,
        tier=replace(TIER, state=draw(st.sampled_from(["Implemented"] * 4 + ["Allocated"]))),
        tier_rules=tuple(draw(_rules)),
        events=_newest_first(draw(_moves)) if vm else (),
        restarts=_newest_first(draw(_restarts)),
        minimum_version=draw(st.sampled_from(["", "4.20.0", "4.22.0"])),
        recreate_checks=draw(st.sampled_from(["", "", "", "haproxy_check.py"])),
        own_outages_s=draw(st.sampled_from([(), (34.0,)])),
        busy_with=draw(st.sampled_from(["", "", "", "261122-224013-k3fz"])),
    )


@st.composite
def plannable_view(draw: st.DrawFn, runbook: str) -> View:
    """Draw any view in which a runbook mostly finds something to do."""
    down = [VmState.STOPPED, VmState.STOPPING]
    states = {"recover": down}.get(runbook, [VmState.RUNNING])
    vm: IlbVm | None = replace(draw(_machines), state=draw(st.sampled_from(states)))
    if runbook == "recover" and draw(st.integers(0, 3)) == 0:
        vm = None
    rules = draw(st.permutations([HTTP, HTTPS, ADMIN]))
    return replace(
        draw(any_view()),
        vm=vm,
        tier=TIER,
        tier_vms=tuple(one for one in draw(st.permutations([vm, NEIGHBOUR])) if one),
        tier_rules=tuple(rules[draw(st.integers(0, 1)) :]),
        events=(event("VM.STOP", 60), *_newest_first(draw(_moves))) if vm else (),
        restarts=(),
        recreate_checks="",
        busy_with="",
    )
