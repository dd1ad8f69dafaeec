"""What a runbook is to the house: a typed request, a pure planner, a body and a pure check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias

from pydantic import BaseModel

from bot.domain.acts import Act
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan
from bot.domain.probing import Watched
from bot.engine.api import Run
from bot.errors import Refused
from bot.services.fleet import Fleet
from bot.services.subjects import S, Subject


@dataclass(frozen=True, slots=True)
class Probing:
    """What is probed from the start of a change to its end, where there is a vantage point.

    Where it `must_prove`, an end without proof is unverified, and one with more loss than the
    budget has failed. Where it is `judged`, only a loss that was seen counts: what it touches is
    sent again and ought not to notice. A change that states its outage is measured alone.
    """

    places: tuple[Watched, ...] = ()
    must_prove: bool = False
    judged: bool = False


def proven(_seen: object, _planned: Plan) -> str:
    """Say that what can be read of a change is all there is to prove."""
    return ""


def not_probed(_planned: Plan) -> Probing:
    """Probe nothing: the change touches no traffic, or says that it was not measured."""
    return Probing()


@dataclass(frozen=True, slots=True)
class Runbook(Generic[S]):
    """One thing the bot can do to one kind of subject.

    `plan` is called three times: to plan, at apply to see whether the plan still holds, and
    through `left_to_do` to verify. `left_to_do` returns what is not as the plan promised,
    `unproven` why one that is as it promised is unverified all the same, and `unsafe` why a failed
    change must not be left alone, each `""` where there is none.
    """

    name: str
    summary: str
    subject: Subject[S]
    request: type[BaseModel]
    plan: Callable[[S, Wish], Plan | NothingToDo]
    apply: Callable[[Run, Plan], Awaitable[None]]
    left_to_do: Callable[[S, Plan], tuple[str, ...]]
    unsafe: Callable[[S, Plan], str]
    not_measured: str
    """What the receipt must say was not proven, where nothing was measured."""
    acts: Callable[[Plan], tuple[Act, ...]]
    """What a plan does to its target, in the words of the topology."""
    probed: Callable[[Plan], Probing] = not_probed
    unproven: Callable[[S, Plan], str] = proven
    covers: Callable[[Plan, Plan], str] | None = None
    """Of one that opens changes of single targets: why an approval of its plan (the first) is none
    of such a change's plan (the second), `""` where it is."""
    named_by: str = "TARGET"
    """How what it works on is said."""
    example: str = "app-tier"
    by_form: bool = False
    """Whether it is asked for with a text of many lines: by a form in chat, or by a file."""

    async def find(self, fleet: Fleet, wish: Wish, ours: str = "") -> S:
        """Read what a wish names; `Refused` where CloudStack is too old to be changed at all."""
        await fleet.release.refuse_too_old()
        return await self.subject.find(fleet, wish, ours)

    def plan_for(self, seen: S, wish: Wish) -> Plan | NothingToDo:
        """Plan; `Refused` where the topology forbids what the planner would do."""
        planned = self.plan(seen, wish)
        if isinstance(planned, Plan) and (no := self.subject.forbids(seen, self.acts(planned))):
            raise Refused(no.text, instead=no.instead)
        return planned


Runbooks: TypeAlias = Mapping[str, Runbook[Any]]
"""All of them by name; what each looks at stays between its planner and its subject."""
