"""How a runbook's body failed, as a value, and the outcome that this comes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.domain.operation import Outcome
from bot.domain.plan import in_words
from bot.errors import ServerFailed, Transient


@dataclass(frozen=True, slots=True)
class Failure:
    """How a runbook's body ended, as JSON between two steps; `kind` is empty where it succeeded.

    `stands` is what had been done for good by then.
    """

    kind: str = ""
    text: str = ""
    in_doubt: bool = False
    undone: tuple[str, ...] = ()
    undo_failed: str = ""
    stands: tuple[str, ...] = ()


def weighed(failure: Failure, unsafe: str) -> tuple[Outcome, str]:
    """Say what a failure comes to: undoing never turns it green, what is in doubt is parked."""
    if failure.undo_failed:
        told = f"{failure.text}; undoing failed too: {failure.undo_failed}"
        return Outcome.PARKED, f"{told}; {unsafe}" if unsafe else told
    if unsafe:
        return Outcome.PARKED, f"{failure.text}; {unsafe}"
    if failure.kind == "bug" or failure.in_doubt:
        return Outcome.PARKED, failure.text
    undone = f"; undone: {', '.join(failure.undone)}" if failure.undone else ""
    if failure.stands:
        return Outcome.FAILED, f"{failure.text}{undone}; done and kept: {in_words(failure.stands)}"
    if failure.kind == "stopped" and not undone:
        return Outcome.REJECTED, f"{failure.text}; nothing was changed"
    return (Outcome.ROLLED_BACK if undone else Outcome.FAILED), f"{failure.text}{undone}"


@contextmanager
def reading() -> Iterator[None]:
    """Let a step that only reads try again, within its bounds, what the server failed at."""
    try:
        yield
    except ServerFailed as error:
        raise Transient(str(error)) from error
