"""What holds for every plan of a fleet, whatever the cloud shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cloud import IlbVm, LbRule, Template, Tier, VmState
from bot.domain.fleet import MINIMUM_VERSION, RECREATE_CHECKS, Ilb, Setting, Snapshot, ilbs_of
from bot.domain.fleet_view import (
    Around,
    FleetView,
    find_reach,
    ilbs_within,
    service_view,
)
from bot.domain.names import DirectoryKind, Record
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, NothingToDo, Plan, canonical
from bot.domain.service_view import ServiceView
from bot.domain.spec import NAME_TAG, TWIN_TAG
from bot.domain.waves import lots_in, waves_in
from bot.errors import Refused
from tests.domain.views import HTTP, TIER, VM
from workflows import roll, roll_fleet

NEW = Template("tpl-22", "systemvm-kvm-4.22.0-x86_64", True)
NAMES = ("app.shop.internal", "db.shop.internal")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Draw two zones of up to three VPCs, with ILBs old and new, well and not, twins and named."""
    tiers = [
        replace(TIER, id=f"t-{n}", name=f"tier-{n}", cidr=f"10.20.{n}.0/24", vpc_id=f"v-{vpc}",
                vpc_name=f"vpc-{vpc}", zone_id=f"z-{vpc % 2}", zone_name=f"zone-{vpc % 2}",
                state=draw(st.sampled_from(["Implemented"] * 4 + ["Allocated"])))
        for n, vpc in enumerate(draw(st.lists(st.integers(0, 2), min_size=1, max_size=5)))
    ]  # fmt: skip
    vms: list[IlbVm] = []
    rules: list[LbRule] = []
    for tier in tiers:
        for number in range(draw(st.integers(0, 3))):
            _add(draw, tier, number, vms, rules)
        if draw(st.booleans()):
            _pair(tier, rules)
    settings = [Setting(MINIMUM_VERSION, f"z-{n}", "4.22.0") for n in (0, 1)]
    settings += [Setting(RECREATE_CHECKS, "z-1", draw(st.sampled_from(["", "", "some.py"])))]
    return Snapshot(
        0.0, tuple(tiers), ilbs_of(tiers, vms, rules), "4.22.0.0", templates=(NEW,),
        settings=tuple(settings),
    )  # fmt: skip


def _add(draw: st.DrawFn, tier: Tier, number: int, vms: list[IlbVm], rules: list[LbRule]) -> None:
    vip = f"{tier.cidr.removesuffix('0/24')}{10 + number}"
    if draw(st.integers(0, 9)):  # else its machine is missing
        host = draw(st.sampled_from(["h-1", "h-2", "h-3", ""]))
        vms.append(
            replace(
                VM, id=f"m-{tier.id}-{number}", name=f"b-{tier.id}-{number}-VM", vip=vip,
                tier_id=tier.id, vpc_id=tier.vpc_id, zone_id=tier.zone_id, host_id=host,
                version=draw(st.sampled_from(["4.20.0", "4.20.0", "4.22.0", "4.23.0"])),
                state=draw(st.sampled_from([VmState.RUNNING] * 5 + [VmState.STOPPED])),
            )
        )  # fmt: skip
    name = draw(st.sampled_from(["", "", *NAMES]))
    tags = ((NAME_TAG, name),) if name else ()
    state = draw(st.sampled_from(["Active"] * 5 + ["Deleting"]))
    rules.append(
        replace(HTTP, id=f"r-{tier.id}-{number}", tier_id=tier.id, vip=vip, tags=tags, state=state)
    )


def _pair(tier: Tier, rules: list[LbRule]) -> None:
    """Let the first two of a tier name each other as twins."""
    own = [n for n, rule in enumerate(rules) if rule.tier_id == tier.id][:2]
    if len(own) == 2:
        one, other = own
        for here, there in ((one, other), (other, one)):
            tags = (*rules[one].tags, (TWIN_TAG, rules[there].vip))
            rules[here] = replace(rules[here], tags=tags)


def seen_of(snapshot: Snapshot, reach: str = "zone=zone-0") -> FleetView | None:
    """Show the planner a fleet; None where the reach means nothing there."""
    records = tuple(Record(name, ("10.20.0.10", "10.20.0.11"), 60) for name in NAMES)
    around = Around(DirectoryKind.RFC2136, records, ("probe-1",))
    try:
        found = find_reach(snapshot, reach)
    except Refused:
        return None
    ilbs = ilbs_within(snapshot, found)
    return FleetView(found, tuple(service_view(snapshot, one, around) for one in ilbs))


def planned_of(seen: FleetView | None, **parameters: str) -> Plan | NothingToDo | None:
    if seen is None:
        return None
    try:
        return roll_fleet.plan(seen, Wish("roll-fleet", "zone=zone-0", tuple(parameters.items())))
    except Refused:
        return None


reaches = st.sampled_from(["zone=zone-0", "zone=zone-1", "vpc=vpc-0", "vpc=vpc-1"])


@given(snapshots(), reaches)
def test_each_machine_within_the_reach_is_told_once(snapshot: Snapshot, reach: str) -> None:
    seen = seen_of(snapshot, reach)
    told = Counter(_vips(seen)) if seen else Counter[tuple[str, str]]()
    inside = {
        (one.tier.id, one.vip)
        for one in snapshot.ilbs
        if seen and seen.reach.holds(one.tier.vpc_id, one.tier.zone_id)
    }
    assert set(told) == inside
    assert set(told.values()) <= {1}


