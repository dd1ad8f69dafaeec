"""Tell from machines, rules and members what a connection to each VIP and port meets.

What is true counts, not what the management server believes: a guest left in Stopping by a dead
server goes on serving. Assumptions, as no real guest was measured: a live migration keeps
connections, a guest on its way down has no HAProxy any more, and with one member left HAProxy
serves whatever happened to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.sandbox.cloud.model import Kind, Machine, Rule
from bot.sandbox.cloud.state import CloudState

Place = tuple[str, int]
"""A VIP and a port."""
OTHER_PORTS = 0
"""Stands for every port of a VIP that no rule is about."""
Process = tuple[str, int, int]
"""Which HAProxy it is: of which machine, since which boot, started for which time."""


class Behaviour(StrEnum):
    """What a new connection meets."""

    ANSWERS = "answers"
    """It is taken, and stays."""
    CLOSES = "closes"
    """HAProxy takes it and closes it at once: it has no member to hand it to."""
    RESETS = "resets"
    """It is taken and cut off with a reset; only where a test asked for it."""
    REFUSES = "refuses"
    """The machine is there, and nothing listens on that port."""
    HANGS = "hangs"
    """There is no machine: nothing comes back."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a place does, and what decides about the connections held through it.

    `process` is None where no HAProxy runs. `resets` says that the other side is there to tell
    clients so: a machine without power lets held connections hang. `members_died` says that
    HAProxy has members, and none of them runs.
    """

    behaviour: Behaviour
    process: Process | None = None
    resets: bool = False
    members_died: bool = False


NOBODY = Sight(Behaviour.HANGS)


def sights(state: CloudState) -> dict[Place, Sight]:
    """Return what each place that a rule or an ILB VM makes known does now."""
    machines, rules = _standing(state)
    found = {(vip, OTHER_PORTS): sight(machine, None) for vip, machine in machines.items()}
    for rule in rules:
        found[rule.vip, rule.source_port] = sight(machines.get(rule.vip), rule)
    return found


def _standing(state: CloudState) -> tuple[dict[str, Machine], list[Rule]]:
    """Return ILB VMs by VIP, and rules; of equal VIPs in two VPCs the later one is shown."""
    machines = {one.address: one for one in state.machines(Kind.ILB)}
    return machines, list(state.all(Rule))


def sight(machine: Machine | None, rule: Rule | None) -> Sight:
    """Return what a port does by the machine of its VIP and by the rule that is about it."""
    if machine is None or machine.removed or not machine.powered_on:
        return NOBODY
    if machine.going_down or not machine.haproxy_is_up:
        return Sight(Behaviour.REFUSES, resets=True)
    process = (machine.id, machine.boots, machine.haproxy_starts)
    if rule is None or rule.removed or not rule.told:
        return Sight(Behaviour.REFUSES, process, resets=True)
    members = [one for one in rule.members if one not in rule.joining]
    if any(_runs(one) for one in members):
        return Sight(Behaviour.ANSWERS, process, resets=True)
    return Sight(Behaviour.CLOSES, process, resets=True, members_died=bool(members))


def _runs(member: Machine) -> bool:
    return member.powered_on and not member.going_down and not member.removed
