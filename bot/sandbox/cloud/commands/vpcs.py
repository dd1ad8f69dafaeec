"""Answer the commands that make and restart VPCs, and list what they can be made of.

Follows VpcManagerImpl: makeredundant changes the VPC for good and gives it another offering.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from bot.sandbox.cloud.balancing import apply_rules
from bot.sandbox.cloud.commands.submitting import Shown, event, submit_job
from bot.sandbox.cloud.frame import NOT_YOURS, ApiError, Body, date
from bot.sandbox.cloud.model import Project, Tier, Vpc
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action
from bot.sandbox.cloud.redundancy import rolling_restart, start_stopped
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.services import vpc_services
from bot.sandbox.cloud.state import stable_id
from bot.sandbox.cloud.views import vpc as vpc_view

OFFERINGS = {False: "Default VPC offering", True: "Redundant VPC offering"}


def create_vpc(request: Request) -> Body:
    """Make a VPC. Its routers come with the first tier that is implemented."""
    state, name = request.state, request.required("name")
    cidr, offering = request.required("cidr"), request.required("vpcofferingid")
    redundant = offering_is_redundant(request, offering)
    try:
        IPv4Network(cidr)
    except ValueError:
        text = f"Invalid VPC CIDR: {cidr}"
        raise ApiError(431, text, cserrorcode=4350) from None
    one = state.add(
        Vpc(
            **state.identity("vpc"),
            account=request.caller,
            project=_project(request),
            name=name,
            cidr=cidr,
            created=state.at,
            redundant=redundant,
        )
    )

    def work() -> Work:
        yield state.latencies.rule_s
        state.effect("vpc.created", one.name, id=one.id)
        return {"vpc": vpc_view(state, one)}

    action = event("VPC.CREATE", one, "Vpc", f"creating VPC. Id: {one.id}")
    return submit_job(request, work(), action, Shown("None"), created=one)


def restart_vpc(request: Request) -> Body:
    """Restart a VPC: replace its routers, or with nothing to clean up start what is stopped.

    `makeredundant` on a redundant VPC, and `makeredundant=false` on any, change nothing and
    succeed. Without a clean-up the tiers' ILB VMs are brought up as well.
    """
    state, one = request.state, request.required_entity("id", Vpc)
    if not request.may_change(one):
        raise ApiError(531, NOT_YOURS, cserrorcode=4365)
    becomes_redundant = bool(request.boolean("makeredundant")) and not one.redundant
    cleanup = bool(request.boolean("cleanup")) or becomes_redundant

    def work() -> Work:
        if becomes_redundant:
            one.redundant = True
            state.effect("vpc.made_redundant", one.name, id=one.id)
        if cleanup:
            yield from rolling_restart(state, one)
        else:
            yield from start_stopped(state, one)
            for tier in tiers_of(request, one):
                yield from apply_rules(state, tier)
        yield state.latencies.rule_s
        state.effect("vpc.restarted", one.name, id=one.id, cleanup=cleanup)
        return {"success": True}

    action = Action(
        type="VPC.RESTART",
        resource=one,
        entity="Vpc",
        scheduled=f"restarting VPC id={one.number}",
        doing="restarting vpc",
        resource_name=one.name,
        pairs={"Vpc": one.id},
    )
    return submit_job(request, work(), action, Shown("Vpc"))


def list_offerings(request: Request) -> Body:
    """List the two VPC offerings that can be used here."""
    wanted, name = request.text("id"), request.text("name")
    found = [
        (redundant, one)
        for redundant, one in OFFERINGS.items()
        if wanted in (None, stable_id(f"vpc-offering/{one}")) and name in (None, one)
    ]
    return request.page("vpcoffering", found, lambda one: _offering(request, *one))


def tiers_of(request: Request, one: Vpc) -> list[Tier]:
    return [tier for tier in request.state.all(Tier) if tier.vpc is one]


def offering_is_redundant(request: Request, offering: str) -> bool:
    for redundant, name in OFFERINGS.items():
        if offering == stable_id(f"vpc-offering/{name}"):
            return redundant
    raise request.unknown("vpcofferingid", offering)


def _project(request: Request) -> Project | None:
    wanted = request.text("projectid")
    if wanted is None:
        return None
    owned = [one.project for kind in (Vpc, Tier) for one in request.state.all(kind)]
    known = {one.id: one for one in owned if one is not None} | request.state.projects
    if wanted not in known:
        raise request.unknown("projectid", wanted)
    return known[wanted]


def _offering(request: Request, redundant: bool, name: str) -> Body:
    """Show an offering. Only its service SourceNat says whether it is redundant."""
    services = vpc_services()
    for service in services:
        if redundant and service["name"] == "SourceNat":
            value = {"name": "RedundantRouter", "value": "true"}
            service["capability"] = [value | {"canchooseservicecapability": False}]
    return {
        "id": stable_id(f"vpc-offering/{name}"),
        "name": name,
        "displaytext": name,
        "created": date(request.state.server_started),
        "isdefault": True,
        "state": "Enabled",
        "service": services,
        "distributedvpcrouter": False,
        "supportsregionLevelvpc": False,
        "fornsx": False,
        "internetprotocol": "IPv4",
        "specifyasnumber": False,
    }
