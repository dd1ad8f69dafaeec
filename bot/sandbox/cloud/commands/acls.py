"""Answer the commands around network ACL lists, their rules, and which tier has which list.

Follows NetworkACLServiceImpl and NetworkACLManagerImpl. Names of lists may repeat; an update
answers with state Add although the rule is Active already.
"""

from __future__ import annotations

from bot.sandbox.cloud.commands.acl_checks import (
    apply_parameters,
    checked_item,
    items_of,
    require_changeable,
    require_free_position,
)
from bot.sandbox.cloud.commands.submitting import Shown, event, submit_job
from bot.sandbox.cloud.frame import ApiError, Body, JobFailed, present
from bot.sandbox.cloud.model import AclItem, AclList, Tier, Vpc
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.request import Request

LIST = Shown("NetworkAcl")
ITEM = Shown("NetworkAclItem")


def list_lists(request: Request) -> Body:
    wanted, vpc = request.entity("id", AclList), request.entity("vpcid", Vpc)
    tier, name = request.entity("networkid", Tier), request.text("name")
    found = [
        one
        for one in request.state.all(AclList)
        if wanted in (None, one)
        and (vpc is None or one.vpc in (None, vpc))
        and (tier is None or tier.acl is one)
        and name in (None, one.name)
        and (request.text("keyword") or "") in one.name
    ]
    return request.page("networkacllist", found, _list)


def create_list(request: Request) -> Body:
    name, vpc = request.required("name"), request.entity("vpcid", Vpc)
    acl = request.state.add(
        AclList(
            **request.state.identity("acl"),
            name=name,
            description=request.text("description"),
            vpc=vpc,
        )
    )

    def work() -> Work:
        yield request.state.latencies.rule_s
        request.state.effect("acl_list.created", acl.name, id=acl.id)
        return {"networkacllist": _list(acl)}

    action = event("NETWORK.ACL.CREATE", acl, "NetworkAcl", "Creating network ACL")
    return submit_job(request, work(), action, LIST, created=acl)


def delete_list(request: Request) -> Body:
    acl = request.required_entity("id", AclList)

    def work() -> Work:
        if acl.built_in:
            raise JobFailed(431, "Default ACL cannot be removed")
        users = [tier for tier in request.state.all(Tier) if tier.acl is acl]
        if users:
            text = f"ACL is still associated with {len(users)} tier(s). "
            raise JobFailed(530, f"{text}Cannot delete network ACL: {acl.id}")
        yield request.state.latencies.rule_s
        acl.removed = True
        for item in items_of(request, acl):
            item.removed = True
        request.state.effect("acl_list.deleted", acl.name, id=acl.id)
        return {"success": True}

    action = event("NETWORK.ACL.DELETE", acl, "NetworkAcl", "Deleting network ACL")
    return submit_job(request, work(), action, LIST)


def replace_list(request: Request) -> Body:
    """Give a tier another list. Every refusal comes from the job."""
    state, acl = request.state, request.required_entity("aclid", AclList)
    tier = request.entity("networkid", Tier)

    def work() -> Work:
        if tier is None:
            text = "Network ID and private gateway can't be null at the same time"
            raise JobFailed(530, text)
        if tier.vpc is None:
            raise JobFailed(431, f"Network is not part of a VPC: {tier.id}")
        if acl.vpc not in (None, tier.vpc):
            raise JobFailed(431, f"Network: {tier.described} and ACL: {_described(acl)} {NOT_ONE}")
        yield state.latencies.rule_s
        tier.acl = acl
        state.effect("tier.acl_replaced", tier.name, id=tier.id, acl=acl.name)
        return {"success": True}

    action = event("NETWORK.ACL.REPLACE", acl, "NetworkAcl", "Replacing network ACL")
    return submit_job(request, work(), action, Shown(None, "None"))


NOT_ONE = "do not belong to the same VPC"


def list_items(request: Request) -> Body:
    wanted, acl = request.entity("id", AclItem), request.entity("aclid", AclList)
    tier = request.entity("networkid", Tier)
    traffic, action = request.text("traffictype"), request.text("action")
    protocol = request.text("protocol")
    found = [
        one
        for one in request.state.all(AclItem)
        if wanted in (None, one)
        and acl in (None, one.acl)
        and (tier is None or tier.acl is one.acl)
        and (traffic is None or traffic.lower() == one.traffic.lower())
        and (action is None or action.lower() == one.action.lower())
        and protocol in (None, one.protocol)
    ]
    return request.page("networkacl", found[::-1], item_view)


