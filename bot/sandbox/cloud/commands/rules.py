"""Answer the commands around internal LB rules and their members.

Follows ApplicationLoadBalancerManagerImpl and LoadBalancingRulesManagerImpl: what a command
checks while creating fails on submit, what it finds while executing fails the job.
"""

from __future__ import annotations

from bot.sandbox.cloud import balancing
from bot.sandbox.cloud.commands.rule_checks import checked_rule, require_internal
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import NOT_YOURS, ApiError, Body, JobFailed, present
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.machine_views import user_machine
from bot.sandbox.cloud.model import Machine, Rule, Tier
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action, Stage, publish_usage, record_event
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.views import rule as rule_view

BROKEN_FILTERS = {
    "sourceipaddress": "sourceIpAddress",
    "sourceipaddressnetworkid": "sourceIpAddressNetworkId",
}


def list_rules(request: Request) -> Body:
    """List internal rules. Filtering by address is broken upstream and answers 530."""
    wanted, tier = request.entity("id", Rule), request.entity("networkid", Tier)
    for parameter, column in BROKEN_FILTERS.items():
        if request.text(parameter) is not None:
            raise ApiError(530, f"Problem with condition: {column}")
    require_internal(request.text("scheme") or "internal")
    name, keyword = request.text("name"), request.text("keyword") or ""
    tags = {tag["key"]: tag.get("value") for tag in request.indexed("tags")}
    found = [
        one
        for one in request.visible(request.state.all(Rule))
        if wanted in (None, one)
        and tier in (None, one.tier)
        and name in (None, one.name)
        and keyword in one.name
        and (one.display or wanted is one)
        and all(one.tags.get(key) == value for key, value in tags.items())
    ]
    return request.page("loadbalancer", found, lambda one: rule_view(request.state, one))


def list_members(request: Request) -> Body:
    one = request.required_entity("id", Rule)
    members = [] if one.removed else one.members
    if not request.boolean("lbvmips"):
        return request.page(
            "loadbalancerruleinstance", members, lambda member: _plain_member(request, member)
        )
    return request.page(
        "lbrulevmidip",
        members,
        lambda member: {
            "loadbalancerruleinstance": user_machine(request.state, member),
            "lbvmipaddresses": [member.address],
        },
    )


def _plain_member(request: Request, member: Machine) -> Body:
    """Show a member without lbvmips: the same object, less what only a full view has."""
    full = user_machine(request.state, member)
    hidden = ("arch", "hostid", "hostname", "instancename")
    return {key: value for key, value in full.items() if key not in hidden}


def create_rule(request: Request) -> Body:
    """Create a rule; everything is checked on submit, the job only shows what was made.

    Names may repeat, port 0 is accepted, unknown parameters (a protocol) are ignored.
    """
    state, rule = request.state, checked_rule(request)
    state.add(rule)
    state.effect("rule.created", rule.name, id=rule.id, vip=rule.vip, port=rule.source_port)
    publish_usage(state, "LB.CREATE", rule)
    made = Action(
        type="LB.CREATE",
        resource=None,
        entity="LoadBalancer",
        doing=f"Creating load balancer. Load balancer Id: {rule.number}",
        pairs={"Network": rule.tier.id},
    )
    record_event(state, made, Stage.COMPLETED, account=request.caller)

    def work() -> Work:
        yield 0.0
        return {"loadbalancer": rule_view(state, rule)}

    action = Action(
        type="LB.CREATE",
        resource=rule,
        entity="LoadBalancerRule",
        scheduled=f"creating load balancer: {rule.name} account: {request.caller.number}",
        pairs={"Network": rule.tier.id, "LoadBalancer": rule.id},
    )
    task = Task(
        command=COVERAGE[request.command].java,
        account=request.caller,
        parameters=request.parameters | {"uuid": rule.id, "id": str(rule.number)},
        work=work(),
        action=action,
        bus_instance_type="LoadBalancerRule",
        shown_type="LoadBalancerRule",
        context={
            "interface com.cloud.network.Network": rule.tier.id,
            "interface com.cloud.network.rules.LoadBalancer": rule.id,
        },
        spoiled=request.spoiled,
        logs_only_schedule=True,
    )
    return {"id": rule.id, "jobid": submit(state, task).id}


