"""Steps on hosts, offerings, pairs and roles, each judged by what the cloud shows afterwards."""

from __future__ import annotations

import pytest

from bot.domain.offerings import ILB_TYPE
from bot.domain.zone import Role
from bot.engine.api import StepFailed
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.model import Host, Kind, Machine, ServiceOffering, Vpc
from tests.workflows.harness import House
from tests.workflows.networks import isolated_network
from tests.workflows.stepping import carry_out
from workflows.steps import host, offering, redundant, router


def offering_id(home: House, name: str) -> str:
    return home.cloud.one(ServiceOffering, name).id


def routers_of(home: House, place: object) -> list[Machine]:
    """Return the routers of a VPC or a network."""
    every = home.cloud.machines(Kind.ROUTER)
    return [one for one in every if place in (one.tier, one.tier.vpc)]


async def test_a_machine_that_shares_a_host_is_moved_to_another(home: House) -> None:
    vm = home.vm("b-31-VM")
    assert vm.host is not None
    shared = vm.host.id
    standing = await carry_out(home, lambda run: host.apart(run, vm.id, vm.name, [shared]))
    assert standing.is_apart
    assert standing.host_id == home.vm("b-31-VM").host.id != shared  # type: ignore[union-attr]


async def test_a_machine_that_stands_apart_is_left_where_it_is(home: House) -> None:
    vm = home.vm("b-31-VM")
    assert vm.host is not None
    others = [one.id for one in home.cloud.all(Host) if one is not vm.host]
    standing = await carry_out(home, lambda run: host.apart(run, vm.id, vm.name, others))
    assert (standing.is_apart, standing.host_id) == (True, vm.host.id)
    assert not [one for one in home.effects() if "migrated" in one]


async def test_without_another_host_it_stays_and_that_is_said(home: House) -> None:
    vm = home.vm("b-31-VM")
    every = [one.id for one in home.cloud.all(Host)]
    standing = await carry_out(home, lambda run: host.apart(run, vm.id, vm.name, every))
    assert not standing.is_apart
    assert not [one for one in home.effects() if "migrated" in one]


async def test_a_migration_that_fails_says_why(home: House) -> None:
    vm = home.vm("b-31-VM")
    assert vm.host is not None
    shared = vm.host.id
    home.cloud.fail_next(Fault("migrateSystemVm", FaultKind.JOB_FAILS, status=530))
    with pytest.raises(StepFailed, match=r"^migrate b-31-VM: "):
        await carry_out(home, lambda run: host.apart(run, vm.id, vm.name, [shared]))


async def test_a_lost_answer_to_a_migration_moves_it_once(home: House) -> None:
    vm = home.vm("b-31-VM")
    assert vm.host is not None
    shared = vm.host.id
    home.cloud.fail_next(Fault("migrateSystemVm", FaultKind.LOSE_ANSWER))
    standing = await carry_out(home, lambda run: host.apart(run, vm.id, vm.name, [shared]))
    assert standing.is_apart
    assert len([one for one in home.effects() if "migrated" in one]) == 1


async def test_a_stopped_machine_gets_another_offering(home: House) -> None:
    vm, large = home.vm("b-31-VM"), offering_id(home, "ILB large")
    home.cloud.stop_by_hand("b-31-VM")
    home.later(10.0)
    await carry_out(home, lambda run: offering.change(run, vm.id, large, ILB_TYPE))
    assert home.vm("b-31-VM").offering.name == "ILB large"
    await carry_out(home, lambda run: offering.change(run, vm.id, large, ILB_TYPE))
    assert len([one for one in home.effects() if "offering_changed" in one]) == 1


async def test_a_running_machine_keeps_its_offering(home: House) -> None:
    vm, large = home.vm("b-31-VM"), offering_id(home, "ILB large")
    with pytest.raises(StepFailed, match="it is Running, and only a Stopped one is changed"):
        await carry_out(home, lambda run: offering.change(run, vm.id, large, ILB_TYPE))


async def test_an_offering_for_routers_is_not_for_an_ilb_vm(home: House) -> None:
    vm, other = home.vm("b-31-VM"), offering_id(home, "System Offering For Software Router")
    home.cloud.stop_by_hand("b-31-VM")
    home.later(10.0)
    with pytest.raises(StepFailed, match=r"is made for domainrouter, not for internalload"):
        await carry_out(home, lambda run: offering.change(run, vm.id, other, ILB_TYPE))


async def test_a_tenants_offering_is_not_for_a_system_vm(home: House) -> None:
    vm, other = home.vm("b-31-VM"), offering_id(home, "Small Instance")
    home.cloud.stop_by_hand("b-31-VM")
    home.later(10.0)
    with pytest.raises(StepFailed, match="CloudStack has no system offering"):
        await carry_out(home, lambda run: offering.change(run, vm.id, other, ILB_TYPE))


