"""Provisions from a file on the terminal: the plan, the wish and its way to the end."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.app import Core
from bot.cli.ask import Told, answers_of, planned_text
from bot.cli.elsewhere import operations_of, person_here
from bot.domain.operation import Actor, Operation, Outcome, Source, State, Wish
from bot.domain.page import as_plain
from bot.services.operations import standing
from workflows import provision

AS_WISHED = frozenset({Outcome.DONE, Outcome.NOTHING_TO_DO})
LOOK_EVERY_S = 1.0
NOBODY_S = 30.0
"""After so long in `asked` no bot seems to run: it takes up what is stored every few seconds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was given on the command line."""

    text: str
    file: str
    overwrite: bool
    because: str

    def wish(self) -> Wish:
        """Return the wish; `Refused` with lines where the spec is no spec."""
        return provision.wish_of(
            self.text, self.file, overwrite=self.overwrite, because=self.because
        )


async def show_plan(core: Core, asked: Asked, *, as_json: bool) -> Told:
    """Plan and show what differs; nothing is stored and nothing is changed."""
    return await planned_text(core, asked.wish(), as_json=as_json)


async def ask_for(core: Core, asked: Asked, say: Callable[[str], None]) -> Told:
    """Store the wish, which the running bot takes up, and follow it; bad news where it ends so."""
    person = person_here(core)
    opened, _ = await operations_of(core).open_for_person(
        asked.wish(), Source.CLI, Actor(person.id, person.name),
        dedupe=f"cli:{secrets.token_hex(8)}",
    )  # fmt: skip
    say(f"{opened.id} is stored. Its card shows in Slack; interrupting this stops nothing.")
    return await _follow(core, opened, say)


async def export_spec(core: Core, named: str) -> Told:
    """Return the spec of what a tier has."""
    return (await answers_of(core).export_text(named)).rstrip(), True


async def drift_text(core: Core, named: str, *, as_json: bool) -> Told:
    """Say what differs; bad news where anything does."""
    document = await answers_of(core).drift_document(named)
    is_good = not any(one["differs"] or one["trouble"] for one in document)
    if as_json:
        return json.dumps(document, indent=2, ensure_ascii=False), is_good
    return as_plain(await answers_of(core).drift(named)), is_good


async def _follow(core: Core, opened: Operation, say: Callable[[str], None]) -> Told:
    told, since = "", core.clock.now()
    while True:
        found = await core.journal.operation(opened.id)
        assert found is not None, "an operation is never deleted"
        if not found.is_open:
            ended = f"{found.id} {found.outcome}: {found.reason}".rstrip(": ")
            return ended, found.outcome in AS_WISHED
        if found.state is State.ASKED and core.clock.now() - since > NOBODY_S:
            return f"{found.id} is stored, and no running bot has taken it up yet.", False
        if standing(found) != told:
            told = standing(found)
            say(f"{found.id} {told}")
        await asyncio.sleep(LOOK_EVERY_S)
