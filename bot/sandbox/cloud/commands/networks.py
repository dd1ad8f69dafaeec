"""Answer the lists of VPCs and networks, and restart a network."""

from __future__ import annotations

from bot.sandbox.cloud.balancing import apply_rules
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import Body, JobFailed
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.model import Tier, Vpc
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action
from bot.sandbox.cloud.redundancy import rolling_restart, start_stopped
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.views import network, vpc


def list_vpcs(request: Request) -> Body:
    wanted, name = request.entity("id", Vpc), request.text("name")
    keyword = request.text("keyword") or ""
    found = [
        one
        for one in request.visible(request.state.all(Vpc))
        if wanted in (None, one) and name in (None, one.name) and keyword in one.name
    ]
    return request.page("vpc", found[::-1], lambda one: vpc(request.state, one))


def list_networks(request: Request) -> Body:
    """List tiers, newest first. `supportedservices=Lb` keeps those whose offering has Lb."""
    wanted, of_vpc = request.entity("id", Tier), request.entity("vpcid", Vpc)
    services = request.text("supportedservices")
    keyword, for_vpc = request.text("keyword") or "", request.boolean("forvpc")
    found = [
        tier
        for tier in request.visible(request.state.all(Tier), own_with_projects=True)
        if wanted in (None, tier)
        and (of_vpc is None or tier.vpc is of_vpc)
        and keyword in tier.name
        and for_vpc in (None, tier.vpc is not None)
        and (services != "Lb" or tier.offering.lb_provider is not None)
    ]
    return request.page("network", found[::-1], lambda tier: network(request.state, tier))


def restart_network(request: Request) -> Body:
    """Re-implement a network: missing ILB VMs are deployed, stopped ones and routers started.

    Every refusal comes from the job, not from the submit (NetworkServiceImpl.restartNetwork).
    Only an isolated network can be cleaned up, or be made redundant, which is for good.
    """
    state = request.state
    tier = request.required_entity("id", Tier)
    redundant = bool(request.boolean("makeredundant")) and not tier.redundant
    livepatch = bool(request.boolean("livepatch"))
    cleanup = redundant or (request.boolean("cleanup") is not False and not livepatch)

    def work() -> Work:
        if tier.vpc is not None and cleanup:
            raise JobFailed(
                431, "Cannot restart a VPC tier with cleanup, please restart the whole VPC."
            )
        if tier.state != "Implemented":
            raise JobFailed(
                431,
                "Network is not in the right state to be restarted. "
                "Correct states are: Implemented, Setup",
            )
        tier.redundant = tier.redundant or redundant
        if cleanup:
            yield from rolling_restart(state, tier)
        elif tier.vpc is None:
            yield from start_stopped(state, tier)
        yield from apply_rules(state, tier)
        yield state.latencies.rule_s
        state.effect("tier.restarted", tier.name, id=tier.id)
        return {"success": True}

    task = Task(
        command=COVERAGE[request.command].java,
        account=request.caller,
        parameters=request.parameters | {"uuid": tier.id},
        work=work(),
        action=Action(
            type="NETWORK.RESTART",
            resource=tier,
            entity="Network",
            scheduled=f"Restarting network: {tier.id}",
            doing=f"Restarting network. Network Id: {tier.id}",
            resource_name=tier.name,
            pairs={"Network": tier.id},
        ),
        bus_instance_type="Network",
        shown_type="Network",
        context={"interface com.cloud.network.Network": tier.id},
        spoiled=request.spoiled,
    )
    return {"jobid": submit(state, task).id}
