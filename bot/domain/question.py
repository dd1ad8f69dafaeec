"""What a person is asked to do in the middle of a change, and that somebody did it."""

from __future__ import annotations

from dataclasses import dataclass

TOPIC = "answer"
"""On it a run that waits for a person is woken: by an answer, and by a stop."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that only a person can do, until a time; the change waits meanwhile.

    `key` tells it from the other questions of its operation. `lines` are shown as they are, to be
    copied; `deadline_at` is in unix seconds.
    """

    key: str
    text: str
    lines: tuple[str, ...]
    deadline_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Who said that it is done, by id and name, and when (unix seconds)."""

    person_id: str
    name: str
    at: float
