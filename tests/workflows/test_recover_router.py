"""Recovering routers: what is left alone, what is started, what is rebooted and in which order."""

from __future__ import annotations

import pytest

from bot.domain.operation import Mode, Outcome, State
from bot.sandbox.cloud import machines
from bot.sandbox.cloud.model import Kind, Refusal
from tests.workflows.harness import House, house, two_people
from tests.workflows.networks import isolated_network

FAILS = ("haproxy_check.py", "FAILED", "no answer on port 80")


def dies(home: House, name: str) -> None:
    home.cloud.refuse_next(Refusal.START)
    home.cloud.power_off(name)
    home.later(200.0)


def moves(home: House) -> list[str]:
    """Return the stops and starts of routers, in order."""
    kinds = ("router.stopped", "router.started")
    return [one for one in home.effects() if one.startswith(kinds)]


async def test_routers_that_are_well_need_nothing(home: House) -> None:
    ended = await home.ask("recover", "shop-prod")
    assert ended.outcome is Outcome.NOTHING_TO_DO
    assert "r-4-VM and r-5-VM: Running, no check fails." in ended.reason


async def test_a_dead_router_that_cloudstack_starts_is_not_started_by_us(home: House) -> None:
    dies(home, "r-5-VM")
    asked = await home.ask("recover", "r-5-VM")
    assert "died by itself" in (await home.plan(asked)).summary
    router = home.vm("r-5-VM")

    def started_by_cloudstack() -> None:
        home.cloud.processes.spawn(machines.start(home.cloud, router))

    home.cloud.processes.call_at(home.cloud.at + 20.0, started_by_cloudstack)
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.DONE, ended.reason
    assert router.state == "Running"
    assert home.wire.calls.count("startRouter") == 0


async def test_one_still_down_after_the_grace_is_started(home: House) -> None:
    dies(home, "r-5-VM")
    ended = await home.do("recover", "r-5-VM")
    assert ended.outcome is Outcome.DONE, ended.reason
    assert moves(home) == ["router.started r-5-VM"]


async def test_one_that_somebody_stopped_is_left_alone(home: House) -> None:
    router = home.vm("r-5-VM")
    await home.fleet._cloud.stop_router(router.id)  # type: ignore[attr-defined]  # it can
    home.later(60.0)
    ended = await home.ask("recover", "r-5-VM")
    assert ended.outcome is Outcome.NOTHING_TO_DO
    assert "asked for it: ROUTER.STOP" in ended.reason


async def test_only_the_failing_standby_is_rebooted(home: House) -> None:
    home.cloud.set_check("r-5-VM", *FAILS)
    ended = await home.do("recover", "shop-prod")
    assert ended.outcome is Outcome.DONE, ended.reason
    assert moves(home) == ["router.stopped r-5-VM", "router.started r-5-VM"]


async def test_of_two_that_fail_the_standby_comes_first(home: House) -> None:
    home.cloud.set_check("r-4-VM", *FAILS)
    home.cloud.set_check("r-5-VM", *FAILS)
    ended = await home.do("recover", "r-4-VM")
    assert ended.outcome is Outcome.DONE, ended.reason
    assert moves(home) == [
        "router.stopped r-5-VM", "router.started r-5-VM",
        "router.stopped r-4-VM", "router.started r-4-VM",
    ]  # fmt: skip


async def test_a_primary_is_not_touched_while_its_standby_still_fails(home: House) -> None:
    home.cloud.set_check("r-4-VM", *FAILS)
    home.cloud.set_check("r-5-VM", *FAILS, heals=False)
    ended = await home.do("recover", "shop-prod")
    assert ended.outcome is not Outcome.DONE
    assert "haproxy_check.py still fails: no answer on port 80" in ended.reason
    assert moves(home) == ["router.stopped r-5-VM", "router.started r-5-VM"]


@pytest.mark.parametrize("role", ["FAULT", "PRIMARY"])
async def test_a_pair_that_disagrees_is_not_rebooted(home: House, role: str) -> None:
    home.cloud.set_check("r-4-VM", *FAILS)
    home.cloud.set_role("r-5-VM", role)
    home.later(60.0)
    ended = await home.ask("recover", "shop-prod")
    assert ended.outcome is Outcome.REFUSED
    assert f"r-5-VM is {role}" in ended.reason


async def test_a_standby_that_only_cannot_reach_a_gateway_is_well(home: House) -> None:
    home.cloud.set_check("r-5-VM", "gateways_check.py", "FAILED", "no gateway")
    ended = await home.ask("recover", "shop-prod")
    assert ended.outcome is Outcome.NOTHING_TO_DO


async def test_a_lone_router_is_rebooted_only_by_a_person() -> None:
    async with house(policies=two_people(Mode.AUTOMATIC)) as home:
        [router] = [one for one in home.cloud.machines(Kind.ROUTER) if one.tier.name == "qa-tier"]
        home.cloud.set_check(router.name, *FAILS)
        asked = await home.incident("recover", "shop-stage", Mode.AUTOMATIC)
        assert asked.state is State.WAITING
        assert "has one router: it is cut off while that one is rebooted" in asked.reason
        assert moves(home) == []
        ended = await home.approve(asked)
        assert ended.outcome is Outcome.DONE, ended.reason


async def test_a_pair_may_be_mended_by_itself() -> None:
    async with house(policies=two_people(Mode.AUTOMATIC)) as home:
        home.cloud.set_check("r-5-VM", *FAILS)
        ended = await home.incident("recover", "shop-prod", Mode.AUTOMATIC)
        assert ended.outcome is Outcome.DONE, ended.reason


async def test_the_router_of_an_isolated_network_is_mended(home: House) -> None:
    network = isolated_network(home)
    [router] = [one for one in home.cloud.machines(Kind.ROUTER) if one.tier is network]
    home.cloud.set_check(router.name, *FAILS)
    ended = await home.do("recover", network.name)
    assert ended.outcome is Outcome.DONE, ended.reason
    assert moves(home) == [f"router.stopped {router.name}", f"router.started {router.name}"]


async def test_nothing_is_done_where_cloudstack_replaces_routers_itself(home: House) -> None:
    home.cloud.set_check("r-5-VM", *FAILS)
    home.cloud.settings["router.health.checks.failures.to.recreate.vr"].value = "dns_check.py"
    ended = await home.ask("recover", "shop-prod")
    assert ended.outcome is Outcome.REFUSED
    assert "two would repair at once" in ended.reason
