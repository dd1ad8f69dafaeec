"""The scenarios that are swept: every runbook, in every state of the cloud it is made for."""

from __future__ import annotations

import pytest

from bot.sandbox.cloud.model import AclList, Kind, Machine, Refusal
from tests.workflows.harness import House
from tests.workflows.migrate_scenarios import MIGRATE
from tests.workflows.other_ways import OTHER_WAYS
from tests.workflows.paired import (
    TWIN,
    VIP,
    VM,
    answers,
    are_equal,
    drifted,
    has_one_primary,
    is_paired,
    is_served,
    is_single,
    leads_to_what_answers,
    paired,
    published,
    routers_of,
)
from tests.workflows.resizes import RESIZES
from tests.workflows.splits import SPLIT
from tests.workflows.sweep import Scenario


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

STANDBY_ROUTER, PRIMARY_ROUTER, LONE_ROUTER = "r-5-VM", "r-4-VM", "shop-stage"


def _router_dies(home: House) -> None:
    """CloudStack's own restart of it fails, and is tried again only after ten minutes."""
    home.cloud.refuse_next(Refusal.START)
    home.cloud.power_off(STANDBY_ROUTER)
    home.later(200.0)


def _primary_fails(home: House) -> None:
    home.cloud.set_check(PRIMARY_ROUTER, "haproxy_check.py", "FAILED", "no answer on port 80")


def _lone_one_fails(home: House) -> None:
    [router] = [one for one in home.cloud.machines(Kind.ROUTER) if one.tier.name == "qa-tier"]
    home.cloud.set_check(router.name, "haproxy_check.py", "FAILED", "no answer on port 80")


def _has_a_pair(home: House) -> bool:
    pair = [home.vm(name) for name in (PRIMARY_ROUTER, STANDBY_ROUTER)]
    return _all_well(pair) and {one.redundant_state for one in pair} == {"PRIMARY", "BACKUP"}


def _lone_one_is_well(home: House) -> bool:
    routers = home.cloud.machines(Kind.ROUTER)
    return _all_well([one for one in routers if one.tier.name == "qa-tier"])


def _all_well(routers: list[Machine]) -> bool:
    return all(
        one.state == "Running" and all(check.status == "SUCCESS" for check in one.checks)
        for one in routers
    )


ROUTER_STOPPED = Scenario(
    "recover a dead router", "recover", STANDBY_ROUTER, _router_dies, _has_a_pair, _whatever
)
ROUTER_FAILING = Scenario(
    "recover a failing primary", "recover", "shop-prod", _primary_fails, _has_a_pair, _whatever
)
LONE_ROUTER_FAILING = Scenario(
    "recover a lone router", "recover", LONE_ROUTER, _lone_one_fails, _lone_one_is_well, _whatever
)

NEW_ILB = """
tier: shop-prod/db-tier
ilbs:
  - services:
      - name: orders
        members: [db-1, db-2]
        rules:
          - {port: 80, to: 8080, stickiness: {method: SourceBased, parameters: {expire: 20m}}}
          - {port: 81, algorithm: leastconn, members: [db-1]}
"""
OTHER_RULE = """
tier: shop-prod/db-tier
ilbs:
  - vip: 10.20.3.10
    services:
      - name: read
        members: [db-2]
        rules: [{port: 5432, algorithm: source}]
"""
SAME_RULE = """
tier: shop-prod/db-tier
ilbs:
  - vip: 10.20.3.10
    services:
      - rules: [{port: 5432, algorithm: leastconn, members: [db-1, db-2]}]
"""
OTHER_ACL = """
tier: shop-prod/cache-tier
ilbs:
  - vip: 10.20.4.10
    services:
      - rules: [{port: 6379, algorithm: source, members: [cache-1, cache-2]}]
acl:
  rules:
    - {action: allow, protocol: tcp, ports: 6379, from: [app-tier], reason: sessions}
    - {action: deny, protocol: all, from: [0.0.0.0/0]}
"""


