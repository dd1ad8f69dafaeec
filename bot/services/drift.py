"""Finds the tiers that ilbot provisioned and tells in what they are no longer as it left them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from bot.domain.cloud import Tier
from bot.domain.comparison import Comparison
from bot.domain.drift import Applied, after_moves, drift_by_signs, drift_from
from bot.domain.offerings import Given, lost
from bot.domain.operation import Operation, Outcome
from bot.domain.page import Code, Page, Row, Section
from bot.domain.plan import Plan
from bot.domain.spec import APPLIED_TAG, TWIN_TAG
from bot.domain.twins import unequal_twins
from bot.errors import IlbotError, Refused
from bot.services.fleet import Fleet
from bot.services.journal import Journal
from bot.services.operations import plan_of
from bot.services.schema import operation as table
from bot.services.spec_file import read_spec
from bot.services.splittable import splitting_of

PROVISION, SPLIT, RESIZE = "provision", "split", "resize"
_REMEMBERED = 200
"""So many of its changes a tier is compared with."""
_COMPARISON: TypeAdapter[Comparison] = TypeAdapter(Comparison)


@dataclass(frozen=True, slots=True)
class TierDrift:
    """What was found in one tier; `against` says compared with what, `trouble` why not at all."""

    tier: Tier
    against: str
    lines: tuple[str, ...] = ()
    trouble: str = ""


class DriftWatch:
    """Compares tiers with the specs that were applied to them."""

    def __init__(self, fleet: Fleet, journal: Journal) -> None:
        self._fleet = fleet
        self._journal = journal

    async def of(self, named: str = "") -> tuple[TierDrift, ...]:
        """Return the drift of the tier of that name, or of all that ilbot provisioned."""
        if named:
            return (await self._tier(await self._fleet.find_tier(named)),)
        return tuple([await self._tier(tier) for tier in await self._ours()])

    async def _ours(self) -> tuple[Tier, ...]:
        """Tiers with a rule of ours (the cloud remembers), or with an operation of ours."""
        snapshot = await self._fleet.snapshot()
        tagged = {
            ilb.tier.id
            for ilb in snapshot.ilbs
            for rule in ilb.rules
            if any(key in (APPLIED_TAG, TWIN_TAG) for key, _ in rule.tags)
        }
        done = await self._journal.operations(table.c.outcome == Outcome.DONE.value, limit=1000)
        known = tagged | {one.target_id for one in done if one.wish.runbook == PROVISION}
        known |= {plan_of(one).target.tier_id for one in done if one.wish.runbook == RESIZE}
        return tuple(tier for tier in snapshot.tiers if tier.id in known)

    async def _tier(self, tier: Tier) -> TierDrift:
        done = await self._provisioned(tier)
        against = _against(done)
        try:
            site = await self._fleet.site(tier.id)
            if done:
                found = drift_from(await self._applied(done, tier), site)
            else:
                found = drift_by_signs(site)
            forgotten = lost(await self._resized(tier), site)
            return TierDrift(tier, against, (*found, *unequal_twins(site), *forgotten))
        except Refused as no:
            return TierDrift(tier, against, trouble=str(no))
        except IlbotError as error:
            return TierDrift(tier, against, trouble=f"could not be looked at: {error}")

    async def _resized(self, tier: Tier) -> dict[str, Given]:
        """Return the offering that each address of a tier was last given."""
        given: dict[str, Given] = {}
        for planned in map(plan_of, await self._moved(tier, RESIZE)):
            offering = Given(planned.parameter("offering"), planned.parameter("offering name"))
            given |= dict.fromkeys(planned.parameter("vips").split(), offering)
        return given

    async def _applied(self, done: Sequence[Operation], tier: Tier) -> list[Applied]:
        """What they brought about, as splits of ours left it since; an earlier spec that this
        release no longer reads is left out."""
        splits = await self._moved(tier, SPLIT)
        every = [_of(done[0]), *map(_of_earlier, done[1:])]
        return [
            _after(one, [plan_of(split) for split in splits if split.ended_at > operation.ended_at])
            for one, operation in zip(every, done, strict=True)
            if one is not None
        ]

    async def _moved(self, tier: Tier, runbook: str) -> tuple[Operation, ...]:
        """Return what a runbook did in the tier, proven or not, oldest first."""
        moved = table.c.outcome.in_([Outcome.DONE.value, Outcome.UNVERIFIED.value])
        found = await self._journal.operations(
            table.c.lane == f"vpc:{tier.vpc_id}", moved, limit=_REMEMBERED
        )
        own = [one for one in found if one.wish.runbook == runbook]
        return tuple(one for one in own[::-1] if plan_of(one).target.tier_id == tier.id)

    async def _provisioned(self, tier: Tier) -> tuple[Operation, ...]:
        """Operations that brought a spec about there, newest first."""
        done = await self._journal.operations(
            table.c.target_id == tier.id, table.c.outcome == Outcome.DONE.value, limit=_REMEMBERED
        )
        return tuple(one for one in done if one.wish.runbook == PROVISION)


def _against(done: Sequence[Operation]) -> str:
    if not done:
        return "the tags ilbot left on its rules"
    if len(done) == 1:
        return f"the spec of {done[0].id}"
    earlier = "an earlier one" if len(done) == 2 else f"{len(done) - 1} earlier ones"
    return f"the spec of {done[0].id} and what is in force of {earlier}"


def _after(one: Applied, splits: Sequence[Plan]) -> Applied:
    for planned in splits:
        found = splitting_of(planned)
        moves = {(found.vip, port): part.vip for part in found.passages for port in part.ports}
        one = after_moves(one, moves)
    return one


def _of_earlier(done: Operation) -> Applied | None:
    try:
        return _of(done)
    except Refused:
        return None


def _of(done: Operation) -> Applied:
    planned = plan_of(done)
    found = _COMPARISON.validate_json(planned.parameter("comparison"))
    spec = read_spec(done.wish.parameter("spec"), "spec")
    return Applied(spec, found.vips, planned.diff)


def drift_page(found: tuple[TierDrift, ...], command: str) -> Page:
    """Say what differs, tier by tier, and how it is put back."""
    sections = [_section(one) for one in found]
    if not found:
        text = (
            "ilbot has provisioned no tier that is still there and made no twins in one, so "
            "nothing can differ."
        )
        return Page("Drift", (Section("", ((text,),)),))
    if any(one.lines for one in found):
        row: Row = (
            Code(f"{command} provision"), " with the spec and “overwrite” puts it back; ",
            Code(f"{command} export"), " writes down what is there now; ",
            Code(f"{command} pair"), " makes twins equal to the one it names.",
        )  # fmt: skip
        sections.append(Section("", (row,)))
    return Page("Drift", tuple(sections))


def _section(one: TierDrift) -> Section:
    title = f"{one.tier.vpc_name}/{one.tier.name}"
    if one.trouble:
        return Section(title, ((one.trouble,),))
    rows: list[Row] = [(f"• {line}",) for line in one.lines] or [("nothing differs",)]
    return Section(title, (*rows, (f"compared with {one.against}",)))
