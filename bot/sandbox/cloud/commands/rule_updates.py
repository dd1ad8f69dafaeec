"""Answer the commands that change an internal LB rule, or only seem to.

updateLoadBalancer (ApplicationLoadBalancerManagerImpl) changes the id and the visibility;
updateLoadBalancerRule is made for public rules: on an internal one its job fails after name and
algorithm were stored and the algorithm was sent to the ILB VMs (LoadBalancingRulesManagerImpl).
"""

from __future__ import annotations

from bot.sandbox.cloud.balancing import apply_rules
from bot.sandbox.cloud.commands.submitting import Shown, event, submit_job
from bot.sandbox.cloud.frame import Body, JobFailed
from bot.sandbox.cloud.model import Rule
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.views import rule as rule_view

NO_PROTOCOL = (
    'Cannot invoke "String.equals(Object)" because the return value of '
    '"com.cloud.network.dao.LoadBalancerVO.getLbProtocol()" is null'
)


def update_rule(request: Request) -> Body:
    state, rule = request.state, request.required_entity("id", Rule)
    new_id, display = request.text("customid"), request.boolean("fordisplay")

    def work() -> Work:
        yield state.latencies.rule_s
        if new_id is not None:
            state.rename(rule, new_id)
        if display is not None:
            rule.display = display
        state.effect("rule.changed", rule.name, id=rule.id, display=rule.display)
        return {"loadbalancer": rule_view(state, rule)}

    action = event("LB.UPDATE", rule, "FirewallRule", "updating load balancer")
    return submit_job(request, work(), action, Shown(None, "None"))


def update_public_rule(request: Request) -> Body:
    """Store name and algorithm, send the new algorithm, and fail all the same."""
    state, rule = request.state, request.required_entity("id", Rule)
    name, algorithm = request.text("name"), request.text("algorithm")

    def work() -> Work:
        rule.name, rule.algorithm = name or rule.name, algorithm or rule.algorithm
        state.effect("rule.changed", rule.name, id=rule.id, algorithm=rule.algorithm)
        yield from apply_rules(state, rule.tier)
        yield state.latencies.rule_s
        raise JobFailed(530, NO_PROTOCOL)

    action = event("LB.UPDATE", rule, "FirewallRule", "updating load balancer")
    return submit_job(request, work(), action, Shown(None, "None"))


def list_public_rules(request: Request) -> Body:
    """List public rules, of which there are none here: an internal id finds nothing."""
    request.entity("id", Rule)
    return request.page("loadbalancerrule", [], lambda one: one)
