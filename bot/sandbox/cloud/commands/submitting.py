"""Turn what a command is about to do into a job of it: what most commands that change things do."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import Body
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.model import Record
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action
from bot.sandbox.cloud.request import Request


@dataclass(frozen=True, slots=True)
class Shown:
    """The instance type of a job: in its poll (None: not shown), and on the bus."""

    polled: str | None = None
    on_bus: str | None = None
    with_id: bool = False


def submit_job(
    request: Request,
    work: Work,
    action: Action,
    shown: Shown = Shown(),
    *,
    created: Record | None = None,
) -> Body:
    """Submit and return the answer; one that has `created` something names that too."""
    about = created or action.resource
    task = Task(
        command=COVERAGE[request.command].java,
        account=request.caller,
        parameters=request.parameters | ({"uuid": about.id} if about else {}),
        work=work,
        action=action,
        bus_key="" if shown.on_bus is None else None,
        bus_instance_type=shown.on_bus or shown.polled,
        shown_type=shown.polled,
        shown_id=about.id if about and shown.with_id else None,
        spoiled=request.spoiled,
    )
    job = {"jobid": submit(request.state, task).id}
    return {"id": created.id} | job if created else job


def event(type_: str, about: Record | None, entity: str, doing: str) -> Action:
    """Return the action of a command whose three records say the same thing."""
    return Action(
        type=type_,
        resource=about,
        entity=entity,
        scheduled=doing[:1].lower() + doing[1:],
        doing=doing,
        pairs={entity: about.id} if about else {},
    )