def _rules(home: House, tier: str) -> list[tuple[object, ...]]:
    return sorted(
        (one.vip, one.source_port, one.instance_port, one.algorithm, one.state,
         *sorted(member.display_name for member in one.members))
        for one in home.cloud.rules_of(home.tier(tier))
    )  # fmt: skip


_DB_READ = ("10.20.3.10", 5432, 5432, "leastconn", "Active", "db-1", "db-2")


def _has_the_new_ilb(home: House) -> bool:
    return _rules(home, "db-tier") == [
        _DB_READ,
        ("10.20.3.4", 80, 8080, "roundrobin", "Active", "db-1", "db-2"),
        ("10.20.3.4", 81, 81, "leastconn", "Active", "db-1"),
    ]


def _has_the_other_rule(home: House) -> bool:
    other = ("10.20.3.10", 5432, 5432, "source", "Active", "db-2")
    return _rules(home, "db-tier") == [other] and is_served(home, "db-tier", "10.20.3.10")


def _has_its_old_rule(home: House) -> bool:
    return _rules(home, "db-tier") == [_DB_READ] and is_served(home, "db-tier", "10.20.3.10")


def _half_done(home: House) -> None:
    home.rule("db-read").state = "Add"


def _as_half_done_as_before(home: House) -> bool:
    return _rules(home, "db-tier")[0][:3] == _DB_READ[:3]


def _has_the_new_acl(home: House) -> bool:
    acl = home.tier("cache-tier").acl
    return acl is not None and acl.name == "cache-tier-acl" and len(_acl_lists(home)) == 1


def _has_the_old_acl(home: House) -> bool:
    acl = home.tier("cache-tier").acl
    return acl is not None and acl.name != "cache-tier-acl" and not _acl_lists(home)


def _acl_lists(home: House) -> list[AclList]:
    return [one for one in home.cloud.all(AclList) if one.name == "cache-tier-acl"]


def _spec(text: str, **more: str) -> tuple[tuple[str, str], ...]:
    return (("spec", text), *more.items())


BUILD = Scenario(
    "provision a new ILB", "provision", "shop-prod/db-tier", _nothing, _has_the_new_ilb,
    _has_its_old_rule, _spec(NEW_ILB),
)  # fmt: skip
REPLACE = Scenario(
    "provision another rule", "provision", "shop-prod/db-tier", _nothing, _has_the_other_rule,
    _has_its_old_rule, _spec(OTHER_RULE, overwrite="True"),
)  # fmt: skip
REPAIR = Scenario(
    "provision a repair", "provision", "shop-prod/db-tier", _half_done, _has_its_old_rule,
    _as_half_done_as_before, _spec(SAME_RULE),
)  # fmt: skip
ACL = Scenario(
    "provision an ACL", "provision", "shop-prod/cache-tier", _nothing, _has_the_new_acl,
    _has_the_old_acl, _spec(OTHER_ACL),
)  # fmt: skip


def _both_are_renewed(home: House) -> bool:
    tier = home.tier("app-tier")
    machines = [home.cloud.ilb_vm_at(tier, vip) for vip in (VIP, TWIN)]
    return is_paired(home) and all(one and one.version == "4.22.0" for one in machines)


def _is_single_and_renewed(home: House) -> bool:
    return is_single(home) and home.vm(VM).version == "4.22.0"


def _routers_are_renewed(home: House) -> bool:
    return has_one_primary(home) and {one.version for one in routers_of(home, "shop-prod")} == {
        "4.22.0"
    }


def _got_a_pair(home: House) -> bool:
    roles = sorted(one.redundant_state for one in routers_of(home, "shop-stage"))
    return roles == ["BACKUP", "PRIMARY"]


def _has_a_router(home: House) -> bool:
    return any(one.state == "Running" for one in routers_of(home, "shop-stage"))


