"""Turns moments of busy machines into stored decisions, and perhaps into a wish.

A sample is a hint. Before anything is proposed the machine is looked up, whether it is ours and
runs, and CloudStack is asked how busy it is now. Each incident leads to one decision, which is
stored under the incident's own id before the sample counts as settled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from bot.domain.detect import Edge, Moment, Rule
from bot.domain.load import Load, Proposal
from bot.domain.operation import Source, Wish
from bot.domain.plan import in_words
from bot.domain.policy import IncidentKind
from bot.errors import IlbotError, Permanent, Refused, Transient
from bot.services.audit import Entry
from bot.services.cpu_case import Case, Hosts, LeftAlone, SecondLook
from bot.services.cpu_ending import CpuEnding
from bot.services.cpu_notes import CpuNotes, called, utc
from bot.services.incident_desk import Desk
from bot.services.operations import standing
from bot.services.relief import load_before
from bot.services.schema import operation as table

log = structlog.get_logger(__name__)
ADVICE, DECIDED = "cpu advice", "decided"
AGAIN_S = 3_600.0
"""A machine that is busy again so soon after it was proposed for is not proposed for again."""
_TRIES = 5
_LOOKED_AT = 200


class Advisor(Protocol):
    """Chooses what to do about a busy machine."""

    async def advise(self, target_id: str, load: Load) -> Proposal:
        """Return one proposal; one without a runbook changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is decided of a machine or a host; `subject` is its id where something was proposed."""

    target: str
    words: str
    numbers: tuple[str, ...] = ()
    subject: str = ""


class Saturation:
    """Who is told of incidents of the CPU, from Kafka or from looking.

    `advised` is called when there is an advice that no operation's card will tell.
    """

    def __init__(
        self,
        desk: Desk,
        advisor: Advisor,
        rule: Rule,
        source: Source,
        advised: Callable[[], None],
        hosts: Hosts | None = None,
    ) -> None:
        self._desk = desk
        self._advisor = advisor
        self._rule = rule
        self._source = source
        self._advised = advised
        self._failures = Counter[str]()
        self._notes = CpuNotes(desk.journal)
        self._look = SecondLook(desk.cloud, desk.clock, desk.journal, rule, hosts or Hosts())
        self._ending = CpuEnding(desk, hosts or Hosts())

    async def opened(self) -> Mapping[str, float]:
        """Return the incidents that are open: target ids, and since when in unix seconds.

        Those of machines that are gone end here: who begins anew never hears of such a machine.
        """
        found: dict[str, float] = {}
        notes = await self._notes.open()
        gone = await self._gone(notes)
        for incident, note in notes.items():
            if incident in gone:
                await self._notes.gone(note, self._desk.clock.now())
            else:
                found.setdefault(str(note.data["id"]), float(note.data["since"]))
        return found

    async def _gone(self, opened: Mapping[str, Entry]) -> frozenset[str]:
        try:
            return await self._look.gone(opened.values()) if opened else frozenset()
        except IlbotError as error:
            log.warning("cpu_machines_not_looked_at", error=str(error))
            return frozenset()

    async def hear(self, edge: Edge) -> None:
        """Take a moment of an incident; it is stored when this returns, and stored once."""
        match edge.moment:
            case Moment.ENTERED:
                await self._notes.busy(edge)
            case Moment.DUE:
                await self._notes.busy(edge)
                await self._decide(edge)
            case Moment.SILENT:
                await self._notes.unknown(edge)
            case Moment.LEFT | Moment.LOST:
                await self._notes.over(edge)
                self._advised()

    async def _decide(self, edge: Edge) -> None:
        if await self._desk.journal.has_note(edge.incident, "", DECIDED):
            return
        try:
            decision = await self._decision(edge)
        except Refused as no:
            # A key that may not look must be mended; the hint waits for that and is not lost.
            raise Transient(f"decide on busy {called(edge)}: {no}") from no
        except Permanent as error:
            # CloudStack answers 530 to a mistake of its own and to a moment's trouble alike.
            self._failures[edge.incident] += 1
            if self._failures[edge.incident] < _TRIES:
                raise Transient(f"decide on busy {called(edge)}: {error}") from error
            decision = _Decision(called(edge), f"left alone: it cannot be looked at: {error}")
        self._failures.pop(edge.incident, None)
        hint = f"CPU at {edge.cpu_percent:.0f} %, busy since {utc(edge.since)}"
        await self._note(edge.incident, hint, decision)

    async def _note(self, incident: str, hint: str, decision: _Decision) -> None:
        data = {
            "target": decision.target, "hint": hint, "decision": decision.words,
            "numbers": list(decision.numbers), "subject": decision.subject,
        }  # fmt: skip
        if await self._desk.journal.note(incident, "", DECIDED, data):
            log.info(
                "cpu_decided", incident=incident, target=decision.target, decision=decision.words
            )

    async def _decision(self, edge: Edge) -> _Decision:
        known = self._desk.known()
        if known is not None and known.lacks(edge.target_id, edge.since):
            return _Decision(called(edge), "left alone: no ILB VM or router of that id or name")
        case = await self._look.at(edge)
        if isinstance(case, LeftAlone):
            return _Decision(case.name, f"left alone: {case.why}")
        beside = await self._look.beside(case)
        if not beside:
            return await self._propose(IncidentKind.CPU_SATURATED, case, edge.incident)
        if IncidentKind.HOST_HOT not in self._desk.policies().incidents:
            # Nobody wants to hear of the host, and its machines are busy all the same.
            alone = replace(case, beside=beside)
            return await self._propose(IncidentKind.CPU_SATURATED, alone, edge.incident)
        host, incident = case.machine.host_name, await self._look.of_host(case, beside)
        if await self._desk.journal.has_note(incident, "", DECIDED):
            return _Decision(case.machine.name, f"part of the incident of host {host}")
        busiest = await self._look.at_busiest(case, beside)
        decision = await self._propose(IncidentKind.HOST_HOT, busiest, incident)
        names = in_words(sorted(one.target_name for one in beside))
        await self._note(incident, f"{names} became busy together", decision)
        words = f"host {host} is the matter: {decision.words}"
        return _Decision(case.machine.name, words, decision.numbers)

    async def _propose(self, kind: IncidentKind, case: Case, incident: str) -> _Decision:
        is_host = kind is IncidentKind.HOST_HOT
        target = case.machine.host_name if is_host else case.machine.name
        subject = case.host_id if is_host else case.machine.id
        policies = self._desk.policies()
        if kind not in policies.incidents:
            return _Decision(target, f"no policy for {kind.value}", case.numbers)
        await self._ending.withdraw_what_is_over()  # it would be gone when this one relies on it
        if before := await self._proposed_lately(subject, incident):
            return _Decision(target, f"busy again within an hour, it stands: {before}")
        try:
            proposal = await self._advisor.advise(case.machine.id, self._load(case))
        except Refused as no:
            proposal = Proposal("", f"nothing can be advised: {no}")
        numbers = (*case.numbers, *proposal.numbers)
        is_opened, words = await self._open(kind, case, incident, proposal)
        if not is_opened:
            await self._tell(kind, case, incident, words, numbers)
            words = f"advice only: {words}"
        return _Decision(target, words, numbers, subject)

    async def _proposed_lately(self, subject: str, incident: str) -> str:
        """Return what was proposed for it within the last hour for another incident, else `""`."""
        since = self._desk.clock.now() - AGAIN_S
        for note in await self._desk.journal.newest_notes(DECIDED, limit=_LOOKED_AT):
            if note.at < since:
                return ""
            is_same = note.data.get("subject") == subject and note.operation != incident
            if is_same and not await self._was_withdrawn(note.operation):
                return str(note.data["decision"])
        return ""

    async def _was_withdrawn(self, incident: str) -> bool:
        """Whether what was proposed stands no more, since it was calm before anybody decided."""
        opened = await self._desk.journal.operations(table.c.dedupe == incident, limit=1)
        return any(one.is_withdrawn for one in opened)

    def _load(self, case: Case) -> Load:
        """Return how busy it has been since it became so: its calm before is no part of that."""
        others = [one for one in case.beside if one.target_id != case.machine.id]
        since = [one for one in case.samples if one.at >= case.edge.since] or case.samples[-1:]
        return Load(
            target_name=case.machine.name,
            host=case.machine.host_name,
            since=case.edge.since,
            enter_percent=self._rule.enter_percent,
            exit_percent=self._rule.exit_percent,
            samples=tuple((one.at, one.cpu_percent) for one in since),
            busy_beside=tuple(one.target_name for one in others),
        )

    def _kept(self, kind: IncidentKind, case: Case, incident: str) -> Mapping[str, object]:
        """Return the load as it is kept with what is opened, or done by people, for it."""
        follow_s = 2 * self._rule.dwell_s + self._rule.lateness_s
        is_host = kind is IncidentKind.HOST_HOT
        return load_before(case, incident, follow_s, is_host=is_host)

    async def _open(
        self, kind: IncidentKind, case: Case, incident: str, proposal: Proposal
    ) -> tuple[bool, str]:
        """Open what is proposed under the policy: whether, and which operation or why not."""
        policies, runbook = self._desk.policies(), proposal.runbook
        if not runbook:
            return False, proposal.reason
        policy = policies.for_advice(kind, runbook, case.scope)
        if policy is None:
            only = policies.incidents[kind].runbook
            allowed = f"{runbook} is advised, and the policy allows only {only}"
            return False, f"{allowed}: {proposal.reason}"
        if before := await self._in_the_way(case, incident, runbook):
            return False, f"{before}: {proposal.reason}"
        wish = Wish(runbook, case.machine.id, proposal.parameters, because=proposal.reason)
        evidence = {
            "incident": kind.value, "cause": proposal.reason,
            "hint": f"CPU at {case.now_percent:.0f} %", "mode": f"the policy says {policy.mode}",
            "evidence": [*case.numbers, *proposal.numbers], "policy": policies.version,
            **self._kept(kind, case, incident),
        }  # fmt: skip
        try:
            opened, is_new = await self._desk.operations.open_for_incident(
                wish, self._source, policy.mode, dedupe=incident, evidence=evidence
            )
        except Refused as no:
            return False, f"{runbook} is advised and cannot be opened: {no}"
        found = "opened" if is_new else "same incident as"
        return True, f"{found} operation {opened.id}: {proposal.reason}"

    async def _in_the_way(self, case: Case, incident: str, runbook: str) -> str:
        """Say which operation on it a second one would be refused for, `""` where there is none."""
        if await self._desk.journal.operations(table.c.dedupe == incident, limit=1):
            return ""  # it was opened, and the process died before that was noted
        for one in await self._desk.operations.open_ones(case.target_id):
            if one.wish.runbook == runbook:
                return f"{runbook} is advised, and operation {one.id} on it {standing(one)}"
        return ""

    async def _tell(
        self, kind: IncidentKind, case: Case, incident: str, reason: str, numbers: tuple[str, ...]
    ) -> None:
        """Keep an advice for the channel, where nothing is opened that would tell it."""
        data = {
            "incident": kind.value, "target": case.machine.name, "host": case.machine.host_name,
            "reason": reason, "numbers": list(numbers), "since": case.edge.since,
            "about": case.target_id, **self._kept(kind, case, incident),
        }  # fmt: skip
        if await self._desk.journal.note(incident, "", ADVICE, data):
            self._advised()
