"""Counts what a step asks of CloudStack, wherever inside it the calls are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.domain.share import Calls


class Tally:
    """The calls of one step until now; its tasks add to the same one."""

    def __init__(self) -> None:
        self.calls = Calls()


_RUNNING: ContextVar[Tally | None] = ContextVar("ilbot_tally", default=None)


@contextmanager
def counting() -> Iterator[Tally]:
    """Count the calls that are made inside."""
    tally = Tally()
    token = _RUNNING.set(tally)
    try:
        yield tally
    finally:
        _RUNNING.reset(token)


def count(calls: Calls) -> None:
    """Add calls to the step that makes them; outside of steps nobody counts."""
    if tally := _RUNNING.get():
        tally.calls += calls


def until_now() -> Calls:
    """Return what the running step has asked of CloudStack so far."""
    tally = _RUNNING.get()
    return tally.calls if tally else Calls()
