"""Every target is what it is, and says what can be done to it, what cannot, and what instead."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.acts import Act, Answer
from bot.domain.cloud import VmState
from bot.domain.fleet import Ilb, Snapshot, Use, ilbs_of
from bot.domain.ilb_acts import NEVER, ilb_answers
from bot.domain.router_acts import router_answers
from bot.domain.spec import TWIN_TAG
from bot.domain.topology import (
    IlbTarget,
    Kind,
    RouterTarget,
    find_target,
    target_of,
    targets,
)
from bot.domain.zone import Host, Network, Role, Router, Vpc
from bot.errors import Refused
from tests.domain.views import ADMIN, HTTP, HTTPS, NEIGHBOUR, TIER, VIP, VM, any_view

ROUTER = Router(
    id="r-1", name="r-7-VM", state=VmState.RUNNING, role=Role.PRIMARY, is_redundant=True,
    network_id="t-1", network_name="app-tier", vpc_id="v-1", vpc_name="shop", zone_id="z-1",
    zone_name="fra-1", version="4.20.0", software_version="", offering_name="small",
    host_name="kvm-1",
)  # fmt: skip
STANDBY = replace(ROUTER, id="r-2", name="r-8-VM", role=Role.BACKUP, host_name="kvm-2")
ALONE = replace(ROUTER, is_redundant=False, role=Role.UNKNOWN)
ISOLATED = replace(ALONE, vpc_id="", vpc_name="", network_id="n-1", network_name="iso")
VPC = Vpc("v-1", "shop", "Enabled", "z-1", "fra-1", "Default VPC offering", False)
NETWORK = Network("n-1", "iso", "Implemented", "z-1", "fra-1", False, True)
HOSTS = tuple(Host(f"h-{n}", f"kvm-{n}", "Up", "Enabled", "z-1") for n in (1, 2))
ILB = Ilb(TIER, VIP, VM, (HTTP, HTTPS))
CHANGING = (Act.ROLL, Act.START, Act.REDEPLOY, Act.TWIN, Act.RESIZE, Act.MIGRATE)


def snapshot(**given: object) -> Snapshot:
    ilbs = ilbs_of([TIER], [VM, NEIGHBOUR], [HTTP, HTTPS, ADMIN])
    values = {
        "read_at": 0.0, "tiers": (TIER,), "ilbs": ilbs, "vpcs": (VPC,), "networks": (NETWORK,),
        "hosts": HOSTS, "version": "4.22.0.0",
    } | given  # fmt: skip
    return Snapshot(**values)  # type: ignore[arg-type]  # a test's short cut


def answers(target: IlbTarget | RouterTarget) -> dict[Act, Answer]:
    found = ilb_answers(target) if isinstance(target, IlbTarget) else router_answers(target)
    assert len(found) == len({answer.act for answer in found})
    return {answer.act: answer for answer in found}


def routers(*given: Router, **more: object) -> RouterTarget:
    [found] = [
        one
        for one in targets(snapshot(routers=given, ilbs=(), **more))
        if isinstance(one, RouterTarget)
    ]
    return found


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ((ALONE,), Kind.VPC_ROUTER),
        ((ROUTER, STANDBY), Kind.VPC_ROUTER_PAIR),
        ((ROUTER,), Kind.VPC_ROUTER_PAIR),
        ((ISOLATED,), Kind.ISOLATED_ROUTER),
        ((ISOLATED, replace(ISOLATED, id="r-9", name="r-9-VM")), Kind.ISOLATED_ROUTER_PAIR),
    ],
)
def test_routers_are_classified_by_what_they_serve_and_how_many(
    given: tuple[Router, ...], kind: Kind
) -> None:
    assert routers(*given).kind is kind


def test_a_twin_is_told_by_the_tag_on_its_rules() -> None:
    tagged = replace(HTTP, tags=((TWIN_TAG, "10.20.1.11"),))
    twin = IlbTarget(replace(ILB, rules=(tagged, HTTPS)))
    assert (twin.kind, twin.twin) == (Kind.ILB_TWIN, "10.20.1.11")
    assert IlbTarget(ILB).kind is Kind.ILB_VM
    assert not answers(twin)[Act.TWIN].can
    assert answers(IlbTarget(ILB))[Act.TWIN].can


@given(st.sampled_from(sorted(NEVER)), any_view())
def test_what_no_ilb_can_have_is_refused_whatever_its_state(act: Act, seen: object) -> None:
    answer = answers(target_of(seen))[act]  # type: ignore[arg-type]  # hypothesis draws views
    assert not answer.can
    assert answer.text
    assert answer.instead


def test_an_ilb_vm_is_never_made_redundant_and_a_twin_is_offered() -> None:
    answer = answers(IlbTarget(ILB))[Act.MAKE_PAIR]
    assert not answer.can
    assert "no redundant ILB VM" in answer.text
    assert "twin" in answer.instead


@given(any_view())
def test_nothing_that_changes_is_possible_in_an_idle_tier(seen: object) -> None:
    idle = replace(seen, tier=replace(TIER, state="Allocated"))  # type: ignore[type-var]
    said = answers(target_of(idle))  # type: ignore[arg-type]
    assert not any(said[act].can for act in CHANGING)
    assert all("can hang it for good" in said[act].text for act in CHANGING)


@given(any_view())
def test_nothing_that_changes_is_possible_while_cloudstack_replaces_routers(seen: object) -> None:
    watched = replace(seen, recreate_checks="haproxy_check.py")  # type: ignore[type-var]
    said = answers(target_of(watched))  # type: ignore[arg-type]
    assert not any(said[act].can for act in CHANGING)
    pair = answers(replace(routers(ROUTER, STANDBY), recreate_checks="haproxy_check.py"))
    changing = (Act.ROLL_PAIR, Act.MAKE_PAIR, Act.RESIZE, Act.MIGRATE, Act.LIVE_PATCH)
    assert not any(pair[act].can for act in changing)


@pytest.mark.parametrize("roles", [
    (Role.PRIMARY, Role.PRIMARY), (Role.BACKUP, Role.BACKUP), (Role.PRIMARY, Role.FAULT),
    (Role.BACKUP, Role.UNKNOWN),
])  # fmt: skip
def test_a_pair_that_disagrees_is_not_rolled(roles: tuple[Role, Role]) -> None:
    seen = routers(*(replace(one, role=role) for one, role in zip((ROUTER, STANDBY), roles)))  # noqa: B905
    answer = answers(seen)[Act.ROLL_PAIR]
    assert not answer.can
    assert "one PRIMARY and one BACKUP" in answer.text


def test_a_pair_in_order_is_rolled_standby_first_and_never_made_single() -> None:
    said = answers(routers(ROUTER, STANDBY))
    assert said[Act.ROLL_PAIR].can
    assert not said[Act.MAKE_SINGLE].can
    assert not said[Act.MAKE_PAIR].can
    assert not said[Act.ZONE_UPGRADE].can


def test_a_stopped_standby_keeps_its_role_for_a_while_and_that_does_not_count() -> None:
    assert not answers(routers(ROUTER, replace(STANDBY, state=VmState.STOPPED)))[Act.ROLL_PAIR].can


def test_an_isolated_pair_needs_the_capability_in_its_offering() -> None:
    assert answers(routers(ISOLATED))[Act.MAKE_PAIR].can
    plain = (replace(NETWORK, can_be_redundant=False),)
    assert not answers(routers(ISOLATED, networks=plain))[Act.MAKE_PAIR].can


@pytest.mark.parametrize(
    ("version", "can"), [("4.22.0.0", True), ("4.23.0", True), ("4.20.2", False), ("", False)]
)
def test_tls_on_a_router_waits_for_the_version_that_has_it(version: str, can: bool) -> None:
    assert answers(routers(ALONE, version=version))[Act.TERMINATE_TLS].can is can


def test_a_machine_needs_another_host_to_move_to() -> None:
    assert answers(IlbTarget(ILB, spare_hosts=1))[Act.MIGRATE].can
    assert answers(IlbTarget(ILB, spare_hosts=None))[Act.MIGRATE].can
    assert not answers(IlbTarget(ILB, spare_hosts=0))[Act.MIGRATE].can
    off = replace(HOSTS[1], resource_state="Maintenance")
    found = find_target(snapshot(hosts=(HOSTS[0], off)), VM.name)
    assert found.spare_hosts == 0


def test_a_missing_machine_is_deployed_only_for_active_rules() -> None:
    missing = replace(ILB, vm=None)
    assert answers(IlbTarget(missing))[Act.REDEPLOY].can
    half_done = replace(missing, rules=(replace(HTTP, state="Add"),))
    assert not answers(IlbTarget(half_done))[Act.REDEPLOY].can
    assert not answers(IlbTarget(ILB))[Act.REDEPLOY].can


def test_without_visible_rules_an_ilb_is_unknown_and_not_doubled() -> None:
    bare = replace(ILB, rules=())
    assert bare.use is Use.UNKNOWN
    answer = answers(IlbTarget(bare))[Act.TWIN]
    assert not answer.can
    assert "unknown" in answer.text


def test_a_change_touches_every_ilb_of_the_tier_and_starts_the_stopped_ones() -> None:
    stopped = replace(NEIGHBOUR, state=VmState.STOPPED)
    found = snapshot(ilbs=ilbs_of([TIER], [VM, stopped], [HTTP, HTTPS, ADMIN]))
    mine, other = find_target(found, VM.name).blast_radius()
    assert mine.endswith("its rules are sent again")
    assert other == (
        "b-32-VM (10.20.1.11, Stopped, 1 visible rule): its rules are sent again, and started"
    )


def test_a_target_is_found_by_what_people_call_it() -> None:
    found = snapshot(routers=(ROUTER, STANDBY))
    for named in ("b-31-VM", VIP, "m-1"):
        assert find_target(found, named).kind is Kind.ILB_VM
    for named in ("r-7-VM", "R-8-vm", "shop", "v-1"):
        assert find_target(found, named).kind is Kind.VPC_ROUTER_PAIR
    with pytest.raises(Refused, match="2 targets go by the name “app-tier”"):
        find_target(found, "app-tier")
    with pytest.raises(Refused, match="Did you mean `b-31-VM`"):
        find_target(found, "b-31-V")


def test_a_rule_that_is_half_done_stands_in_the_way_of_a_roll() -> None:
    """A backend failure leaves `Add` with a member, or `Deleting`; `Add` alone is normal."""
    for state, members, can in (("Add", HTTP.members, False), ("Deleting", (), False),
                                ("Add", (), True), ("Active", HTTP.members, True)):  # fmt: skip
        rule = replace(HTTP, state=state, members=members)
        assert answers(IlbTarget(replace(ILB, rules=(rule, HTTPS))))[Act.ROLL].can is can


def test_who_resizes_or_deploys_again_reads_that_the_offering_is_lost() -> None:
    assert "lost when the machine is deployed again" in answers(IlbTarget(ILB))[Act.RESIZE].text
    missing = answers(IlbTarget(replace(ILB, vm=None)))[Act.REDEPLOY]
    assert "default offering" in missing.text


def test_a_vpc_is_made_redundant_as_a_whole_and_never_by_one_of_its_tiers() -> None:
    assert answers(routers(ALONE))[Act.MAKE_PAIR].text.startswith("restartVPC makeredundant")
    assert not answers(IlbTarget(ILB))[Act.CLEAN_RESTART].can


@pytest.mark.parametrize(
    ("tags", "meanwhile"),
    [
        ((), f"{VIP} is not served meanwhile"),
        ((("ilbot.name", "app.shop.internal"),), "a temporary twin serves app.shop.internal"),
        ((("ilbot.twin", "10.1.1.11"),), "its twin 10.1.1.11 serves while one of the two does not"),
    ],
)
def test_a_roll_says_who_serves_meanwhile(
    tags: tuple[tuple[str, str], ...], meanwhile: str
) -> None:
    ilb = replace(ILB, rules=tuple(replace(one, tags=tags) for one in ILB.rules))
    assert meanwhile in answers(IlbTarget(ilb))[Act.ROLL].text
