"""Turns an advice into what can be asked for: a proposal for an incident, a page for a person."""

from __future__ import annotations

from collections.abc import Collection

from bot.domain.advice import Advice, advise
from bot.domain.demand import Cpu, cpu_of_samples
from bot.domain.demand_words import numbers
from bot.domain.load import Load, Proposal
from bot.domain.page import Code, Page, Row, Section, Strong
from bot.domain.plan import in_words
from bot.domain.remedies import Remedy
from bot.errors import Refused
from bot.services.demand import Wanting
from bot.services.fleet import Fleet

RUNBOOKS = {
    Remedy.RESIZE: "resize",
    Remedy.SPLIT: "split",
    Remedy.TWIN: "pair",
    Remedy.MIGRATE: "migrate",
}
"""The runbook that does it, as soon as the bot has that runbook."""
_SHORT = {Remedy.MEMBERS: "the members"}
_GIVEN = "cpu="


class Advising:
    """Reads, asks for advice, and says it; `runbooks` are the names of those there are."""

    def __init__(self, fleet: Fleet, runbooks: Collection[str]) -> None:
        self._fleet = fleet
        self._runbooks = runbooks

    async def advise(self, target_id: str, load: Load) -> Proposal:
        """Return what is advised for a machine whose load was measured, by its id."""
        cpu = cpu_of_samples(load.samples)
        found = await self._fleet.look().demand(target_id, cpu, load.busy_beside)
        advice = advise(found.demand)
        runbook = self._runbook(advice)
        return Proposal(
            runbook,
            _whole_reason(advice),
            _parameters(advice) if runbook else (),
            (*numbers(found.demand), *(f"{what}: {why}" for what, why in _why_not(advice))),
        )

    async def page(self, said: str, command: str) -> Page:
        """Advise on what a person named: `TARGET`, or `TARGET cpu=PERCENT` of its vCPUs."""
        named, cpu = _asked(said)
        found = await self._fleet.look().demand(named, cpu)
        advice = advise(found.demand)
        return self._page(found, advice, command)

    def _page(self, found: Wanting, advice: Advice, command: str) -> Page:
        first: list[Row] = [(Strong(_headline(advice)), f": {advice.reason}")]
        first += [(text,) for text in advice.also]
        if advice.missing:
            first.append((f"Missing: {in_words(list(advice.missing))}.",))
        if runbook := self._runbook(advice):
            wish = f"{command} {runbook} {found.machine} {_said(advice, found)}".rstrip()
            first.append((Code(wish), " plans it."))
        elif advice.remedy in RUNBOOKS:
            first.append(("This bot has no runbook for it.",))
        against: tuple[Row, ...] = tuple(
            (Strong(what), f": {why}") for what, why in _why_not(advice)
        )
        sections = (
            Section("", tuple(first)),
            Section("Numbers", tuple((text,) for text in numbers(found.demand))),
            Section("Why not something else", against),
            Section("Not read", tuple((f"{text}.",) for text in found.not_read)),
            Section("", (("Nothing was changed.",),)),
        )
        shown = tuple(section for section in sections if section.rows)
        return Page(f"Advice for {found.machine}: {found.target.where}", shown)

    def _runbook(self, advice: Advice) -> str:
        name = RUNBOOKS.get(advice.remedy, "")
        return name if name in self._runbooks else ""


def _asked(said: str) -> tuple[str, Cpu | None]:
    """Take what a person measured from the end of what they said."""
    named, _, last = said.strip().rpartition(" ")
    if not last.casefold().startswith(_GIVEN):
        return said.strip(), None
    try:
        percent = float(last[len(_GIVEN) :].removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not named:
        raise Refused("Nobody said what is busy.", instead="Say `advise TARGET cpu=PERCENT`.")
    if not 0.0 <= percent <= 100.0:
        raise Refused(
            f"“{last}” is no load.", instead="Say `advise TARGET cpu=PERCENT`, of all its vCPUs."
        )
    return named.strip(), Cpu(percent)


def _headline(advice: Advice) -> str:
    words = advice.remedy.value
    return f"{words[0].upper()}{words[1:]}"


def _whole_reason(advice: Advice) -> str:
    missing = f"Missing: {in_words(list(advice.missing))}." if advice.missing else ""
    parts = (f"{_headline(advice)}: {advice.reason}", *advice.also, missing)
    return " ".join(part for part in parts if part)


def _parameters(advice: Advice) -> tuple[tuple[str, str], ...]:
    """Return the options of the runbook; how to split in detail is for its own plan to propose."""
    if advice.remedy is Remedy.RESIZE and advice.size is not None:
        return (("offering", advice.size.id),)
    return ()


def _said(advice: Advice, found: Wanting) -> str:
    """Return the options as a person gives them: an offering by its name, if that is one alone."""
    size = advice.size
    if size is None or not (given := _parameters(advice)):
        return ""
    called = [one for one in found.demand.larger or () if one.name == size.name]
    is_plain = len(called) == 1 and '"' not in size.name
    return " ".join(f'{name}="{size.name}"' if is_plain else f"{name}={id}" for name, id in given)


def _why_not(advice: Advice) -> list[tuple[str, str]]:
    """Return each reason once, with all the remedies that it speaks against."""
    reasons: dict[str, list[str]] = {}
    for remedy, why in advice.against:
        if why not in advice.reason:  # that was said
            reasons.setdefault(why, []).append(_SHORT.get(remedy, remedy.value))
    return [(f"Not {_or(remedies)}", why) for why, remedies in reasons.items()]


def _or(items: list[str]) -> str:
    if len(items) == 1:
        return items[0]
    return f"{', '.join(items[:-1])} or {items[-1]}"
