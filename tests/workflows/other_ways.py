"""The scenarios of ways whose verbs other scenarios are swept for in full: these are swept thinly.

What is their own is the order of the verbs, and what is waited for between them.
"""

from __future__ import annotations

from bot.sandbox.cloud.counters import VISIBILITY
from bot.sandbox.cloud.model import Kind, Machine, Refusal
from tests.workflows.crowded import crowded
from tests.workflows.crowded import leads_to_what_answers as names_lead_to_what_answers
from tests.workflows.harness import House
from tests.workflows.migrate_scenarios import MIGRATE_ROUTER, lone_router
from tests.workflows.networks import isolated_network
from tests.workflows.paired import (
    TWIN,
    VIP,
    VM,
    answers,
    has_one_primary,
    is_paired,
    paired,
    published,
    routers_of,
)
from tests.workflows.resizes import ILB_LARGE, ROUTER_LARGE
from tests.workflows.splits import is_split
from tests.workflows.sweep import Scenario

OLD, NEW = "4.20.0", "4.22.0"
_FAILS = ("haproxy_check.py", "FAILED", "no answer on port 80")


def _twins(home: House) -> list[Machine]:
    tier = home.tier("app-tier")
    return [one for vip in (VIP, TWIN) if (one := home.cloud.ilb_vm_at(tier, vip))]


def _twins_answer(home: House) -> bool:
    return answers(home, VIP) and answers(home, TWIN)


def _twins_are_renewed(home: House) -> bool:
    return _twins_answer(home) and all(one.version == NEW for one in _twins(home))


def _twins_are_large(home: House) -> bool:
    return _twins_answer(home) and all(one.offering.name == ILB_LARGE for one in _twins(home))


def _a_twin_answers(home: House) -> bool:
    """Clients know both addresses: what failed may have left one of them down, never both."""
    return answers(home, VIP) or answers(home, TWIN)


def _is_old(home: House) -> None:
    lone_router(home).version = OLD


def _is_checked(home: House) -> None:
    home.cloud.set_check(lone_router(home).name, "haproxy_check.py", "SUCCESS")


def _lone_one_runs(home: House) -> bool:
    return lone_router(home).state == "Running"


def _both_fail(home: House) -> None:
    for one in routers_of(home, "shop-prod"):
        home.cloud.set_check(one.name, *_FAILS)


def _are_well(home: House) -> bool:
    checks = [check for one in routers_of(home, "shop-prod") for check in one.checks]
    return has_one_primary(home) and all(one.status == "SUCCESS" for one in checks)


def _lone_one_dies(home: House) -> None:
    """CloudStack's own restart of it fails, and is tried again only after ten minutes."""
    home.cloud.refuse_next(Refusal.START)
    home.cloud.power_off(lone_router(home).name)
    home.later(200.0)


def _one_of_twins_sticks(home: House) -> None:
    paired(home)
    home.cloud.stick_in_stopping(VM)


def _leads_to_its_twin(home: House) -> bool:
    return TWIN in published(home) and answers(home, TWIN)


def _whatever(home: House) -> bool:
    """It was down before: no failed repair makes that worse."""
    return True


def _network(home: House) -> None:
    isolated_network(home)


def _network_roles(home: House) -> list[str]:
    routers = [one for one in home.cloud.machines(Kind.ROUTER) if one.tier.name == "office"]
    return sorted(one.redundant_state for one in routers if one.state == "Running")


def _nobody_sees_the_counters(home: House) -> None:
    crowded(home)
    home.cloud.settings[VISIBILITY].value = "link-local"


ROLL_NAMELESS = Scenario(
    "roll twins without a name", "roll", VM, paired, _twins_are_renewed, _a_twin_answers
)
RESIZE_NAMELESS = Scenario(
    "resize twins without a name", "resize", VM, paired, _twins_are_large, _a_twin_answers,
    (("offering", ILB_LARGE),),
)  # fmt: skip
ROLL_LONE = Scenario(
    "roll a lone router", "roll", "shop-stage", _is_old,
    lambda home: _lone_one_runs(home) and lone_router(home).version == NEW, _lone_one_runs,
)  # fmt: skip
RESIZE_LONE = Scenario(
    "resize a lone router", "resize", "shop-stage", _is_checked,
    lambda home: _lone_one_runs(home) and lone_router(home).offering.name == ROUTER_LARGE,
    _lone_one_runs, (("offering", ROUTER_LARGE),),
)  # fmt: skip
BOTH_FAILING = Scenario(
    "recover two failing routers", "recover", "shop-prod", _both_fail, _are_well, has_one_primary
)
LONE_STOPPED = Scenario(
    "recover a dead lone router", "recover", "shop-stage", _lone_one_dies, _lone_one_runs,
    _whatever,
)  # fmt: skip
TWIN_STOPPING = Scenario(
    "recover a stuck twin", "recover", VM, _one_of_twins_sticks, is_paired, _leads_to_its_twin,
    watched=True,
)  # fmt: skip
NETWORK_PAIR = Scenario(
    "make a pair in a network", "pair", "office", _network,
    lambda home: _network_roles(home) == ["BACKUP", "PRIMARY"],
    lambda home: len(_network_roles(home)) > 0,
)  # fmt: skip
SPLIT_BY_WORD = Scenario(
    "split by a person's word", "split", VM, _nobody_sees_the_counters, is_split,
    names_lead_to_what_answers, (("weights", "app:3,grpc:1"),), watched=True, answered=True,
)  # fmt: skip
OTHER_WAYS = (
    ROLL_NAMELESS, RESIZE_NAMELESS, ROLL_LONE, RESIZE_LONE, BOTH_FAILING, LONE_STOPPED,
    TWIN_STOPPING, NETWORK_PAIR, MIGRATE_ROUTER, SPLIT_BY_WORD,
)  # fmt: skip
