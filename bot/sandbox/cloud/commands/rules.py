"""Answer the commands around internal LB rules and their members.

Follows ApplicationLoadBalancerManagerImpl and LoadBalancingRulesManagerImpl: what a command
checks while creating fails on submit, what it finds while executing fails the job.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network

from bot.sandbox.cloud import balancing
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import NOT_YOURS, ApiError, Body, JobFailed, present
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.machine_views import user_machine
from bot.sandbox.cloud.model import Kind, Machine, Rule, Tier
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action, Stage, publish_usage, record_event
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.views import rule as rule_view

ALGORITHMS = ("roundrobin", "leastconn", "source")
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
    _require_internal(request.text("scheme") or "internal")
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
    return request.page("loadbalancer", found, rule_view)


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
    state, rule = request.state, _checked_rule(request)
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
        return {"loadbalancer": rule_view(rule)}

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


def _checked_rule(request: Request) -> Rule:
    state = request.state
    name, scheme = request.required("name"), request.required("scheme")
    tier = request.required_entity("networkid", Tier)
    vip_tier = request.required_entity("sourceipaddressnetworkid", Tier)
    source, instance = _port(request, "source"), _port(request, "instance")
    algorithm = request.required("algorithm")
    if not request.may_change(tier):
        raise ApiError(531, NOT_YOURS, cserrorcode=4365)
    _require_internal(scheme)
    if algorithm.lower() not in ALGORITHMS:
        raise ApiError(431, f"Invalid algorithm: {algorithm}", cserrorcode=4350)
    _require_lb(request, tier)
    _require_not_stats_port(request, tier, source)
    vip = _acquire(request, vip_tier)
    _require_free(request, vip, source)
    return Rule(
        **state.identity("rule"),
        account=tier.account,
        project=tier.project,
        name=name,
        description=request.text("description"),
        tier=tier,
        vip_tier=vip_tier,
        vip=vip,
        source_port=source,
        instance_port=instance,
        algorithm=algorithm,
        display=request.boolean("fordisplay") is not False,
    )


def _port(request: Request, which: str) -> int:
    port = request.required_integer(f"{which}port")
    if not 0 <= port <= 65535:
        raise ApiError(431, f"Invalid value for {which} port: {port}", cserrorcode=4350)
    return port


def _require_internal(scheme: str) -> None:
    if scheme.lower() != "internal":
        text = "Invalid value for scheme. Supported value is internal"
        raise ApiError(431, text, cserrorcode=4350)


def _require_lb(request: Request, tier: Tier) -> None:
    if tier.offering.lb_provider is None:
        raise ApiError(
            431,
            "LB service is not supported in specified network id",
            cserrorcode=4350,
            uuids=[(tier.id, "networkId")],
        )
    if tier.offering.lb_provider != "InternalLbVm":
        offering = tier.offering
        raise ApiError(
            431,
            "Scheme Internal is not supported by the network offering Network Offering "
            f'{{"id":{offering.number},"name":"{offering.name}","uuid":"{offering.id}"}}',
            cserrorcode=4350,
        )


def _require_not_stats_port(request: Request, tier: Tier, port: int) -> None:
    """Refuse HAProxy's stats port, which CloudStack does only once the tier has an ILB VM."""
    stats = request.state.setting("network.loadbalancer.haproxy.stats.port")
    has_vm = any(one.tier is tier for one in request.state.machines(Kind.ILB))
    if has_vm and str(port) == stats:
        raise ApiError(431, "LB service provider cannot support this rule", cserrorcode=4350)


def _acquire(request: Request, tier: Tier) -> str:
    """Return the VIP: the one asked for, also where rules share it already, or the next free."""
    state, asked = request.state, request.text("sourceipaddress")
    subnet = IPv4Network(tier.cidr)
    taken = {one.address for one in state.machines(Kind.USER) if one.tier is tier}
    taken |= {one.address for one in state.machines(Kind.ROUTER) if one.tier.vpc is tier.vpc}
    taken |= {str(subnet.network_address), str(subnet.broadcast_address), tier.gateway}
    if asked is None:
        vips = {one.vip for one in state.all(Rule) if one.vip_tier is tier}
        free = next((str(one) for one in subnet.hosts() if str(one) not in taken | vips), None)
        if free is None:
            raise _no_address(tier)
        return free
    try:
        address = IPv4Address(asked)
    except AddressValueError:
        raise (_no_address(tier) if asked.count(".") == 3 else _not_a_number()) from None
    if address not in subnet:
        text = "The requested IP is not in the network's CIDR subnet."
        raise ApiError(431, text, cserrorcode=4350)
    if asked in taken:
        raise _no_address(tier)
    return asked


def _no_address(tier: Tier) -> ApiError:
    return ApiError(
        533,
        f'Unable to acquire IP address for network Network {{"id": {tier.number}, '
        f'"name": "{tier.name}", "uuid": "{tier.id}", "networkofferingid": '
        f"{tier.offering.number}}}",
    )


def _not_a_number() -> ApiError:
    return ApiError(530, "Incorrect number")


def _require_free(request: Request, vip: str, port: int) -> None:
    for one in request.state.all(Rule):
        if one.vip == vip and one.source_port == port:
            raise ApiError(
                537,
                f"The range specified, {port}-{port}, conflicts with rule "
                f'ApplicationLoadBalancerRule {{"name":"{one.name}","id":{one.number},'
                f'"purpose":"LoadBalancing","state":"{one.state}","uuid":"{one.id}"}} '
                f"which has {port}-{port}",
            )


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