async def test_a_vpc_gets_a_pair_with_one_of_each_role(home: House) -> None:
    vpc = home.cloud.one(Vpc, "shop-stage")
    before = [one.name for one in home.cloud.machines(Kind.ILB)]
    await carry_out(home, lambda run: redundant.make_pair(run, "VPC shop-stage", vpc_id=vpc.id))
    pair = routers_of(home, vpc)
    assert sorted(one.redundant_state for one in pair) == ["BACKUP", "PRIMARY"]
    assert vpc.redundant
    assert [one.name for one in home.cloud.machines(Kind.ILB)] == before


async def test_an_isolated_network_gets_a_pair(home: House) -> None:
    network = isolated_network(home)
    await carry_out(
        home, lambda run: redundant.make_pair(run, "network office", network_id=network.id)
    )
    assert sorted(one.redundant_state for one in routers_of(home, network)) == ["BACKUP", "PRIMARY"]


async def test_a_tier_of_a_vpc_is_never_made_redundant(home: House) -> None:
    tier = home.tier("qa-tier")
    with pytest.raises(StepFailed, match="no isolated network outside a VPC"):
        await carry_out(
            home, lambda run: redundant.make_pair(run, "network qa-tier", network_id=tier.id)
        )
    assert home.wire.calls.count("restartNetwork") == 0


async def test_a_place_that_has_its_pair_is_not_restarted(home: House) -> None:
    vpc = home.cloud.one(Vpc, "shop-prod")
    await carry_out(home, lambda run: redundant.make_pair(run, "VPC shop-prod", vpc_id=vpc.id))
    assert home.wire.calls.count("restartVPC") == 0


async def test_a_lost_answer_to_makeredundant_asks_for_it_once(home: House) -> None:
    vpc = home.cloud.one(Vpc, "shop-stage")
    home.cloud.fail_next(Fault("restartVPC", FaultKind.LOSE_ANSWER))
    await carry_out(home, lambda run: redundant.make_pair(run, "VPC shop-stage", vpc_id=vpc.id))
    assert home.wire.calls.count("restartVPC") == 1
    assert len(routers_of(home, vpc)) == 2


async def test_two_primaries_are_no_pair(home: House) -> None:
    vpc = home.cloud.one(Vpc, "shop-prod")
    home.cloud.set_role("r-5-VM", "PRIMARY")
    home.later(60.0)
    with pytest.raises(StepFailed, match="r-5-VM is PRIMARY"):
        await carry_out(home, lambda run: redundant.make_pair(run, "VPC x", vpc_id=vpc.id))


async def test_a_role_that_outlives_its_machine_is_not_believed(home: House) -> None:
    """A stopped router shows its last role until CloudStack asks again."""
    router_id = home.vm("r-4-VM").id
    began = home.clock.now()
    await carry_out(home, lambda run: router.expect_role(run, router_id, Role.PRIMARY))
    assert home.clock.now() - began > 30.0, "two reads within one role poll are one"
    home.cloud.set_role("r-4-VM", "FAULT")
    with pytest.raises(StepFailed, match="not seen as PRIMARY: r-4-VM is FAULT"):
        await carry_out(home, lambda run: router.expect_role(run, router_id, Role.PRIMARY))


async def test_a_standby_is_proven_by_role_version_and_checks(home: House) -> None:
    router_id = home.vm("r-5-VM").id
    home.cloud.set_check("r-5-VM", "gateways_check.py", "FAILED", "a backup has none")
    await carry_out(home, lambda run: router.standby_proven(run, router_id, "4.20.0", empty=False))
    with pytest.raises(StepFailed, match=r"it reports version 4\.20\.0 and not 4\.22\.0"):
        await carry_out(
            home, lambda run: router.standby_proven(run, router_id, "4.22.0", empty=False)
        )
    home.cloud.set_check("r-5-VM", "haproxy_check.py", "FAILED", "down")
    with pytest.raises(StepFailed, match=r"haproxy_check\.py fails: down"):
        await carry_out(home, lambda run: router.standby_proven(run, router_id, empty=False))


async def test_a_hand_over_swaps_the_roles(home: House) -> None:
    first, second = home.vm("r-4-VM").id, home.vm("r-5-VM").id
    await carry_out(home, lambda run: router.hand_over(run, first, "r-4-VM", second))
    assert (home.vm("r-4-VM").redundant_state, home.vm("r-5-VM").redundant_state) == (
        "BACKUP", "PRIMARY",
    )  # fmt: skip
