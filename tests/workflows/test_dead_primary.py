"""A primary that lost its power is still shown as one: its standby alone is alive."""

from __future__ import annotations

import pytest

from bot.domain.operation import Outcome, State
from bot.engine.api import StepFailed
from bot.services.operations import plan_of
from tests.workflows.harness import House
from tests.workflows.stepping import carry_out
from workflows.steps import redundant

PRIMARY, STANDBY = "r-4-VM", "r-5-VM"
LOOK = "See r-4-VM as PRIMARY and r-5-VM as BACKUP for longer than a role poll"


def still_shown_as_primary(home: House) -> None:
    """Check that the cloud says of the dead one what it said before."""
    shown = home.vm(PRIMARY)
    assert (shown.redundant_state, shown.state, shown.powered_on) == ("PRIMARY", "Running", False)


def stops_since(home: House, first: int) -> list[str]:
    return [one.target for one in home.cloud.effects[first:] if one.kind == "router.stopped"]


async def test_a_roll_stops_no_standby_of_a_dead_primary(home: House) -> None:
    asked = await home.ask("roll", "shop-prod")
    assert [step.text for step in plan_of(asked).steps].count(LOOK) == 2
    home.cloud.power_off(PRIMARY)
    still_shown_as_primary(home)
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.FAILED, ended.reason
    assert f"{STANDBY} is PRIMARY" in ended.reason
    assert "look which of them is alive" in ended.reason
    assert home.wire.calls.count("stopRouter") == 0


async def test_a_failing_standby_of_a_dead_primary_is_not_rebooted(home: House) -> None:
    home.cloud.set_check(STANDBY, "haproxy_check.py", "FAILED", "no answer on port 80")
    asked = await home.ask("recover", "shop-prod")
    assert asked.state is State.WAITING
    home.cloud.power_off(PRIMARY)
    still_shown_as_primary(home)
    ended = await home.approve(asked)
    assert ended.outcome is not Outcome.DONE
    assert f"{STANDBY} is PRIMARY" in ended.reason
    assert home.wire.calls.count("stopRouter") == 0


async def test_a_primary_that_dies_on_the_way_ends_the_hand_over(home: House) -> None:
    asked = await home.ask("roll", "shop-prod")
    first = len(home.cloud.effects)

    def dies_when_the_standby_is_back(command: str) -> None:
        standby, primary = home.vm(STANDBY), home.vm(PRIMARY)
        is_back = standby.state == "Running" and standby.version == "4.22.0"
        if is_back and standby.redundant_state == "BACKUP" and primary.powered_on:
            home.cloud.power_off(PRIMARY)

    home.wire.before = dies_when_the_standby_is_back
    ended = await home.approve(asked)
    assert ended.outcome is not Outcome.DONE
    assert stops_since(home, first) == [STANDBY]


async def test_roles_that_were_swapped_meanwhile_stop_nothing(home: House) -> None:
    first, second = home.vm(PRIMARY).id, home.vm(STANDBY).id
    target = plan_of(await home.ask("roll", "shop-prod")).target
    names = {first: PRIMARY, second: STANDBY}
    began = home.clock.now()
    await carry_out(home, lambda run: redundant.roles_proven(run, target, first, names))
    assert home.clock.now() - began > 30.0, "two reads within one role poll are one"
    with pytest.raises(StepFailed, match="r-4-VM is PRIMARY and r-5-VM is BACKUP by now"):
        await carry_out(home, lambda run: redundant.roles_proven(run, target, second, names))
