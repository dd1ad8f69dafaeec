"""The scenarios that are swept: every runbook, in every state of the cloud it is made for."""

from __future__ import annotations

import pytest

from tests.workflows.harness import House
from tests.workflows.sweep import Scenario

VM = "b-31-VM"
VIP = "10.20.1.10"


def _nothing(home: House) -> None:
    """The demo's cloud as it is."""


def _dies(home: House) -> None:
    home.cloud.power_off(VM)
    home.later(200.0)


def _sticks(home: House) -> None:
    home.cloud.stick_in_stopping(VM)


def _is_lost(home: House) -> None:
    home.cloud.lose_ilb_vm(VM)


def _serves(home: House) -> bool:
    tier = home.tier("app-tier")
    vm = home.cloud.ilb_vm_at(tier, VIP)
    rules = [one for one in home.cloud.rules_of(tier) if one.vip == VIP]
    return (
        vm is not None
        and vm.state == "Running"
        and all(one.state == "Active" and one.members for one in rules)
    )


def _serves_from_the_new_template(home: House) -> bool:
    return _serves(home) and home.vm(VM).version == "4.22.0"


def _whatever(home: House) -> bool:
    """It was down before: no failed repair makes that worse."""
    return True


ROLL = Scenario("roll", "roll", VM, _nothing, _serves_from_the_new_template, _serves)
STOPPED = Scenario("recover a dead one", "recover", VM, _dies, _serves, _whatever)
STOPPING = Scenario("recover a stuck one", "recover", VM, _sticks, _serves, _whatever)
MISSING = Scenario("recover a missing one", "recover", VIP, _is_lost, _serves, _whatever)
ALL = (ROLL, STOPPED, STOPPING, MISSING)

every_scenario = pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(one, id=one.name, marks=[] if one in (ROLL, STOPPED) else [pytest.mark.slow])
        for one in ALL
    ],
)
"""All of them; those that wait long for CloudStack are left out of the fast tests."""
