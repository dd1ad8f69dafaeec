"""recover by itself: only what a policy lists, and never while all is stopped."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.operation import Mode, Outcome, State
from bot.domain.policy import RunbookPolicy, Targets
from tests.workflows.harness import ANA, House, house, two_people

VM = "b-31-VM"
STOP = "stopInternalLoadBalancerVM"
START = "startInternalLoadBalancerVM"
RESTART = "restartNetwork"


def dies(home: House) -> None:
    """Cut its power; CloudStack notices after three missed pings."""
    home.cloud.power_off(VM)
    home.later(200.0)


def changes(home: House) -> list[str]:
    return [call for call in home.wire.calls if call in {STOP, START, RESTART}]


async def test_a_policy_repairs_by_itself_what_it_lists(home: House) -> None:
    dies(home)
    found = await home.incident("recover", VM, Mode.AUTOMATIC)
    assert found.outcome is Outcome.DONE, found.reason
    assert found.decided_by == "policy of-the-test"
    assert changes(home) == [START]


async def test_nothing_repairs_itself_while_all_is_stopped(home: House) -> None:
    dies(home)
    await home.switch.set("Bruno", "a change freeze")
    found = await home.incident("recover", VM, Mode.AUTOMATIC)
    assert (found.outcome, found.reason) == (
        Outcome.OBSERVED,
        "nothing starts now: a change freeze",
    )


async def test_nothing_repairs_itself_without_a_write_key() -> None:
    async with house(can_write=False) as home:
        dies(home)
        found = await home.incident("recover", VM, Mode.AUTOMATIC)
        assert found.outcome is Outcome.OBSERVED
        assert changes(home) == []


async def test_what_a_person_asks_for_another_approves_even_where_policy_is_automatic(
    home: House,
) -> None:
    dies(home)
    here = Targets(ids=frozenset({home.vm(VM).id}))
    automatic = RunbookPolicy("recover", Mode.AUTOMATIC, automatic_on=here)
    home.policies = replace(two_people(), runbooks={"recover": automatic})
    asked = await home.ask("recover", VM)
    assert asked.state is State.WAITING
    assert not (await home.decide(asked, ANA)).counted


async def test_an_incident_in_approve_mode_waits_for_a_person(home: House) -> None:
    dies(home)
    asked = await home.incident("recover", VM, Mode.APPROVE)
    assert asked.state is State.WAITING
    assert (await home.approve(asked)).outcome is Outcome.DONE
