"""What a runbook is to the house: a typed request, a pure planner, a body and a pure check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel

from bot.domain.acts import Act
from bot.domain.ilb_acts import forbidden
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan
from bot.domain.topology import target_of
from bot.domain.view import View
from bot.engine.api import Run
from bot.errors import Refused


@dataclass(frozen=True, slots=True)
class Runbook:
    """One thing the bot can do.

    `plan` is called three times: to plan, at apply to see whether the plan still holds, and
    through `left_to_do` to verify. `left_to_do` returns what is not as the plan promised, and
    `unsafe` why a failed change must not be left alone, `""` where it may be.
    """

    name: str
    summary: str
    request: type[BaseModel]
    plan: Callable[[View, Wish], Plan | NothingToDo]
    apply: Callable[[Run, Plan], Awaitable[None]]
    left_to_do: Callable[[View, Plan], tuple[str, ...]]
    unsafe: Callable[[View], str]
    not_measured: str
    """What the receipt must say was not proven."""
    acts: Callable[[Plan], tuple[Act, ...]]
    """What a plan does to its target, in the words of the topology."""

    def plan_for(self, view: View, wish: Wish) -> Plan | NothingToDo:
        """Plan; `Refused` where the topology forbids what the planner would do."""
        planned = self.plan(view, wish)
        if isinstance(planned, Plan) and (answer := forbidden(target_of(view), self.acts(planned))):
            raise Refused(answer.text, instead=answer.instead)
        return planned