def _vips(seen: FleetView) -> Iterable[tuple[str, str]]:
    for view in seen.views:
        assert isinstance(view, ServiceView)
        for one in (view.ilb, view.twin):
            if one is not None:
                yield one.tier.id, one.vip


@given(snapshots(), reaches)
def test_no_machine_is_changed_twice_or_outside_the_reach(snapshot: Snapshot, reach: str) -> None:
    planned = planned_of(seen_of(snapshot, reach))
    if isinstance(planned, Plan):
        machines = [machine for lot in lots_in(planned) for machine in lot.machines]
        assert len(machines) == len(set(machines))
        inside = {"zone": "zone_name", "vpc": "vpc_name"}[reach.partition("=")[0]]
        by_id = {one.vm.id: one for one in snapshot.ilbs if one.vm}
        assert {getattr(by_id[one].tier, inside) for one in machines} == {reach.partition("=")[2]}


@given(snapshots(), st.integers(1, 8))
def test_no_two_of_a_wave_share_a_vpc_a_host_or_a_name(snapshot: Snapshot, cap: int) -> None:
    planned = planned_of(seen_of(snapshot), cap=str(cap))
    if not isinstance(planned, Plan):
        return
    by_id = {one.vm.id: one for one in snapshot.ilbs if one.vm}
    for number, wave in enumerate(waves_in(planned)):
        assert len(wave) <= min(cap, 2 ** max(0, number - 1))
        ilbs = [[by_id[machine] for machine in lot.machines] for lot in wave]
        for shared in (_vpcs, _hosts, _names):
            every = [one for lot in ilbs for one in shared(lot)]
            assert len(every) == len(set(every)), shared.__name__


def _vpcs(ilbs: list[Ilb]) -> set[str]:
    return {one.tier.vpc_id for one in ilbs}


def _hosts(ilbs: list[Ilb]) -> set[str]:
    return {one.vm.host_id for one in ilbs if one.vm}


def _names(ilbs: list[Ilb]) -> set[str]:
    tags = (tag for one in ilbs for rule in one.rules for tag in rule.tags)
    return {value for key, value in tags if key == NAME_TAG}


@given(snapshots())
def test_what_roll_would_refuse_is_in_no_wave(snapshot: Snapshot) -> None:
    seen = seen_of(snapshot)
    planned = planned_of(seen)
    if seen is None or not isinstance(planned, Plan):
        return
    views = {one.target.id: one for one in seen.views}
    for lot in lots_in(planned):
        own = roll.RUNBOOK.plan_for(views[lot.target_id], Wish("roll", lot.target_id))
        assert isinstance(own, Plan)
        assert roll_fleet.covers(planned, own) == ""


@given(snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_cloudstacks_lists_is_no_news(snapshot: Snapshot, random: object) -> None:
    mixed = list(snapshot.ilbs)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis types its own random loosely
    other = replace(snapshot, ilbs=tuple(mixed))
    one, again = planned_of(seen_of(snapshot)), planned_of(seen_of(other))
    if isinstance(one, Plan) and isinstance(again, Plan):
        assert one.parameters == again.parameters
        assert one.steps == again.steps
        assert one.fingerprint == again.fingerprint
    else:
        assert type(one) is type(again)


@given(snapshots())
def test_the_exposure_is_never_less_than_what_its_targets_cost(snapshot: Snapshot) -> None:
    planned = planned_of(seen_of(snapshot))
    if isinstance(planned, Plan):
        cut = [lot for lot in lots_in(planned) if lot.toll]
        assert (planned.exposure.seconds == 0.0) is not bool(cut)
        assert canonical(list(planned.warnings))


# what an approval covers


@pytest.fixture
def approved() -> Plan:
    tier = replace(TIER, zone_name="zone-0")
    vm = replace(VM, tier_id=tier.id, host_id="h-1")
    bare = Snapshot(
        0.0, (tier,), ilbs_of([tier], [vm], [HTTP]), templates=(NEW,),
        settings=(Setting(MINIMUM_VERSION, "z-1", "4.22.0"),),
    )  # fmt: skip
    found = planned_of(seen_of(bare))
    assert isinstance(found, Plan)
    return found


def child_of(approved: Plan, **given: object) -> Plan:
    """Return what its one target's own plan says."""
    [lot] = lots_in(approved)
    target = replace(approved.target, kind="ilb-vm", id=lot.target_id, name=lot.name)
    own = Plan(
        "roll", target, "", (), (), Exposure("10.20.1.10 port 80", None, "not known"), (),
        parameters=(("way", "outage"), ("version", "4.22.0")),
    )  # fmt: skip
    return replace(own, **given)  # type: ignore[arg-type]  # a test's short cut


def test_an_approval_covers_what_it_promised_and_what_costs_less(approved: Plan) -> None:
    assert roll_fleet.covers(approved, child_of(approved)) == ""
    cheaper = child_of(approved, exposure=Exposure("nothing", 0.0, "its twin serves"))
    assert roll_fleet.covers(approved, cheaper) == ""


def test_an_approval_covers_no_other_target_and_no_other_version(approved: Plan) -> None:
    stranger = child_of(approved, target=replace(approved.target, id="m-9", name="b-9-VM"))
    assert "none of the targets" in roll_fleet.covers(approved, stranger)
    other = child_of(approved, parameters=(("way", "outage"), ("version", "4.23.0")))
    assert roll_fleet.covers(approved, other) == (
        "version 4.22.0 was approved, and this would bring 4.23.0"
    )