PAIR = Scenario("pair an ILB", "pair", VM, _nothing, is_paired, leads_to_what_answers, watched=True)
AGAIN = Scenario(
    "make twins equal again", "pair", VM, drifted,
    lambda home: is_paired(home) and are_equal(home), leads_to_what_answers, watched=True,
)  # fmt: skip
UNPAIR = Scenario(
    "take a twin away", "unpair", VM, paired, is_single, leads_to_what_answers, watched=True
)
BESIDE = Scenario(
    "roll beside a twin", "roll", VM, _nothing, _is_single_and_renewed, leads_to_what_answers,
    watched=True,
)  # fmt: skip
TWINS = Scenario(
    "roll twins", "roll", VM, paired, _both_are_renewed, leads_to_what_answers, watched=True
)
ROUTERS = Scenario(
    "roll a pair of routers", "roll", "shop-prod", _nothing, _routers_are_renewed,
    has_one_primary,
)  # fmt: skip
ROUTER_PAIR = Scenario(
    "make a pair of routers", "pair", "shop-stage", _nothing, _got_a_pair, _has_a_router
)


def _one_of_twins_dies(home: House) -> None:
    paired(home)
    _dies(home)


def _one_of_twins_is_lost(home: House) -> None:
    paired(home)
    _is_lost(home)


def _one_of_twins_fails_a_check(home: House) -> None:
    paired(home)
    _fails_a_check(home)


def _fails_a_check(home: House) -> None:
    home.cloud.set_check(VM, "haproxy_check.py", "FAILED", "no answer on port 80")


def _is_paired_and_well(home: House) -> bool:
    return is_paired(home) and _all_well([home.vm(VM)])


def _serves_and_is_well(home: House) -> bool:
    return _serves(home) and _all_well([home.vm(VM)])


def _no_name_leads_to_nobody(home: House) -> bool:
    """It was dead before; a repair that failed leaves its twin in the name."""
    return TWIN in published(home) and answers(home, TWIN)


TWIN_STOPPED = Scenario(
    "recover a dead twin", "recover", VM, _one_of_twins_dies, is_paired,
    _no_name_leads_to_nobody, watched=True,
)  # fmt: skip
TWIN_MISSING = Scenario(
    "recover a missing twin", "recover", VIP, _one_of_twins_is_lost, is_paired,
    _no_name_leads_to_nobody, watched=True,
)  # fmt: skip
TWIN_FAILING = Scenario(
    "recover a failing twin", "recover", VM, _one_of_twins_fails_a_check, _is_paired_and_well,
    leads_to_what_answers, watched=True,
)  # fmt: skip
FAILING = Scenario(
    "recover a failing one", "recover", VM, _fails_a_check, _serves_and_is_well, _serves
)


def _stage(home: House) -> list[Machine]:
    return [one for one in home.cloud.machines(Kind.ILB) if one.address.startswith("10.30.")]


def _stage_is_renewed(home: House) -> bool:
    return all(one.state == "Running" and one.version == "4.22.0" for one in _stage(home))


def _one_of_the_stage_at_most(home: House) -> bool:
    """A fleet leaves a failed target to that target's own operation, and touches no second one."""
    return sum(one.state != "Running" for one in _stage(home)) <= 1


FLEET = Scenario(
    "roll a fleet", "roll-fleet", "vpc=shop-stage", _nothing, _stage_is_renewed,
    _one_of_the_stage_at_most,
)  # fmt: skip
ALL = (
    ROLL, STOPPED, STOPPING, MISSING, BUILD, REPLACE, REPAIR, ACL,
    ROUTER_STOPPED, ROUTER_FAILING, LONE_ROUTER_FAILING,
    PAIR, AGAIN, UNPAIR, BESIDE, TWINS, ROUTERS, ROUTER_PAIR,
    TWIN_STOPPED, TWIN_MISSING, TWIN_FAILING, FAILING, FLEET, MIGRATE, SPLIT,
    *RESIZES, *OTHER_WAYS,
)  # fmt: skip

every_scenario = pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(one, id=one.name, marks=[] if one in (ROLL, STOPPED) else [pytest.mark.slow])
        for one in ALL
    ],
)
"""All of them; those that wait long for CloudStack are left out of the fast tests."""
