"""The door of the running bot, from another process: what is stored here is taken up there."""

from __future__ import annotations

import getpass

from bot.app import Books
from bot.domain.policy import Person
from bot.engine.api import Json
from bot.errors import Refused, Transient
from bot.services.operations import Door, Operations
from handlers.routes import RUNBOOKS


class _Elsewhere:
    """The engine of the running bot, which is another process: it takes up what is stored."""

    async def launch(self) -> None:
        """There is nothing to open here."""

    async def close(self) -> None:
        """There is nothing to close here."""

    async def start(self, kind: str, run_id: str, lane: str = "") -> None:
        """Leave it to the running bot."""
        raise Transient("the engine is another process")

    async def notify(self, run_id: str, topic: str, message: Json) -> None:
        """Leave it to the running bot."""
        raise Transient("the engine is another process")

    async def is_over(self, run_id: str) -> bool | None:
        """Say that it is not known here."""
        return None


def operations_of(books: Books) -> Operations:
    """Return the one door, on the journal alone."""
    return Operations(
        Door(books.journal, _Elsewhere(), books.policies, RUNBOOKS, books.clock, books.switch,
             lambda _: None)
    )  # fmt: skip


def person_here(books: Books) -> Person:
    """Return whom the policies know by the login on this machine; `Refused` where nobody."""
    person = books.policies().person_of(getpass.getuser())
    if person is None:
        raise Refused(
            f"The policies know nobody with the login {getpass.getuser()}.",
            instead="An admin adds `login:` to a person in policies.yaml.",
        )
    return person


async def answer_text(books: Books, operation_id: str) -> tuple[str, bool]:
    """Say for whoever is logged in that what a change asked for is done."""
    verdict = await operations_of(books).answer(operation_id, person_here(books).id)
    return verdict.text, verdict.counted
