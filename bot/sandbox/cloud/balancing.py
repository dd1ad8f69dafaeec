"""Change LB rules and members, with what that does to the ILB VMs of the whole tier.

Follows LoadBalancingRulesManagerImpl.applyLoadBalancerConfig and
InternalLoadBalancerVMManagerImpl: every change re-applies all internal rules of the tier, and
applying a rule with members first deploys or starts its ILB VM.
"""

from __future__ import annotations

from bot.sandbox.cloud import machines
from bot.sandbox.cloud.frame import JobFailed
from bot.sandbox.cloud.model import Kind, Machine, Refusal, Rule, Tier
from bot.sandbox.cloud.processes import Work, in_turn
from bot.sandbox.cloud.records import change_state
from bot.sandbox.cloud.redundancy import ensure_routers
from bot.sandbox.cloud.state import CloudState


def assign(state: CloudState, rule: Rule, members: list[Machine]) -> Work:
    """Add members. The command hides its reasons: its job nearly always fails with one text."""
    new = list(dict.fromkeys(members))
    acceptable = new and all(
        one.kind is Kind.USER and one.tier is rule.tier and not one.removed for one in new
    )
    if any(one in rule.half_removed for one in new):
        raise JobFailed(530, "Entity already exists ")
    if not acceptable or any(one in rule.members for one in new):
        raise JobFailed(530, "Failed to assign load balancer rule")
    rule.members += new
    rule.joining = new
    rule.state = "Add"
    try:
        yield from apply_rules(state, rule.tier)
    except JobFailed as failure:
        rule.members = [one for one in rule.members if one not in new]
        rule.joining = []
        raise JobFailed(530, "Failed to assign load balancer rule") from failure
    yield state.latencies.assign_s
    rule.joining = []
    rule.state = "Active"
    rule.told = True
    _changed(state, rule)


def unassign(state: CloudState, rule: Rule, members: list[Machine]) -> Work:
    """Take members out; one that is no member is a success. The last one leaves a rule in Add."""
    rule.state = "Add"
    rule.half_removed = [one for one in rule.members if one in members]
    yield from apply_rules(state, rule.tier)
    yield state.latencies.rule_s
    rule.half_removed = []
    rule.members = [one for one in rule.members if one not in members]
    rule.state = "Active" if rule.members else "Add"
    _changed(state, rule)


def delete(state: CloudState, rule: Rule) -> Work:
    """Delete a rule; the last one of a VIP takes the ILB VM with it."""
    rule.state = "Deleting"
    remaining = [
        one for one in state.rules_of(rule.tier) if one is not rule and one.vip == rule.vip
    ]
    if rule.members and state.host_refuses(Refusal.RULES):
        raise JobFailed(530, _not_applied(rule.tier, rule.vip))
    yield from apply_rules(state, rule.tier)
    rule.told = False
    if not remaining:
        machine = state.ilb_vm_at(rule.tier, rule.vip)
        if machine is not None:
            yield from machines.destroy(state, machine)
    yield state.latencies.rule_s
    rule.removed = True
    state.effect("rule.deleted", rule.name, id=rule.id, vip=rule.vip, port=rule.source_port)


def apply_rules(state: CloudState, tier: Tier) -> Work:
    """Bring up an ILB VM for every VIP of the tier that has a rule with members."""
    vips = dict.fromkeys(
        rule.vip for rule in state.rules_of(tier) if rule.members and rule.state != "Deleting"
    )
    for vip in vips:
        if state.host_refuses(Refusal.RULES):
            raise JobFailed(530, _not_applied(tier, vip))
        machine = state.ilb_vm_at(tier, vip)
        if machine is None:
            yield from in_turn(
                state.processes, f"{tier.id}/{vip}", machines.deploy_ilb_vm(state, tier, vip)
            )
        else:
            yield from machines.start(state, machine)


def _not_applied(tier: Tier, vip: str) -> str:
    return (
        f"Failed to apply load balancing rules for ip {vip} in network {tier.described} "
        "on element InternalLbVm"
    )


def implement(state: CloudState, tier: Tier, machine: Machine) -> Work:
    """Bring an Allocated tier up because a machine in it is started.

    With internal rules on it this hangs on a real 4.22 server: implementing the tier starts the
    ILB VM, which implements the same network again. Nothing but a restart of the server helps.
    """
    if any(rule.members for rule in state.rules_of(tier)):
        change_state(state, machine, "Starting")
        tier.state = "Shutdown"
        yield float("inf")
    tier.state = "Implementing"
    yield state.latencies.start_queue_s
    yield from ensure_routers(state, tier)
    tier.state = "Implemented"
    state.effect("tier.implemented", tier.name, id=tier.id)


def collect(state: CloudState, tier: Tier) -> Work:
    """Shut down a tier in which no user VM runs: its ILB VMs go, its rules stay Active."""
    yield state.latencies.network_gc_s
    busy = any(one.state != "Stopped" for one in state.machines(Kind.USER) if one.tier is tier)
    if busy or tier.state != "Implemented":
        return
    tier.state = "Shutdown"
    for machine in [one for one in state.machines(Kind.ILB) if one.tier is tier]:
        yield from machines.destroy(state, machine)
    tier.state = "Allocated"
    state.effect("tier.collected", tier.name, id=tier.id)


def _changed(state: CloudState, rule: Rule) -> None:
    state.effect(
        "rule.members_changed",
        rule.name,
        id=rule.id,
        members=[one.display_name for one in rule.members],
    )
