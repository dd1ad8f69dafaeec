"""Answer the commands around stickiness and health check policies and certificates of LB rules.

Follows LoadBalancingRulesManagerImpl: an internal rule takes one stickiness policy, no health
check policy and no certificate.
"""

from __future__ import annotations

from bot.sandbox.cloud.commands.submitting import Shown, event, submit_job
from bot.sandbox.cloud.frame import ApiError, Body, JobFailed
from bot.sandbox.cloud.model import Rule, Stickiness
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.services import STICKINESS
from bot.sandbox.cloud.views import owner


def create_policy(request: Request) -> Body:
    """Set a rule's policy; a second one replaces the first."""
    rule = request.required_entity("lbruleid", Rule)
    name, method = request.required("name"), request.required("methodname")
    if method not in STICKINESS:
        text = f"Failed to match Stickiness method name for LB rule:{rule.number}"
        raise ApiError(431, text, cserrorcode=4350)
    pairs = {one.get("name", ""): one.get("value", "") for one in request.indexed("param")}
    policy = request.state.add(
        Stickiness(
            **request.state.identity("stickiness"),
            rule=rule,
            name=name,
            method=method,
            parameters=pairs,
        )
    )

    def work() -> Work:
        yield request.state.latencies.rule_s
        for old in _policies(request, rule):
            old.removed = old is not policy
        request.state.effect("rule.stickiness_set", rule.name, id=rule.id, method=method)
        return {"stickinesspolicies": _shown(request, rule)}

    action = event("LB.STICKINESSPOLICY.CREATE", rule, "FirewallRule", "Apply Stickiness policy")
    return submit_job(request, work(), action, Shown("None"), created=policy)


def delete_policy(request: Request) -> Body:
    policy = request.required_entity("id", Stickiness)

    def work() -> Work:
        yield request.state.latencies.rule_s
        policy.removed = True
        request.state.effect("rule.stickiness_deleted", policy.rule.name, id=policy.rule.id)
        return {"success": True}

    doing = "revoking LB Stickiness policy"
    action = event("LB.STICKINESSPOLICY.DELETE", policy.rule, "FirewallRule", doing)
    return submit_job(request, work(), action, Shown(None, "None"))


def list_policies(request: Request) -> Body:
    rule = request.required_entity("lbruleid", Rule)
    return request.page("stickinesspolicies", [rule], lambda one: _shown(request, one))


def create_health_policy(request: Request) -> Body:
    """Refuse a health check policy: no provider of a CloudStack router or ILB VM has them."""
    rule = request.required_entity("lbruleid", Rule)
    raise ApiError(
        430,
        "Failed to create HealthCheck policy: Validation Failed (HealthCheck Policy is not "
        f"supported by LB Provider for the LB rule:{_described(rule)})",
    )


def list_health_policies(request: Request) -> Body:
    rule = request.required_entity("lbruleid", Rule)
    shown = {"lbruleid": rule.id, **owner(rule, path=False), "healthcheckpolicy": []}
    return request.page("healthcheckpolicies", [shown], lambda one: one)


def assign_certificate(request: Request) -> Body:
    """Refuse any certificate: none can be uploaded here."""
    request.required_entity("lbruleid", Rule)
    raise request.unknown("certid", request.required("certid"))


def remove_certificate(request: Request) -> Body:
    rule = request.required_entity("lbruleid", Rule)

    def work() -> Work:
        yield request.state.latencies.rule_s
        raise JobFailed(431, f"No certificate is bound to lb with id: {rule.number}")

    action = event(
        "LB.CERT.REMOVE", rule, "FirewallRule", "Removing a certificate from a load balancer"
    )
    return submit_job(request, work(), action, Shown(None, "None"))


def _policies(request: Request, rule: Rule) -> list[Stickiness]:
    return [one for one in request.state.all(Stickiness) if one.rule is rule]


def _shown(request: Request, rule: Rule) -> Body:
    return {
        "lbruleid": rule.id,
        **owner(rule, path=False),
        "stickinesspolicy": [
            {
                "id": one.id,
                "name": one.name,
                "methodname": one.method,
                "fordisplay": True,
                "params": one.parameters,
            }
            for one in _policies(request, rule)
        ],
    }


def _described(rule: Rule) -> str:
    return (
        f'LoadBalancer {{"name":"{rule.name}","id":{rule.number},"purpose":"LoadBalancing",'
        f'"state":"{rule.state}","uuid":"{rule.id}"}}'
    )
