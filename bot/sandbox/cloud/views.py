"""Turn rules, networks, events and alerts into the fields that list commands show.

Field sets are those of CloudStack 4.22 for a root admin; a field that would be null is left out.
"""

from __future__ import annotations

from bot.sandbox.cloud.frame import Body, date, present
from bot.sandbox.cloud.model import (
    Account,
    Alert,
    Event,
    Owned,
    Project,
    Rule,
    Tier,
    Vpc,
)
from bot.sandbox.cloud.services import network_services, vpc_services
from bot.sandbox.cloud.state import CloudState, stable_id
from bot.sandbox.cloud.versions import DOMAIN_PATH_OF_RULES


def owner(thing: Owned, *, path: bool = True) -> Body:
    """Return account or project, then the domain: a project's things name no account."""
    return owner_of(thing.account, thing.project, path=path)


def owner_of(account: Account, project: Project | None = None, *, path: bool = True) -> Body:
    who = (
        {"projectid": project.id, "project": project.name} if project else {"account": account.name}
    )
    where = {"domainid": account.domain_id, "domain": account.domain}
    return who | where | ({"domainpath": account.domain_path} if path else {})


def rule(state: CloudState, one: Rule) -> Body:
    """Show an internal rule (ApiResponseHelper.createLoadBalancerContainerReponse)."""
    return (
        present(
            id=one.id,
            name=one.name,
            description=one.description,
            algorithm=one.algorithm,
            networkid=one.tier.id,
            sourceipaddress=one.vip,
            sourceipaddressnetworkid=one.tier.id,  # also where the VIP is of another tier
        )
        | owner(one, path=state.is_since(DOMAIN_PATH_OF_RULES))
        | {
            "loadbalancerrule": [
                {
                    "sourceport": one.source_port,
                    "instanceport": one.instance_port,
                    "state": one.state,
                }
            ],
            "loadbalancerinstance": [
                {"id": member.id, "name": member.name, "ipaddress": member.address}
                for member in one.members
            ],
            "tags": [{"key": key, "value": value} for key, value in one.tags.items()],
            "fordisplay": one.display,
        }
    )


def network(state: CloudState, tier: Tier) -> Body:
    """Show a tier; one that is not implemented has no VLAN yet."""
    offering = tier.offering
    vlan = str(tier.vlan) if tier.state != "Allocated" else None
    return (
        present(
            id=tier.id,
            name=tier.name,
            displaytext=tier.name,
            broadcastdomaintype="Vlan",
            traffictype="Guest",
            gateway=tier.gateway,
            netmask=tier.netmask,
            cidr=tier.cidr,
            zoneid=state.zone.id,
            zonename=state.zone.name,
            networkofferingid=offering.id,
            networkofferingname=offering.name,
            networkofferingdisplaytext=offering.text,
            networkofferingconservemode=offering.conserve,
            networkofferingavailability="Optional",
            issystem=False,
            state=tier.state,
            related=tier.id,
            broadcasturi=f"vlan://{vlan}" if vlan else None,
            dns1=state.zone.dns,
            type="Isolated",
            vlan=vlan,
            acltype="Account",
        )
        | owner(tier)
        | present(
            service=network_services(offering, redundant=offering.redundant or tier.redundant),
            networkdomain=state.zone.domain,
            physicalnetworkid=stable_id("physical-network"),
            restartrequired=False,
            specifyvlan=False,
            specifyipranges=False,
            vpcid=tier.vpc.id if tier.vpc else None,
            vpcname=tier.vpc.name if tier.vpc else None,
            canusefordeploy=True,
            ispersistent=False,
            tags=resource_tags(tier, "Network"),
            details={},
            displaynetwork=True,
            aclid=tier.acl.id if tier.acl else None,
            aclname=tier.acl.name if tier.acl else None,
            strechedl2subnet=False,
            redundantrouter=tier.redundant,
            supportsvmautoscaling=False,
            created=date(tier.created),
            receivedbytes=0,
            sentbytes=0,
            publicmtu=1500,
            privatemtu=1500,
            hasannotations=False,
        )
    )


def vpc(state: CloudState, one: Vpc) -> Body:
    tiers = [network(state, tier) for tier in state.all(Tier) if tier.vpc is one]
    name = "Redundant VPC offering" if one.redundant else "Default VPC offering"
    return (
        present(
            id=one.id,
            name=one.name,
            displaytext=one.name,
            state="Enabled",
            zoneid=state.zone.id,
            zonename=state.zone.name,
            service=vpc_services(),
            cidr=one.cidr,
            vpcofferingid=stable_id(f"vpc-offering/{name}"),
            vpcofferingname=name,
            created=date(one.created),
        )
        | owner(one)
        | present(
            network=tiers,
            restartrequired=False,
            networkdomain=state.zone.domain,
            tags=resource_tags(one, "Vpc"),
            fordisplay=True,
            distributedvpcrouter=False,
            regionlevelvpc=False,
            redundantvpcrouter=one.redundant,
            publicmtu=1500,
            hasannotations=False,
        )
    )


def event(one: Event) -> Body:
    """Show an event; what was deleted since is no longer named as its resource."""
    gone = one.resource_type == "FirewallRule" and one.resource is not None and one.resource.removed
    resource = None if gone else one.resource
    return (
        {
            "id": one.id,
            "username": one.account.name,
            "type": one.type,
            "level": one.level,
            "description": one.description,
        }
        | owner_of(one.account)
        | present(
            resourceid=resource.id if resource else None,
            resourcetype=one.resource_type,
            resourcename=one.resource_name if resource else None,
            created=date(one.created),
            state=one.state,
            parentid=one.parent,
        )
    )


def alert(one: Alert) -> Body:
    return {
        "id": one.id,
        "type": one.type,
        "name": one.name,
        "description": one.description,
        "sent": date(one.sent),
    }


def resource_tags(thing: Owned, resource_type: str, *, path: bool = False) -> list[Body]:
    """Show tags as their resources and listTags do; only listTags adds the domain's path."""
    return [
        {"key": key, "value": value, "resourcetype": resource_type, "resourceid": thing.id}
        | owner(thing, path=path)
        for key, value in thing.tags.items()
    ]
