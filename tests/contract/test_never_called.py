"""Commands that ilbot must not use whatever a runbook may want, and hazards that tests hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.adapters.cloudstack.catalogue import COMMANDS, Effect

PROJECT = Path(__file__).parents[2]
REACHES_TOO_FAR = (
    "upgradeRouterTemplate", "patchSystemVm", "updateLoadBalancerRule",
    "updateLoadBalancer", "updateNetworkACLItem", "updateNetwork", "updateConfiguration",
    "updateNetworkOffering", "deleteNetwork", "deleteVPC", "destroyRouter", "destroySystemVm",
    "destroyVirtualMachine", "stopVirtualMachine", "startVirtualMachine",
)  # fmt: skip


def test_what_reaches_further_than_its_target_is_not_in_the_catalogue() -> None:
    assert not set(REACHES_TOO_FAR) & set(COMMANDS)


def test_health_checks_are_never_made_to_run_afresh() -> None:
    assert "getRouterHealthCheckResults" not in COMMANDS, "performing fresh ones restarts VPCs"


def test_every_change_is_on_this_list_for_a_reason() -> None:
    """A new command that changes something is a decision, not a line."""
    assert {one.name for one in COMMANDS.values() if one.effect is Effect.CHANGE} == {
        "stopInternalLoadBalancerVM", "startInternalLoadBalancerVM", "restartNetwork",
        "stopRouter", "startRouter", "changeServiceForRouter",
        "migrateSystemVm", "restartVPC",
        "createLoadBalancer", "deleteLoadBalancer", "assignToLoadBalancerRule",
        "removeFromLoadBalancerRule", "createTags", "deleteTags", "createLBStickinessPolicy",
        "deleteLBStickinessPolicy", "createNetworkACLList", "createNetworkACL",
        "replaceNetworkACLList", "deleteNetworkACLList", "createInternalLoadBalancerElement",
        "configureInternalLoadBalancerElement", "updateNetworkServiceProvider",
    }  # fmt: skip


_GUIDE = (PROJECT / "docs" / "HAZARDS.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _GUIDE)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_a_test_that_holds_a_hazard_exists(file: str, test: str) -> None:
    assert re.search(rf"def {test}\(", (PROJECT / file).read_text(encoding="utf-8"))


def test_every_hazard_is_held_by_a_test() -> None:
    rows = [row for row in _GUIDE.splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 20
    assert all("::test_" in row for row in rows)