def create_item(request: Request) -> Body:
    item = request.state.add(checked_item(request))

    def work() -> Work:
        yield request.state.latencies.rule_s
        request.state.effect("acl_item.created", item.acl.name, id=item.id, number=item.position)
        return {"networkacl": item_view(item)}

    action = event("NETWORK.ACL.ITEM.CREATE", item, "NetworkAclItem", "Creating network ACL Item")
    return submit_job(request, work(), action, ITEM, created=item)


def update_item(request: Request) -> Body:
    """Change a rule; only with `partialupgrade=false` what is not named gets its default."""
    item = request.required_entity("id", AclItem)

    def work() -> Work:
        try:
            _update(request, item)
        except ApiError as error:
            raise JobFailed(error.code, error.text) from error
        yield request.state.latencies.rule_s
        request.state.effect("acl_item.changed", item.acl.name, id=item.id)
        return {"networkacl": item_view(item) | {"state": "Add"}}

    action = event("NETWORK.ACL.ITEM.UPDATE", item, "NetworkAclItem", "Updating network ACL Item")
    return submit_job(request, work(), action, ITEM)


def _update(request: Request, item: AclItem) -> None:
    require_changeable(item.acl)
    asked = request.integer("number")
    if asked is not None:
        require_free_position(item, asked, items_of(request, item.acl))
        item.position = asked
    apply_parameters(request, item, keeps_rest=request.boolean("partialupgrade") is not False)


def delete_item(request: Request) -> Body:
    item = request.required_entity("id", AclItem)

    def work() -> Work:
        if item.acl.built_in:
            raise JobFailed(431, "Default ACL cannot be modified")
        yield request.state.latencies.rule_s
        item.removed = True
        request.state.effect("acl_item.deleted", item.acl.name, id=item.id)
        return {"success": True}

    action = event("NETWORK.ACL.ITEM.DELETE", item, "NetworkAclItem", "Deleting network ACL Item")
    return submit_job(request, work(), action, ITEM)


def move_item(request: Request) -> Body:
    """Put a rule behind `previousaclruleid` and before `nextaclruleid`, by its number alone."""
    item = request.required_entity("id", AclItem)
    before = request.entity("previousaclruleid", AclItem)
    after = request.entity("nextaclruleid", AclItem)

    def work() -> Work:
        others = [one for one in items_of(request, item.acl) if one not in (item, after)]
        if before is None and after is None:
            raise JobFailed(431, "Both previous and next ACL rule IDs cannot be invalid.")
        yield request.state.latencies.rule_s
        if after is None:
            item.position = max((one.position for one in others), default=0) + 1
        else:
            _make_room(item, after, [*others, after])
        request.state.effect("acl_item.moved", item.acl.name, id=item.id, number=item.position)
        return {"networkacl": item_view(item)}

    action = event("NETWORK.ACL.ITEM.UPDATE", item, "NetworkAclItem", "Moving network ACL Item")
    return submit_job(request, work(), action, Shown(None, "None"))


def _make_room(item: AclItem, after: AclItem, others: list[AclItem]) -> None:
    """Take the number before `after`, moving it and those right behind it where it is taken."""
    item.position = after.position
    wanted = after.position + 1
    for one in sorted((one for one in others if one.position >= after.position), key=_position):
        if one.position >= wanted and one is not after:
            break
        one.position = wanted
        wanted += 1


def _position(item: AclItem) -> int:
    return item.position


def item_view(one: AclItem) -> Body:
    return present(
        id=one.id,
        protocol=one.protocol,
        startport=_text(one.start_port),
        endport=_text(one.end_port),
        traffictype=one.traffic,
        state="Active",
        cidrlist=one.cidrs,
        icmptype=one.icmp_type,
        icmpcode=one.icmp_code,
        tags=[],
        aclid=one.acl.id,
        aclname=one.acl.name,
        number=one.position,
        action=one.action,
        fordisplay=True,
        reason=one.reason,
    )


def _list(one: AclList) -> Body:
    return present(
        id=one.id,
        name=one.name,
        description=one.description,
        vpcid=one.vpc.id if one.vpc else None,
        vpcname=one.vpc.name if one.vpc else None,
        fordisplay=True,
    )


def _described(acl: AclList) -> str:
    vpc = acl.vpc.number if acl.vpc else 0
    return f'{{"id":{acl.number},"name":"{acl.name}","uuid":"{acl.id}","vpcId":{vpc}}}'


def _text(port: int | None) -> str | None:
    return None if port is None else str(port)
