"""What a runbook says it does to its target is what CloudStack is asked to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.domain.acts import Act
from bot.domain.operation import Outcome
from tests.workflows.harness import RUNBOOKS, House, house
from tests.workflows.wire import CHANGES

VM, VIP = "b-31-VM", "10.20.1.10"
COMMANDS = {
    Act.ROLL: {"stopInternalLoadBalancerVM", "startInternalLoadBalancerVM"},
    Act.START: {"stopInternalLoadBalancerVM", "startInternalLoadBalancerVM"},
    Act.REDEPLOY: {"restartNetwork"},
    Act.RESIZE: {
        "stopInternalLoadBalancerVM",
        "changeServiceForRouter",
        "startInternalLoadBalancerVM",
    },
}
"""What each act may ask CloudStack for; a start begins with a plain stop where it hangs."""


def running(_: House) -> str:
    return VM


def dead(home: House) -> str:
    home.cloud.power_off(VM)
    home.later(300.0)
    return VM


def stuck(home: House) -> str:
    home.cloud.stick_in_stopping(VM)
    return VM


def missing(home: House) -> str:
    home.cloud.lose_ilb_vm(VM)
    return VIP


@pytest.mark.parametrize(
    ("runbook", "given", "act"),
    [
        ("resize", running, Act.RESIZE),
        ("roll", running, Act.ROLL),
        ("recover", dead, Act.START),
        ("recover", stuck, Act.START),
        ("recover", missing, Act.REDEPLOY),
    ],
)
async def test_a_runbook_asks_for_what_its_acts_mean_and_nothing_else(
    runbook: str, given: Callable[[House], str], act: Act
) -> None:
    async with house() as home:
        target = given(home)
        more = {"offering": "ILB large"} if runbook == "resize" else {}
        asked = await home.ask(runbook, target, **more)
        assert RUNBOOKS[runbook].acts(await home.plan(asked)) == (act,)
        ended = await home.approve(asked)
        assert ended.outcome is Outcome.DONE, ended.reason
        sent = {command for command in home.wire.calls if command in CHANGES}
        assert sent
        assert sent <= COMMANDS[act]
