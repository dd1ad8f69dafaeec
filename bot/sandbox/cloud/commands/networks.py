"""Answer the lists of VPCs, tiers and network offerings, and restart a tier."""

from __future__ import annotations

from bot.sandbox.cloud.balancing import apply_rules
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import Body, JobFailed, date
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.model import NetworkOffering, Tier, Vpc
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.services import offering_services
from bot.sandbox.cloud.state import stable_id
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
        and of_vpc in (None, tier.vpc)
        and keyword in tier.name
        and for_vpc in (None, True)
        and (services != "Lb" or tier.offering.lb_provider is not None)
    ]
    return request.page("network", found[::-1], lambda tier: network(request.state, tier))


def list_network_offerings(request: Request) -> Body:
    wanted, name = request.entity("id", NetworkOffering), request.text("name")
    services, state = request.text("supportedservices"), request.text("state")
    found = [
        one
        for one in request.state.all(NetworkOffering)
        if wanted in (None, one)
        and name in (None, one.name)
        and state in (None, "Enabled")
        and (services != "Lb" or one.lb_provider is not None)
    ]
    return request.page("networkoffering", found, _offering)


def restart_network(request: Request) -> Body:
    """Re-implement a tier: missing ILB VMs are deployed, stopped ones started.

    Every refusal comes from the job, not from the submit (NetworkServiceImpl.restartNetwork).
    """
    state = request.state
    tier = request.required_entity("id", Tier)
    cleanup = request.boolean("cleanup")

    def work() -> Work:
        if cleanup or (cleanup is None and not request.boolean("livepatch")):
            raise JobFailed(
                431, "Cannot restart a VPC tier with cleanup, please restart the whole VPC."
            )
        if tier.state != "Implemented":
            raise JobFailed(
                431,
                "Network is not in the right state to be restarted. "
                "Correct states are: Implemented, Setup",
            )
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


def _offering(one: NetworkOffering) -> Body:
    internal = one.lb_provider == "InternalLbVm"
    return {
        "id": one.id,
        "name": one.name,
        "displaytext": one.text,
        "created": date(one.created),
        "traffictype": "Guest",
        "isdefault": False,
        "specifyvlan": False,
        "conservemode": False,
        "specifyipranges": False,
        "availability": "Optional",
        "networkrate": 200,
        "state": "Enabled",
        "guestiptype": "Isolated",
        "serviceofferingid": stable_id("service-offering/System Offering For Software Router"),
        "service": offering_services(one.lb_provider),
        "forvpc": True,
        "fornsx": False,
        "fortungsten": False,
        "ispersistent": False,
        "egressdefaultpolicy": True,
        "maxconnections": 4096,
        "supportsstrechedl2subnet": False,
        "supportspublicaccess": False,
        "supportsinternallb": internal,
        "internetprotocol": "IPv4",
        "specifyasnumber": False,
        "hasannotations": False,
    }
