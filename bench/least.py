"""The least that a plan needs of CloudStack, by arithmetic over the plan alone.

Reads: each list that the plan relies on, once, in as many calls as CloudStack has for it.

| what | calls |
|---|---|
| its release, asked for at most every ten minutes | 1 |
| a name that may mean an ILB or routers | 4: tiers, ILB VMs, LB rules, routers |
| a name that means a tier | 1: tiers |
| settings of the zone: minimum version, checks that recreate routers | 2 |
| when an ILB VM was started and stopped | 3: `listEvents` by each resource type it is filed under |
| when a router was | 2 |
| restarts of its VPC and network, where something is down | 2 |
| whether the templates are ready (roll) | 2: types ROUTING and SYSTEM |
| the offerings to choose from (resize), where a new ILB VM does not ask for them | 1 |
| what makes twins equal | 1 (members of the tier), 1 for each rule (its stickiness), and 1 where \
there are two already (the port of HAProxy's statistics, which no rule may take) |
| what a new ILB VM comes with | 2: the setting, the offerings |
| hosts (pair, migrate) | 1 |
| hosts that a machine can move to (migrate, of an ILB) | 1, and 1 setting instead of 2 |
| a VPC or network, each router's checks, the VMs of each tier | 1 each |
| a tier (provision) | 8 (rules, ILB VMs, members, 2 settings, provider, ACL lists, routers), \
1 for each ACL list and 1 for each rule |

Changes: each once. A rule is created, tagged, given its members and, where wanted, made sticky.

Looking again is counted apart and has bounds of its own. `begin` asks no more than planning
needs, `finish` no more than planning would of what was made. The steps of a change look three times
for each change that they make (at what is there, right before it and right after it), and once at
the host of either twin after each start. What is more counts against the bot.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.comparison import RuleChange
from bot.domain.plan import Plan
from bot.domain.router_view import ROUTER_KINDS
from bot.domain.view import ports_in
from workflows import ilb_way_plans, migrate, pair, provision, unpair

RELEASE, NAME, SETTINGS, ILB_EVENTS, ROUTER_EVENTS, RESTARTS = 1, 4, 2, 3, 2, 2
TEMPLATES, OFFERINGS, MEMBERS, STATS, ROOM, HOSTS, TIER, CHOICES = 2, 1, 1, 1, 2, 1, 8, 1
LOOKS = 3


@dataclass(frozen=True, slots=True)
class Least:
    """So many calls a plan takes: to make it, and to carry it out."""

    reads: int
    changes: int
    again_at_end: int
    places: int = 0

    @property
    def looks(self) -> int:
        """So often the steps of the change may look."""
        return LOOKS * self.changes + self.places

    @property
    def total(self) -> int:
        """Both."""
        return self.reads + self.changes


def least(planned: Plan, acl_lists: int = 0) -> Least:
    """Return the least that a plan needs; `acl_lists` are those its tier may have (provision)."""
    if planned.runbook == provision.NAME:
        reads, found = _reads_of_a_tier(planned, acl_lists), provision.comparison_of(planned)
        new = sum(one.before is None for one in found.rules)
        new_list = found.acl is not None and not found.acl.list_id
        return Least(reads, _changes_of_a_tier(planned), reads + new + new_list)
    if planned.runbook == migrate.NAME:
        reads = RELEASE + NAME + 1 + ILB_EVENTS + CHOICES + HOSTS
        return Least(reads, 1, reads)
    if planned.target.kind in ROUTER_KINDS:
        reads = _reads_of_routers(planned)
        if planned.runbook == pair.NAME:  # there is one more to look at in the end
            return Least(reads, _changes_of_routers(planned), reads + 1 + ROUTER_EVENTS)
        return Least(reads, _changes_of_routers(planned), reads)
    reads, places = _reads_of_an_ilb(planned), 0
    at_end = reads
    if planned.parameter("act") == "ilb-twin":  # there is a twin to look at in the end
        at_end, places = reads + ILB_EVENTS + STATS + len(ports_in(planned)), 2
    if planned.parameter("way") == "twins":
        places = 2 * len(planned.parameter("due").split())
    return Least(reads, _changes_of_an_ilb(planned), at_end, places)


def _reads_of_an_ilb(planned: Plan) -> int:
    facts = {one.name: one.value for one in planned.facts}
    machines = [facts.get(name, "none") for name in ("ILB VM", "twin's ILB VM")]
    there = sum(one != "none" for one in machines)
    rules = sum(name.removeprefix("twin's ").startswith("rule on port ") for name in facts)
    builds = planned.parameter("way") == "beside" or planned.parameter("act") == "ilb-twin"
    compares = builds or (planned.runbook in {"roll", "resize", "pair"} and machines[1] != "none")
    return (
        RELEASE + NAME + SETTINGS + ILB_EVENTS * there
        + RESTARTS * (facts["state"] != "Running")
        + TEMPLATES * (planned.runbook == "roll")
        + OFFERINGS * (planned.runbook == "resize" and not builds)
        + HOSTS * (planned.runbook == pair.NAME)
        + (MEMBERS + rules) * compares
        + STATS * (compares and not builds)
        + ROOM * builds
    )  # fmt: skip


def _changes_of_an_ilb(planned: Plan) -> int:
    if planned.runbook == pair.NAME:
        made = pair.pairing_of(planned)
        return sum(map(_changes_of_a_rule, made.changes)) + len(made.marks)
    if planned.runbook == unpair.NAME:
        gone = unpair.parting_of(planned)
        return len(gone.marks) + len(gone.places)
    if planned.runbook == "recover":
        return 2 if planned.parameter("state") == "Stopping" else 1
    if planned.parameter("way") == "beside":
        twin = ilb_way_plans.detour_of(planned).twin
        there_and_back = sum(map(_changes_of_a_rule, twin.changes)) + len(twin.changes)
        worked_on = 2 if planned.runbook == "resize" else 1  # the twin gets the offering as well
        return _restart(planned) * worked_on + there_and_back + 2 * len(twin.marks)
    return _restart(planned) * len(planned.parameter("due").split())


def _restart(planned: Plan) -> int:
    """A stop and a start, and what comes between."""
    return 3 if planned.runbook == "resize" else 2


def _changes_of_a_rule(change: RuleChange) -> int:
    before, after = change.before, change.after
    if after is None:
        return 1
    if before is not None and not change.is_replaced:
        return (
            (set(after.members) - set(before.members) != set())
            + (set(before.members) - set(after.members) != set())
            + (before.stickiness != after.stickiness)
            + any(tag not in after.tags for tag in before.tags)
            + any(tag not in before.tags for tag in after.tags)
        )
    made = 1 + bool(after.tags) + bool(after.members) + (after.stickiness is not None)
    keeper = 4 if change.keeper else 0  # created, tagged, given a member, deleted
    return made + (before is not None) + keeper


def _reads_of_routers(planned: Plan) -> int:
    facts = {one.name: one.value for one in planned.facts}
    names = [name.removesuffix(" role") for name in facts if name.endswith(" role")]
    down = any(facts[f"{name} state"] != "Running" for name in names)
    networks = sum(name.startswith("tier ") for name in facts) or 1
    return (
        RELEASE + NAME + 1 + SETTINGS + networks + (1 + ROUTER_EVENTS) * len(names)
        + RESTARTS * down
        + TEMPLATES * (planned.runbook == "roll")
        + OFFERINGS * (planned.runbook == "resize")
        + HOSTS * (planned.runbook == pair.NAME)
    )  # fmt: skip


def _changes_of_routers(planned: Plan) -> int:
    if planned.runbook == pair.NAME:
        return 1
    if planned.runbook == "recover":
        starts, reboots = planned.parameter("start"), planned.parameter("reboot")
        return len(starts.split()) + 2 * len(reboots.split())
    return _restart(planned) * len(planned.parameter("due").split())


def _reads_of_a_tier(planned: Plan, acl_lists: int) -> int:
    rules = sum(one.name.startswith("rule on ") for one in planned.facts)
    return RELEASE + 1 + TIER + acl_lists + rules


def _changes_of_a_tier(planned: Plan) -> int:
    found = provision.comparison_of(planned)
    acl = found.acl
    lists = 0 if acl is None else 1 + bool(acl.drops_before)
    made = 0 if acl is None or acl.list_id else 1 + len(acl.rules)
    provider = 2 if found.provider_id else 0  # its element and itself
    return sum(map(_changes_of_a_rule, found.rules)) + lists + made + provider
