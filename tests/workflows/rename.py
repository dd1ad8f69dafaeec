"""A runbook of the tests: moves a service's name to another address and back where that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise

from pydantic import BaseModel

from bot.domain.acts import Act
from bot.domain.names import Record
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, Plan, PlannedStep
from bot.domain.view import View
from bot.engine.api import Run
from bot.sandbox.dns.seed import APP, APP_TTL_S
from bot.services.runbooks import Runbook
from bot.services.subjects import ILB
from tests.workflows import harness
from workflows.steps import directory

NAME = "rename"
OLD, NEW = "10.20.1.10", "10.20.1.77"
BEFORE = Record(APP, (OLD,), APP_TTL_S)
AFTER = BEFORE.with_addresses(NEW)
BOTH = BEFORE.with_one(NEW)


class Request(BaseModel):
    """What may be asked."""

    target: str
    stages: str = "after"


SLOW_S = 600
STAGES = {
    "after": (BEFORE, AFTER),
    "both": (BEFORE, BOTH, AFTER),
    "back": (BEFORE, AFTER, BEFORE),
    "slow": (replace(BEFORE, ttl_s=SLOW_S), replace(AFTER, ttl_s=SLOW_S)),
}


def plan(view: View, wish: Wish) -> Plan:
    """Plan the move."""
    return Plan(
        runbook=NAME, target=view.target, summary="Move the name", facts=(),
        steps=(PlannedStep("Move the name", undo="move it back"),),
        exposure=Exposure("nothing", 0.0, "the name moves"), blast_radius=(), warnings=(),
        parameters=(("stages", wish.parameter("stages") or "after"),),
    )  # fmt: skip


async def apply(run: Run, planned: Plan) -> None:
    """Publish stage after stage."""
    stages = STAGES[planned.parameter("stages")]
    for before, after in pairwise(stages):
        run.undo(f"publish {before.addresses}", partial(directory.publish, run, after, before))
        await directory.publish(run, before, after)


RUNBOOK: Runbook[View] = Runbook(
    name=NAME, summary="move a name", subject=ILB, request=Request, plan=plan, apply=apply,
    left_to_do=lambda view, planned: (), unsafe=lambda view, planned: "",
    not_measured="Nothing was measured.", acts=lambda planned: (Act.ROLL,),
)  # fmt: skip


@contextmanager
def there_is_rename() -> Iterator[None]:
    """Let the bot know it, for the time of a test."""
    assert isinstance(harness.RUNBOOKS, dict)
    harness.RUNBOOKS[NAME] = RUNBOOK
    try:
        yield
    finally:
        del harness.RUNBOOKS[NAME]
