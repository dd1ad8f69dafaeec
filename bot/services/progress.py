"""Keeps what steps report, and reads it back as progress, receipts and measured outages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from bot.domain.cloud import VmState
from bot.domain.fleet_view import Past
from bot.domain.operation import Operation, Outcome, State
from bot.domain.share import NO_CALLS, Calls, Share, Spent, share
from bot.engine.report import StepReport
from bot.services.audit import Entry
from bot.services.journal import Journal
from bot.services.operations import plan_of
from bot.services.schema import operation as table

PLANNED_WITH, ENDED_WITH = "planned with", "ended with"
"""Audit rows with the calls of planning, and of the last look: that look's own row comes after the
receipt."""
_LAST = "finish"
_STOPPED_BY = "submit_stop"
_SEEN_BY = ("settled", VmState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step of a change; `at` is when it ended, in unix seconds.

    `denied` is whether it returned False.
    """

    name: str
    result: str
    attempts: int
    seconds: float
    at: float
    error: str
    arguments: tuple[str, ...] = ()
    stage: str = ""
    waits: bool = False
    rested: bool = False
    calls: Calls = NO_CALLS
    denied: bool = False

    def spent(self, before: Step | None) -> Spent:
        """Return what it cost, with the rest since the step before."""
        gap_s = self.at - self.seconds - before.at if before and self.rested else 0.0
        return Spent(self.name, self.seconds, self.waits, max(0.0, gap_s), self.calls)


class Progress:
    """`bot.engine.api.Watcher` on the journal: each step of a change is one audit row."""

    def __init__(self, journal: Journal, changed: Callable[[str], None]) -> None:
        self._journal = journal
        self._changed = changed

    async def step_began(self, run_id: str, key: str, name: str) -> None:
        """Nothing is kept of a beginning: the intent is."""

    async def step_ended(self, report: StepReport) -> None:
        """Keep a step of a change; the steps of asking show in the operation's own rows."""
        operation_id, _, kind = report.run_id.partition(":")
        if kind != "apply":
            await self._keep_calls(operation_id, report)
            return
        data = {
            "name": report.name,
            "arguments": [a[:80] for a in report.arguments[:2]],
            "result": report.result,
            "attempts": report.attempts,
            "seconds": round(report.seconds, 3),
            "error": report.error,
        }
        if report.stage:
            data["stage"] = report.stage
        if report.waits:
            data["waits"] = True
        if report.rested:
            data["rested"] = True
        if report.calls.total:
            data["calls"] = asdict(report.calls)
        if report.denied:
            data["denied"] = True
        await self._journal.note(operation_id, report.key, "step", data)
        self._changed(operation_id)

    async def steps(self, operation_id: str) -> tuple[Step, ...]:
        """Return the finished steps of a change, in order."""
        rows = [row for row in await self._journal.notes(operation_id) if row.kind == "step"]
        return tuple(
            Step(
                row.data["name"], row.data["result"], row.data["attempts"],
                row.data["seconds"], row.at, row.data["error"], tuple(row.data["arguments"]),
                row.data.get("stage", ""), row.data.get("waits", False),
                row.data.get("rested", False), Calls(**row.data.get("calls", {})),
                row.data.get("denied", False),
            )
            for row in sorted(rows, key=lambda row: row.step)
        )  # fmt: skip

    async def _keep_calls(self, operation_id: str, report: StepReport) -> None:
        """Keep what planning asked of CloudStack; how it went is in the operation's own rows."""
        if report.calls.total:
            data = {"name": report.name, "calls": asdict(report.calls)}
            await self._journal.note(operation_id, report.key, PLANNED_WITH, data)

    async def share(self, found: Operation) -> Share | None:
        """Return the bot's own part of a change, as `share_of` does."""
        return share_of(found, await self._journal.notes(found.id), await self.steps(found.id))

    async def outage_s(self, operation_id: str) -> float | None:
        """Return the seconds from the submission of the stop to the sight of Running."""
        steps = await self.steps(operation_id)
        stops = [step for step in steps if step.name == _STOPPED_BY]
        sights = [step for step in steps if (step.name, *step.arguments[1:]) == _SEEN_BY]
        if not stops or not sights or sights[-1].at <= stops[0].at:
            return None
        return sights[-1].at - stops[0].at

    async def history(
        self, target_id: str, ours: str, tier_id: str = "", vip: str = ""
    ) -> tuple[tuple[float, ...], str]:
        """Return outages of earlier done operations on a target, and who is at work on it.

        Of an ILB that may be an operation on another one: it builds this one at its `vip` or needs
        it as its twin.
        """
        rows = await self._journal.operations(table.c.target_id == target_id, limit=20)
        done = [row for row in rows if row.outcome is Outcome.DONE and _cut_something(row)]
        outages = [await self.outage_s(row.id) for row in done[:3]]
        busy = [row.id for row in rows if row.state is State.APPLYING]
        if vip:
            busy += await self._at_work_at(tier_id, vip)
        by = next((one for one in busy if one != ours), "")
        return tuple(outage for outage in outages if outage is not None), by

    async def _at_work_at(self, tier_id: str, vip: str) -> list[str]:
        rows = await self._journal.operations(table.c.state == State.APPLYING.value)
        plans = [(row.id, plan_of(row)) for row in rows]
        return [key for key, one in plans if one.target.tier_id == tier_id and one.works_at(vip)]

    async def past(self, target_id: str) -> Past:
        """Return what our own operations say of a target, as a fleet is planned by it."""
        outages, busy = await self.history(target_id, "")
        ended = table.c.outcome.is_not(None)
        last = await self._journal.operations(table.c.target_id == target_id, ended, limit=1)
        parked = last[0].id if last and last[0].outcome is Outcome.PARKED else ""
        return Past(outages, busy, parked)


def _cut_something(done: Operation) -> bool:
    """Whether it stopped what was serving: how long a repair took predicts no outage."""
    return plan_of(done).exposure.seconds != 0.0


def share_of(found: Operation, notes: Iterable[Entry], steps: Sequence[Step]) -> Share | None:
    """Return the bot's own part of a change that has ended, None where calls were not counted."""
    apart = (row.data["calls"] for row in notes if row.kind in {PLANNED_WITH, ENDED_WITH})
    before_the_end = [one for one in steps if one.name != _LAST]
    calls = sum(
        (*(Calls(**one) for one in apart), *(one.calls for one in before_the_end)), NO_CALLS
    )
    if found.is_open or not steps or not calls.total:
        return None
    whole_s = found.ended_at - (steps[0].at - steps[0].seconds)
    pairs = zip(before_the_end, (None, *before_the_end), strict=False)
    return share(whole_s, (one.spent(before) for one, before in pairs), calls)
