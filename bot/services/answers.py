"""Turns questions into pages: what may be said, how things stand, why something was done or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.export import first_spec
from bot.domain.operation import Operation, State
from bot.domain.page import Code, Listing, Mark, Page, Row, Section, Strong, When, Who
from bot.domain.policy import Denied, Person, Policies, Power
from bot.domain.rule_words import hidden_words
from bot.domain.spelling import quoted
from bot.domain.tier_acts import refuse_without_internal_lb
from bot.domain.topology import IlbTarget, RouterTarget, find_target
from bot.errors import IlbotError, Refused
from bot.services import split_form
from bot.services.account import account_of
from bot.services.advising import Advising
from bot.services.cloud_watch import CLOUD
from bot.services.drift import DriftWatch, drift_page
from bot.services.episodes import BEGAN, OVER
from bot.services.fleet import Fleet
from bot.services.journal import Journal
from bot.services.menu import Entry, Kind
from bot.services.operations import standing
from bot.services.possible import possible
from bot.services.progress import Progress
from bot.services.schema import operation as table
from bot.services.spec_export import exported, written
from bot.services.spec_text import EXAMPLE, spec_text
from bot.services.status import fleet_sections, selection, status_document
from bot.services.switch import KillSwitch

LEFT_ALONE, DECIDED = "left alone", "decided"
"""Kinds of audit rows about something noticed (`bot.services.incidents`)."""
_NOTICED = (LEFT_ALONE, DECIDED, BEGAN, OVER, *CLOUD)
SHOWN_OPERATIONS = 10
SHOWN_NOTES = 3

Health = tuple[bool, str]


@dataclass(frozen=True, slots=True)
class Sources:
    """What answers are made from; `health` says how each way of noticing things is doing."""

    journal: Journal
    progress: Progress
    fleet: Fleet
    policies: Callable[[], Policies]
    switch: KillSwitch
    menu: tuple[Entry, ...]
    command: str
    health: Callable[[], Sequence[Health]] = tuple


class Answers:
    """Answers people's questions; `stop` and `resume` are for administrators."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources

    async def help(self, person_id: str) -> Page:
        """Say what that person may say, in the order of use, with two examples."""
        entries = [entry for entry in self._from.menu if self._may(person_id, entry)]
        rows: list[Row] = []
        for entry in entries:
            rows.append((Code(f"{self._from.command} {entry.usage}"),))
            rows.append((f"    {entry.summary}",))
            rows += [(f"    {ask.name}: {ask.words}",) for ask in entry.asks]
        sections = [Section("", tuple(rows)), self._examples(entries)]
        if self._from.policies().person(person_id) is None:
            text = f"The policies do not know you ({person_id}), so you can only look."
            sections.append(Section("", ((text,),)))
        return Page("What you can say", tuple(sections))

    async def status(self, about: str = "") -> Page:
        """Say how ILBs are, what is open, whether all is stopped, and what was heard.

        `about` names a zone, VPC, tier, ILB or router; `Refused` where nothing has that name.
        """
        fleet = await self._fleet(about)
        sections = [await self._switch(), *fleet, await self._open()]
        if not about:
            sections += [self._health(), await self._noticed(SHOWN_NOTES)]
        return Page("Status", tuple(section for section in sections if section.rows))

    async def status_document(self, about: str = "") -> dict[str, object]:
        """Return the same for programs; an error of the cloud is raised."""
        snapshot = await self._from.fleet.snapshot()
        shown = selection(snapshot, about)
        open_now = await self._open_operations()
        return status_document(snapshot, self._from.fleet.age_s(snapshot), shown) | {
            "stopped": await self._from.switch.reason(),
            "open_operations": [
                {"id": one.id, "runbook": one.wish.runbook, "target": one.wish.target}
                for one in open_now
            ],
        }

    async def can(self, named: str) -> Page:
        """Say what can be done to a target, what cannot, why, and what works instead."""
        snapshot = await self._from.fleet.snapshot()
        target = find_target(snapshot, named)
        runbooks = {
            entry.name
            for entry in self._from.menu
            if entry.kind is Kind.RUNBOOK and (entry.routers or isinstance(target, IlbTarget))
        }
        return possible(target, runbooks, self._from.fleet.age_s(snapshot))

    async def advise(self, said: str) -> Page:
        """Advise what would help a machine under load, with the numbers, and why nothing else."""
        runbooks = {one.name for one in self._from.menu if one.kind is Kind.RUNBOOK}
        return await Advising(self._from.fleet, runbooks).page(said, self._from.command)

    async def export(self, named: str) -> Page:
        """Show the spec of what a tier has."""
        text = await self.export_text(named)
        lines = (Listing(text),), ("Provisioning it again finds nothing to do.",)
        return Page(f"Spec of {named}", (Section("", lines),))

    async def export_text(self, named: str) -> str:
        """Return the spec of what a tier has, as a file; `Refused` where there is none."""
        return await exported(self._from.fleet, named)

    async def spec_start(self, named: str) -> tuple[str, str]:
        """Return a spec to start from, for a form, and what it is.

        It is what the tier has; where that is nothing, a first ILB with the VMs that are there.
        """
        if not named:
            return EXAMPLE, "An example: say what your tier shall have."
        tier = await self._from.fleet.find_tier(named)
        site = await self._from.fleet.site(tier.id)
        if not site.rules:
            refuse_without_internal_lb(tier)
            seen = [f"{hidden_words(vm)}." for vm in site.unexplained()]
            said = " ".join(seen) or f"Tier {tier.name} balances nothing yet."
            return spec_text(first_spec(site)), f"{said} A first ILB with the VMs it has."
        text = f"What tier {tier.name} has now: change it to what it shall have."
        return await written(self._from.fleet, site), text

    async def split_start(self, named: str) -> tuple[str, str]:
        """Return the groups that a form for a split starts from, a line each, and what they are."""
        return await split_form.start_of(self._from.fleet, named)

    async def check_split(self, named: str, groups: str) -> None:
        """Raise `Refused` where an ILB cannot be split into these groups."""
        await split_form.check(self._from.fleet, named, groups)

    async def drift(self, named: str = "") -> Page:
        """Say in what a tier, or every tier ilbot provisioned, is no longer as it left it."""
        found = await DriftWatch(self._from.fleet, self._from.journal).of(named)
        return drift_page(found, self._from.command)

    async def drift_document(self, named: str = "") -> list[dict[str, object]]:
        """Return the same for programs."""
        found = await DriftWatch(self._from.fleet, self._from.journal).of(named)
        return [
            {
                "tier": f"{one.tier.vpc_name}/{one.tier.name}", "tier_id": one.tier.id,
                "against": one.against, "differs": list(one.lines), "trouble": one.trouble,
            }
            for one in found
        ]  # fmt: skip

    async def why(self, about: str) -> Page:
        """Account for one operation, or for what was done and left alone on one ILB."""
        named = about.strip().strip("`#")
        found = await self._from.journal.operation(named)
        if found is not None:
            notes = await self._from.journal.notes(found.id)
            steps = await self._from.progress.steps(found.id)
            parts = await self._from.journal.operations(table.c.parent == found.id, limit=1000)
            return account_of(found, notes, steps, self._name_of, parts)
        return await self._why_ilb(named)

    async def stop(self, person_id: str, reason: str = "") -> Page:
        """Stop all changes; `Refused` for who may not."""
        person = self._administrator(person_id)
        text = f"{person.name} stopped all changes"
        before = await self._from.switch.set(person.name, f"{text}: {reason}" if reason else text)
        return Page(
            "Stopped",
            (
                Section(
                    "",
                    (
                        ("Nothing new starts, and running changes halt at their next safe point.",),
                        (Code(f"{self._from.command} resume"), " lets changes start again."),
                        *([(f"To resume, {before}.",)] if before else []),
                    ),
                ),
                Section("Still under way", await self._under_way()),
            ),
        )

    async def _under_way(self) -> tuple[Row, ...]:
        """Say what a stop does not end: our changes up to their safe point, CloudStack's jobs."""
        applying = table.c.state == State.APPLYING.value
        rows = [_operation_row(one) for one in await self._from.journal.operations(applying)]
        try:
            jobs = await self._from.fleet.unfinished_jobs()
        except IlbotError as error:
            rows.append((f"CloudStack's jobs are not known: {error}",))
        else:
            rows += [(Code(one.command), f", CloudStack's job {one.id}") for one in jobs]
        return tuple(rows) or (("Nothing, here or in CloudStack.",),)

    async def resume(self, person_id: str) -> Page:
        """Let changes start again; `Refused` for who may not."""
        person = self._administrator(person_id)
        still = await self._from.switch.release(person.name)
        if still:
            return Page("Still stopped", (Section("", ((still,),)),))
        return Page("Changes may start again")

    def _administrator(self, person_id: str) -> Person:
        policies = self._from.policies()
        answer = policies.may_administer(person_id)
        person = policies.person(person_id)
        if isinstance(answer, Denied) or person is None:
            raise Refused(str(answer))
        return person

    def _may(self, person_id: str, entry: Entry) -> bool:
        policies = self._from.policies()
        if entry.kind is Kind.ADMIN:
            return not isinstance(policies.may_administer(person_id), Denied)
        if entry.kind is Kind.RUNBOOK:
            person = policies.person(person_id)
            return person is not None and any(
                role.name in person.roles
                and Power.REQUEST in role.powers
                and role.runbooks & {entry.name, "*"}
                for role in policies.roles
            )
        return True

    def _examples(self, entries: list[Entry]) -> Section:
        said = [entry.example for entry in entries if entry.example] or [entries[0].usage]
        shown = [said[0], said[-1]] if len(said) > 1 else [entries[0].usage, said[0]]
        return Section(
            "For example", tuple((Code(f"{self._from.command} {text}"),) for text in shown)
        )

    async def _switch(self) -> Section:
        reason = await self._from.switch.reason()
        if not reason:
            return Section("", ((Mark("large_green_circle", "+ "), " Changes may start."),))
        return Section("", ((Mark("octagonal_sign", "! "), " Nothing starts: ", reason),))

    async def _fleet(self, about: str) -> tuple[Section, ...]:
        try:
            snapshot = await self._from.fleet.snapshot()
        except IlbotError as error:
            row: Row = (Mark("warning", "! "), " They cannot be read now: ", str(error))
            return (Section("Internal load balancers", (row,)),)
        shown = selection(snapshot, about)
        return fleet_sections(snapshot, self._from.fleet.age_s(snapshot), shown)

    async def _open(self) -> Section:
        found = await self._open_operations()
        return Section("Open operations", tuple(_operation_row(one) for one in found))

    async def _open_operations(self) -> tuple[Operation, ...]:
        """Return what people wait for; the parts of a fleet's change are told in its own card."""
        return await self._from.journal.operations(
            table.c.state != State.ENDED.value, table.c.parent == "", limit=SHOWN_OPERATIONS
        )

    def _health(self) -> Section:
        rows = tuple(
            (Mark("ear", "+ ") if well else Mark("warning", "! "), f" {text}")
            for well, text in self._from.health()
        )
        return Section("Listening", rows)

    async def _noticed(self, limit: int, names: frozenset[str] = frozenset()) -> Section:
        """Say what was noticed of machines and places of these names, or of all."""
        notes = await self._from.journal.newest_notes(*_NOTICED, limit=200)
        mine = [n for n in notes if not names or str(n.data.get("target")).casefold() in names]
        rows = tuple(
            (
                When(note.at), " ", Strong(str(note.data.get("target", "?"))), ": ",
                str(note.data.get("hint", "")), " → ",
                str(note.data.get("decision") or f"left alone: {note.data.get('reason', '')}"),
            )
            for note in mine[:limit]
        )  # fmt: skip
        return Section("Noticed", rows)

    async def _why_ilb(self, named: str) -> Page:
        name, *others = await self._target_names(named)
        found = await self._from.journal.operations(
            table.c.target_name == name, limit=SHOWN_OPERATIONS
        )
        names = frozenset(one.casefold() for one in (name, *others))
        noticed = await self._noticed(SHOWN_OPERATIONS, names)
        operations = Section("Operations", tuple(_operation_row(one) for one in found))
        sections = tuple(section for section in (operations, noticed) if section.rows)
        if not sections:
            raise Refused(
                f"Nothing is on record about {quoted(named)}.", instead="`status` shows all."
            )
        return Page(f"Why: {name}", sections)

    async def _target_names(self, named: str) -> tuple[str, ...]:
        """Return the name under which the journal has operations on what a person called so, and
        others under which something may have been noticed."""
        known = await self._from.journal.operations(table.c.target_name == named, limit=1)
        if known:
            return (named,)
        try:
            found = await self._from.fleet.find_target(named)
        except Refused:
            if not (await self._noticed(1, frozenset({named.casefold()}))).rows:
                raise
            return (named,)  # a host, or a machine that is gone
        if isinstance(found, RouterTarget):
            return (f"the routers of {found.owner}", *(one.name for one in found.routers))
        return (found.name if found.ilb.vm else f"the ILB at {found.ilb.vip}",)

    def _name_of(self, person_id: str) -> str:
        person = self._from.policies().person(person_id)
        return person.name if person else person_id


def _operation_row(found: Operation) -> Row:
    subject = found.target_name or found.wish.target
    asked_by = Who(found.requested_by.id, found.requested_by.name)
    stands = f" {standing(found)}, asked by "
    return (Code(found.id), f" {found.wish.runbook} ", Strong(subject), stands, asked_by)
