"""resize, for routers: the standby first, the hand-over, a lone one; and what is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Outcome, State
from bot.sandbox.cloud.model import Refusal, ServiceOffering
from bot.services.operations import plan_of
from tests.workflows.harness import House, house
from tests.workflows.networks import isolated_network
from tests.workflows.test_roll_ways import routers

SMALL, LARGE = "System Offering For Software Router", "Router large"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as one:
        yield one


def refuse_starts(home: House, number: int, times: int) -> None:
    """Let CloudStack refuse starts of routers, from that one (from 1) on."""
    starts = [0]

    def look(command: str) -> None:
        starts[0] += command == "startRouter"
        if command == "startRouter" and number <= starts[0] < number + times:
            home.cloud.refuse_next(Refusal.START, 1)

    home.wire.before = look


def offerings(home: House, *names: str) -> list[str]:
    return [home.vm(one).offering.name for one in names]


async def test_the_standby_goes_first_and_the_primarys_stop_is_the_hand_over(home: House) -> None:
    before = routers(home, "shop-prod")
    asked = await home.ask("resize", "shop-prod", offering=LARGE)
    planned = plan_of(asked)
    assert "at the hand-over" in planned.exposure.what
    first = len(home.cloud.effects)
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    kinds = ("router.stopped", "machine.offering_changed", "router.started")
    moves = [(one.kind, one.target) for one in home.cloud.effects[first:] if one.kind in kinds]
    assert moves == [(kind, before[role]) for role in ("BACKUP", "PRIMARY") for kind in kinds]
    after = routers(home, "shop-prod")
    assert after == {"PRIMARY": before["BACKUP"], "BACKUP": before["PRIMARY"]}
    assert offerings(home, *before.values()) == [LARGE, LARGE]


async def test_a_pair_of_which_the_standby_has_it_hands_over_once(home: House) -> None:
    before = routers(home, "shop-prod")
    home.vm(before["BACKUP"]).offering = home.cloud.one(ServiceOffering, LARGE)
    asked = await home.ask("resize", "shop-prod", offering=LARGE)
    assert plan_of(asked).parameter("due") == home.vm(before["PRIMARY"]).id
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert offerings(home, *before.values()) == [LARGE, LARGE]


async def test_a_standby_that_does_not_start_with_it_gets_the_old_one_and_spares_the_primary(
    home: House,
) -> None:
    before = routers(home, "shop-prod")
    refuse_starts(home, 1, 3)
    ended = await home.do("resize", "shop-prod", offering=LARGE)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert offerings(home, *before.values()) == [SMALL, SMALL]
    home.later(120.0)
    assert routers(home, "shop-prod") == before


async def test_a_primary_that_does_not_start_with_it_is_a_standby_with_the_old_one(
    home: House,
) -> None:
    before = routers(home, "shop-prod")
    refuse_starts(home, 2, 3)
    ended = await home.do("resize", "shop-prod", offering=LARGE)
    assert ended.outcome is Outcome.FAILED, ended.reason
    assert f"done and kept: {before['BACKUP']} was resized" in ended.reason
    assert offerings(home, before["BACKUP"], before["PRIMARY"]) == [LARGE, SMALL]
    home.later(120.0)
    after = routers(home, "shop-prod")
    assert after == {"PRIMARY": before["BACKUP"], "BACKUP": before["PRIMARY"]}


async def test_a_standby_that_takes_over_meanwhile_is_not_stopped_again(home: House) -> None:
    before = routers(home, "shop-prod")
    primary, standby = before["PRIMARY"], before["BACKUP"]
    first = len(home.cloud.effects)

    def look(command: str) -> None:
        if command == "changeServiceForRouter":
            home.cloud.refuse_next(Refusal.START, 99)
            home.cloud.power_off(primary)
        elif command == "startRouter":
            home.cloud.refuse_next(Refusal.START, 0)

    home.wire.before = look
    ended = await home.do("resize", "shop-prod", offering=LARGE)
    assert ended.outcome is not Outcome.DONE
    stops = [one for one in home.cloud.effects[first:]
             if (one.kind, one.target) == ("router.stopped", standby)]  # fmt: skip
    assert len(stops) == 1


async def test_a_lone_router_states_its_outage_and_without_checks_is_unverified(
    home: House,
) -> None:
    network = isolated_network(home)
    asked = await home.ask("resize", network.name, offering=LARGE)
    assert asked.state is State.WAITING, asked.reason
    planned = plan_of(asked)
    assert "is cut off meanwhile" in planned.by_person
    assert planned.exposure.what == f"everything that enters or leaves network {network.name}"
    assert any("CloudStack shows no health check" in one for one in planned.warnings)
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.UNVERIFIED, ended.reason
    assert "was collected since its start" in ended.reason


CHECK = "haproxy_check.py"
FAILS = (CHECK, "FAILED", "no answer on port 80")


async def test_a_lone_router_is_done_once_its_checks_were_collected_and_pass(home: House) -> None:
    [lone] = routers(home, "shop-stage").values()
    home.cloud.set_check(lone, CHECK, "SUCCESS")
    asked = await home.ask("resize", "shop-stage", offering=LARGE)
    assert "health checks again" in plan_of(asked).steps[-1].text
    began = home.clock.now()
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert home.clock.now() - began >= home.cloud.latencies.checks_fetch_s
    assert all(one.status == "SUCCESS" for one in home.vm(lone).checks)


async def test_a_check_that_fails_since_the_start_is_told(home: House) -> None:
    [lone] = routers(home, "shop-stage").values()
    home.cloud.set_check(lone, CHECK, "SUCCESS")

    def look(command: str) -> None:
        if command == "changeServiceForRouter":
            home.cloud.set_check(lone, *FAILS, heals=False)

    home.wire.before = look
    ended = await home.do("resize", "shop-stage", offering=LARGE)
    assert ended.outcome is Outcome.FAILED, ended.reason
    assert f"check router {lone}: haproxy_check.py fails since its start" in ended.reason


async def test_a_check_that_failed_before_is_not_laid_to_the_resize(home: House) -> None:
    [lone] = routers(home, "shop-stage").values()
    home.cloud.set_check(lone, *FAILS, heals=False)
    done = await home.do("resize", "shop-stage", offering=LARGE)
    assert done.outcome is Outcome.DONE, done.reason


async def test_a_lone_router_that_does_not_start_with_it_starts_with_the_old_one(
    home: House,
) -> None:
    [lone] = routers(home, "shop-stage").values()
    refuse_starts(home, 1, 3)
    ended = await home.do("resize", "shop-stage", offering=LARGE)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert (offerings(home, lone), home.vm(lone).state) == ([SMALL], "Running")


@pytest.mark.parametrize("role", ["PRIMARY", "FAULT"])
async def test_roles_that_disagree_are_left_alone(home: House, role: str) -> None:
    standby = routers(home, "shop-prod")["BACKUP"]
    home.cloud.set_role(standby, role)
    home.later(60.0)
    ended = await home.ask("resize", "shop-prod", offering=LARGE)
    assert ended.outcome is Outcome.REFUSED
    assert "It needs one PRIMARY and one BACKUP" in ended.reason


async def test_an_offering_for_ilb_vms_is_refused_with_those_for_routers(home: House) -> None:
    ended = await home.ask("resize", "shop-prod", offering="ILB large")
    assert ended.outcome is Outcome.REFUSED
    assert "ILB large is made for an ILB VM, not for a router" in ended.reason
    assert f"{LARGE} (2 × 1000 MHz, 1024 MB) and {SMALL} (1 × 500 MHz, 512 MB)" in ended.reason


async def test_the_offering_they_have_is_nothing_to_do(home: House) -> None:
    ended = await home.ask("resize", "shop-prod", offering=SMALL)
    assert ended.outcome is Outcome.NOTHING_TO_DO
    assert "have the offering" in ended.reason