def delete_rule(request: Request) -> Body:
    rule = request.required_entity("id", Rule)
    action = Action(
        type="LB.DELETE",
        resource=rule,
        entity="FirewallRule",
        scheduled=f"deleting load balancer: {rule.number}",
        doing=f"Deleting load balancer. Load balancer ID: {rule.number}",
        pairs={"FirewallRule": rule.id},
    )

    def work() -> Work:
        if not request.may_change(rule):
            raise JobFailed(530, NOT_YOURS)
        yield from balancing.delete(request.state, rule)
        publish_usage(request.state, "LB.DELETE", rule)
        return {"success": True}

    return _submit(request, rule, work(), action, bus_type="FirewallRule")


def assign(request: Request) -> Body:
    rule = request.required_entity("id", Rule)
    members = _members(request)
    numbers = ",".join(str(one.number) for one in members)
    action = _member_action(
        "LB.ASSIGN.TO.RULE",
        rule,
        members,
        f"applying instances for load balancer: {rule.number} (ids: {numbers})",
        f"Assigning to load balancer. Load balancer Id: {rule.number} VmIds: {numbers}",
    )

    def work() -> Work:
        if _names_a_foreign_address(request) or not request.may_change(rule):
            raise JobFailed(530, "Failed to assign load balancer rule")
        yield from balancing.assign(request.state, rule, members)
        return {"success": True}

    return _submit(request, rule, work(), action, bus_type="None")


def remove(request: Request) -> Body:
    rule = request.required_entity("id", Rule)
    members = _members(request)
    numbers = ",".join(str(one.number) for one in members)
    action = _member_action(
        "LB.REMOVE.FROM.RULE",
        rule,
        members,
        f"removing instances from load balancer: {rule.number} (ids: {numbers})",
        f"Removing from load balancer. Load balancer Id: {rule.number} VmIds: {numbers}",
    )

    def work() -> Work:
        if not request.may_change(rule):
            raise JobFailed(530, NOT_YOURS)
        yield from balancing.unassign(request.state, rule, members)
        return {"success": True}

    return _submit(request, rule, work(), action, bus_type="None")


def _members(request: Request) -> list[Machine]:
    members = request.entities("virtualmachineids", Machine)
    for pair in request.indexed("vmidipmap"):
        vm = request.state.find(Machine, pair.get("vmid", ""))
        if vm is None:
            raise request.unknown("vmidipmap", pair.get("vmid", ""))
        members.append(vm)
    return members


def _names_a_foreign_address(request: Request) -> bool:
    for pair in request.indexed("vmidipmap"):
        vm = request.state.find(Machine, pair.get("vmid", ""))
        if vm is not None and pair.get("vmip") not in (None, vm.address):
            return True
    return False


def _member_action(
    type_: str, rule: Rule, members: list[Machine], scheduled: str, doing: str
) -> Action:
    pairs = present(
        FirewallRule=rule.id, VirtualMachine=",".join(one.id for one in members) or None
    )
    return Action(
        type=type_,
        resource=rule,
        entity="FirewallRule",
        scheduled=scheduled,
        doing=doing,
        pairs=pairs,
    )


def _context(rule: Rule, action: Action) -> dict[str, str]:
    context = {"interface com.cloud.network.rules.FirewallRule": rule.id}
    if "VirtualMachine" in action.pairs:
        context["interface com.cloud.vm.VirtualMachine"] = action.pairs["VirtualMachine"]
    return context


def _submit(request: Request, rule: Rule, work: Work, action: Action, *, bus_type: str) -> Body:
    """Submit a job on a rule: its bus key is an empty string, and it shows no instance."""
    task = Task(
        command=COVERAGE[request.command].java,
        account=request.caller,
        parameters=request.parameters | {"uuid": rule.id},
        work=work,
        action=action,
        bus_key="",
        bus_instance_type=bus_type,
        bus_instance_id="",
        context=_context(rule, action),
        spoiled=request.spoiled,
    )
    return {"jobid": submit(request.state, task).id}
