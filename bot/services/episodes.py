"""Turns what was found of a target into one incident for each time that it fails.

A target that fails begins an episode, which a reading alone ends. Both are journal notes, so that a
restart of the bot forgets nothing. What flaps is one incident: what was proposed at its first
failure goes when that passes, and what is proposed because it flaps stays.
"""

from __future__ import annotations

from collections.abc import Set
from itertools import count

import structlog

from bot.domain.episode import LASTS_S, Episode, Turn, begun, turn
from bot.domain.finding import Finding, about
from bot.domain.operation import Mode, Operation, Outcome, Source, Wish
from bot.domain.page import duration
from bot.domain.policy import IncidentKind, IncidentPolicy, Scope
from bot.services.audit import Entry
from bot.services.breaker import mode_now
from bot.services.incident_desk import Desk
from bot.services.operations import standing
from bot.services.overtaken import News, waiting_for, what_is_in_the_way

log = structlog.get_logger(__name__)
BEGAN, OVER = "failing", "no longer failing"
"""Kinds of audit rows that begin and end an episode."""
FLAPS = "flaps"
"""A note about an operation whose target failed again within the incident it was opened for."""
SWEPT = "seen by looking at all"


class Episodes:
    """Keeps when what failed, and opens what a policy wishes because of it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def going_on(self) -> frozenset[str]:
        """Return what goes on: the `Finding.about` of each."""
        newest = await self._desk.journal.newest_of_each(BEGAN, OVER)
        return frozenset(entry.operation for entry in newest if entry.kind == BEGAN)

    async def decide(self, found: Finding, last: Entry | None, source: Source, because: str) -> str:
        """Hold a finding against the last episode note of its target; return what it leads to."""
        now, episode = self._desk.clock.now(), _episode(last)
        next_turn = turn(episode, found.reading, now)
        if next_turn is Turn.NOTHING:
            return found.words
        if next_turn is Turn.ENDS:
            assert last is not None
            return await self._end(last, found.over or found.words)
        if next_turn is not Turn.GOES_ON:
            episode = begun(episode, _after(last), now, found.checks)
            await self._begin(found, episode, because)
        assert episode is not None
        return await self._propose(found, episode, source, because)

    async def _begin(self, found: Finding, episode: Episode, because: str) -> None:
        """Note it before anything is opened: its name is the key by which that happens once."""
        decision = f"{found.words}{_again(episode)}"
        data = {
            "target": found.target.name, "hint": because, "decision": decision,
            "incident": episode.incident, "times": episode.times, "began_at": episode.began_at,
            "checks": list(episode.checks), "evidence": list(found.evidence),
        }  # fmt: skip
        if await self._desk.journal.note(found.about, episode.name, BEGAN, data):
            log.info("failing", target=found.target.name, words=found.words, times=episode.times)

    async def _end(self, last: Entry, words: str) -> str:
        lasted_s = self._desk.clock.now() - float(last.data["began_at"])
        how_long = duration(lasted_s) if lasted_s >= 60 else "less than a minute"
        decision = f"{words}, after {how_long}"
        data = {**last.data, "hint": SWEPT, "decision": decision}
        if last.data["times"] == 1:  # what flaps is not over when it passes once more
            for one in await waiting_for(self._desk, [last.operation]):
                await self._desk.operations.withdraw(one, decision)
        if await self._desk.journal.note(last.operation, last.step, OVER, data):
            log.info("no_longer_failing", target=last.data["target"], words=words)
        return decision

    async def forget(self, kind: IncidentKind, there: Set[str], going_on: Set[str]) -> None:
        """End what goes on of targets that are gone."""
        for one in going_on:
            named, _, target_id = one.partition(":")
            if named == kind.value and target_id not in there:
                last = await self.last(kind, target_id)
                if last is not None and last.kind == BEGAN:
                    await self._end(last, f"{last.data['target']} is gone")

    async def _propose(self, found: Finding, episode: Episode, source: Source, because: str) -> str:
        policy = self._desk.policies().for_incident(found.kind, Scope.of_target(found.target))
        if policy is None:
            return f"no policy for {found.kind.value}: {found.words}"
        mode, why = await mode_now(self._desk, policy, found.target.id)
        key = _key(found, episode, self._desk.clock.now())
        is_dead = found.kind is IncidentKind.ROUTER_STOPPED  # what runs, a person may have to cut
        news = News(
            found.target.id, policy.runbook, found.about, key, found.words, episode.began_at,
            repairs=is_dead and mode is Mode.AUTOMATIC,
        )  # fmt: skip
        if one := await what_is_in_the_way(self._desk, news):
            return f"{found.words}; operation {one.id} on it {standing(one)}"
        opened, is_new = await self._open(found, episode, source, because, (policy, mode, why))
        if is_new:
            return f"opened operation {opened.id} ({why})"
        if not episode.flaps:
            return f"same incident as operation {opened.id}"
        flaps = {"text": f"{found.words}: time {episode.times} in one incident"}
        await self._desk.journal.note(opened.id, episode.name, FLAPS, flaps)
        return (
            f"same incident as operation {opened.id}: it flaps, {episode.times} times by now, so "
            f"nothing new is proposed before it failed for {LASTS_S / 60:.0f} min without a break"
        )

    async def _open(
        self,
        found: Finding,
        episode: Episode,
        source: Source,
        because: str,
        how: tuple[IncidentPolicy, Mode, str],
    ) -> tuple[Operation, bool]:
        """Open it once for each incident; again only where the plan went stale meanwhile."""
        policy, mode, why = how
        wish = Wish(policy.runbook, found.target.id, because=f"{found.words}{_again(episode)}")
        evidence = {
            "incident": found.kind.value, "cause": found.words, "hint": because, "mode": why,
            "evidence": list(found.evidence), "policy": self._desk.policies().version,
        }  # fmt: skip
        key = _key(found, episode, self._desk.clock.now())
        for stale in count():
            opened, is_new = await self._desk.operations.open_for_incident(
                wish, source, mode, dedupe=f"{key}:{stale}" if stale else key, evidence=evidence
            )
            if is_new or opened.outcome is not Outcome.STALE:
                break
        return opened, is_new

    async def last(self, kind: IncidentKind, target_id: str) -> Entry | None:
        """Return the note that began or ended the last episode, None where it never failed."""
        notes = await self._desk.journal.notes(about(kind, target_id))
        return notes[-1] if notes else None


def _episode(last: Entry | None) -> Episode | None:
    if last is None:
        return None
    data = last.data
    return Episode(
        last.step, data["incident"], data["began_at"], last.at if last.kind == OVER else 0.0,
        data["times"], tuple(data["checks"]),
    )  # fmt: skip


def _key(found: Finding, episode: Episode, now: float) -> str:
    return f"{found.about}:{episode.key(now)}"


def _again(episode: Episode) -> str:
    return f" (time {episode.times} in this incident: it flaps)" if episode.flaps else ""


def checks_of(last: Entry | None) -> tuple[str, ...]:
    """Return what was seen to fail when the episode began that goes on, nothing where none does."""
    return tuple(last.data["checks"]) if last is not None and last.kind == BEGAN else ()


def _after(last: Entry | None) -> str:
    """Name an episode by the note it follows: of two replicas that see the same, one writes it."""
    return f"after {last.seq if last else 0}"
