"""recover: bring back what failed and what nobody stopped on purpose.

What it does goes by what is found under the name that was given:
1. An ILB VM that is not running: `workflows.recover_ilb`; one of twins is withdrawn first and
   published again when it is proven: `workflows.recover_twin`.
2. An ILB VM that runs and whose health checks fail: `workflows.recover_failing`, by a person.
3. The routers of a VPC or an isolated network: `workflows.recover_router`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan
from bot.domain.router_view import ROUTER_KINDS, RouterView
from bot.domain.twin_view import TwinView
from bot.domain.view import View
from bot.engine.api import Run
from bot.services.runbooks import Probing, Runbook
from bot.services.subjects import EITHER
from workflows import recover_failing, recover_ilb, recover_router, recover_twin

NAME = "recover"
Seen = View | TwinView | RouterView


class RecoverRequest(BaseModel):
    """What a person or an incident may ask of `recover`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="tier, ILB VM or VIP; router, VPC or isolated network")


def plan(seen: Seen, wish: Wish) -> Plan | NothingToDo:
    """Plan what brings it back, or say why it is left alone; the reason comes before the act."""
    if isinstance(seen, RouterView):
        return recover_router.plan(seen)
    view = _ilb(seen)
    if view.vm is not None and view.vm.state is VmState.RUNNING:
        return recover_failing.plan(seen)
    if isinstance(seen, TwinView):
        return recover_twin.plan(seen)
    return recover_ilb.plan(seen)


async def apply(run: Run, planned: Plan) -> None:
    """Repair by what the plan saw, as the module's docstring numbers it."""
    if planned.target.kind in ROUTER_KINDS:
        await recover_router.apply(run, planned)
    elif planned.parameter("restart"):
        await recover_failing.apply(run, planned)
    elif planned.parameter("twin"):
        await recover_twin.apply(run, planned)
    else:
        await recover_ilb.apply(run, planned)


def left_to_do(seen: Seen, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned: Running, with its rules, published where its twin is."""
    if isinstance(seen, RouterView):
        return recover_router.left_to_do(seen, planned)
    left = recover_ilb.left_to_do(_ilb(seen), planned)
    if planned.parameter("restart"):
        left += recover_failing.still_failing(_ilb(seen))
    return left + (recover_twin.withdrawn(seen) if isinstance(seen, TwinView) else ())


def unsafe(seen: Seen, planned: Plan) -> str:
    """Say why a failed repair must not be left alone."""
    if isinstance(seen, RouterView):
        return recover_router.unsafe(seen)
    return recover_twin.unsafe(seen) if isinstance(seen, TwinView) else recover_ilb.unsafe(seen)


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what the repair does, by the state the plan saw."""
    if planned.target.kind in ROUTER_KINDS:
        return recover_router.acts(planned)
    if planned.parameter("restart"):
        return (Act.ROLL,)
    return (Act.REDEPLOY if planned.parameter("state") == "missing" else Act.START,)


def probed(planned: Plan) -> Probing:
    """Prove that one of twins is found again; of what is dead and alone there is nothing to see."""
    if planned.parameter("restart"):
        return recover_failing.probed(planned)
    return Probing(must_prove=bool(planned.parameter("twin")))


def _ilb(seen: View | TwinView) -> View:
    return seen.ilb if isinstance(seen, TwinView) else seen


RUNBOOK = Runbook(
    name=NAME,
    summary="bring back an ILB VM or a router that stopped or hangs, an ILB VM that is missing, "
    "one whose checks fail",
    subject=EITHER,
    request=RecoverRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=acts,
    probed=probed,
    not_measured="Traffic through the VIP was not measured.",
)
