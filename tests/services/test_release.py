"""Below the floor nothing is changed; where no version is told nothing is without a person."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Mode, Outcome, State
from bot.domain.release import FLOOR
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.services.release import KEPT_S
from tests.workflows.harness import RUNBOOKS, House, house

VM = "b-31-VM"
TOLD_BY = ("listCapabilities", "listManagementServers")


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as one:
        yield one


def dies(home: House) -> None:
    """Cut its power; CloudStack notices after three missed pings."""
    home.cloud.power_off(VM)
    home.later(200.0)


def tells_no_version(home: House) -> None:
    for command in TOLD_BY:
        home.cloud.fail_next(Fault(command, FaultKind.ERROR, times=99))


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS))
async def test_below_the_floor_every_plan_is_refused(home: House, runbook: str) -> None:
    home.cloud.version = "4.17.2.0"
    found = await home.ask(runbook, VM)
    assert found.outcome is Outcome.REFUSED
    assert f"CloudStack 4.17.2.0 is older than {FLOOR}" in found.reason
    assert "`status`, `can`, `why` and `export` work" in found.reason
    assert home.effects() == []


async def test_below_the_floor_nothing_automatic_happens_either(home: House) -> None:
    home.cloud.version = "4.17.2.0"
    dies(home)
    found = await home.incident("recover", VM, Mode.AUTOMATIC)
    assert found.outcome is Outcome.REFUSED
    assert home.vm(VM).state == "Stopped"


async def test_at_the_floor_everything_goes_on(home: House) -> None:
    home.cloud.set_version("4.18.0.0")
    assert (await home.do("roll", VM)).outcome is Outcome.DONE


async def test_where_no_version_is_told_people_decide_what_would_be_automatic(home: House) -> None:
    tells_no_version(home)
    dies(home)
    asked = await home.incident("recover", VM, Mode.AUTOMATIC)
    assert (asked.state, asked.reason) == (
        State.WAITING, "CloudStack does not tell its version, so a person decides",
    )  # fmt: skip
    assert (await home.approve(asked)).outcome is Outcome.DONE


async def test_the_version_is_asked_for_once_in_a_while(home: House) -> None:
    release = home.fleet.release
    assert await release.version() == await release.version() == home.cloud.version
    assert home.wire.calls.count("listCapabilities") == 1
    home.later(KEPT_S)
    home.cloud.set_version("4.21.0.0")
    assert await release.version() == "4.21.0.0"
    assert home.wire.calls.count("listCapabilities") == 2


async def test_a_version_that_was_not_told_is_asked_for_again(home: House) -> None:
    tells_no_version(home)
    assert await home.fleet.release.version() == ""
    home.cloud.faults.pending.clear()
    assert await home.fleet.release.version() == home.cloud.version
