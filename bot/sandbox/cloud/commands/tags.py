"""Create, delete and list resource tags; both changes are jobs (TaggedResourceManagerImpl)."""

from __future__ import annotations

from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import Body, JobFailed
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.model import Kind, Machine, Owned, Rule, Tier, Vpc
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.views import resource_tags

TAGGABLE: dict[str, type[Owned]] = {
    "LoadBalancer": Rule,
    "Network": Tier,
    "Vpc": Vpc,
    "UserVm": Machine,
}
KNOWN_WITHOUT_TAGS = {"DomainRouter", "NetworkACLList"}


def create_tags(request: Request) -> Body:
    """Tag resources. A key that exists fails the job; an ILB VM takes no tag at all."""
    ids, type_ = request.required("resourceids").split(","), request.required("resourcetype")
    tags = request.indexed("tags")

    def work() -> Work:
        things = [_tagged(request, one, type_) for one in ids]
        for thing in things:
            taken = next((tag["key"] for tag in tags if tag["key"] in thing.tags), None)
            if taken is not None:
                name = _canonical(type_)
                raise JobFailed(530, f"tag {taken} already on {name} with id {thing.id}")
        yield request.state.latencies.tag_s
        for thing in things:
            thing.tags |= {tag["key"]: tag.get("value", "") for tag in tags}
            request.state.effect("tags.created", thing.id, tags=dict(thing.tags))
        return {"success": True}

    return _submit(request, work(), "CREATE_TAGS", "creating", "Creating resource tags")


def delete_tags(request: Request) -> Body:
    """Delete tags by key, and by value where one is given; none given means all."""
    ids, type_ = request.required("resourceids").split(","), request.required("resourcetype")
    tags = request.indexed("tags")

    def doomed(thing: Owned) -> set[str]:
        if not tags:
            return set(thing.tags)
        return {
            tag["key"]
            for tag in tags
            if tag["key"] in thing.tags and tag.get("value") in (None, thing.tags[tag["key"]])
        }

    def work() -> Work:
        things = [_tagged(request, one, type_) for one in ids]
        yield request.state.latencies.tag_s
        for thing in things:
            gone = doomed(thing)
            thing.tags = {key: value for key, value in thing.tags.items() if key not in gone}
            request.state.effect("tags.deleted", thing.id, keys=sorted(gone))
        return {"success": True}

    return _submit(request, work(), "DELETE_TAGS", "deleting", "Deleting resource tags")


def list_tags(request: Request) -> Body:
    wanted = request.text("resourcetype")
    resource, key, value = request.text("resourceid"), request.text("key"), request.text("value")
    rows = [
        row
        for type_, kind in TAGGABLE.items()
        if wanted is None or wanted.lower() == type_.lower()
        for thing in request.visible(request.state.all(kind))
        for row in resource_tags(thing, type_, path=True)
        if resource in (None, row["resourceid"])
        and key in (None, row["key"])
        and value in (None, row["value"])
    ]
    return request.page("tag", rows, lambda row: row)


def _tagged(request: Request, resource_id: str, type_: str) -> Owned:
    kind = TAGGABLE.get(_canonical(type_))
    if type_ in KNOWN_WITHOUT_TAGS:
        raise JobFailed(431, f"The resource type {type_} doesn't support resource tags")
    if kind is None:
        raise JobFailed(431, f"Invalid resource type {type_}")
    thing = request.state.find(kind, resource_id)
    is_system_vm = isinstance(thing, Machine) and thing.kind is not Kind.USER
    if thing is None or thing.removed or is_system_vm:
        raise JobFailed(431, f"Unable to find resource by uuid {resource_id} and type {type_}")
    return thing


def _canonical(type_: str) -> str:
    return next((name for name in TAGGABLE if name.lower() == type_.lower()), type_)


def _submit(request: Request, work: Work, type_: str, verb: str, doing: str) -> Body:
    task = Task(
        command=COVERAGE[request.command].java,
        account=request.caller,
        parameters=request.parameters,
        work=work,
        action=Action(
            type=type_,
            resource=None,
            entity="ResourceTag",
            scheduled=f"{verb} tags",
            doing=doing,
        ),
        spoiled=request.spoiled,
    )
    return {"jobid": submit(request.state, task).id}
