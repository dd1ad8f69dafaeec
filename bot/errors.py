"""Turns every failure into one of three kinds, told apart by what the caller does next."""

from __future__ import annotations


class IlbotError(Exception):
    """A failure whose text a person may read: what was attempted, on what, why it failed."""


class Refused(IlbotError):
    """The answer is no, and asking again unchanged will not help.

    `instead` says what works; `until` says when the answer may change.
    """

    def __init__(self, why: str, *, instead: str = "", until: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.instead = instead
        self.until = until

    def __str__(self) -> str:
        parts = [self.why]
        if self.until:
            parts.append(f"Until {self.until}.")
        if self.instead:
            parts.append(self.instead)
        return " ".join(parts)


class Transient(IlbotError):
    """It did not work now and may work later: a step retries it.

    `in_doubt` is true where the other side may have done it although no answer came.
    """

    def __init__(self, what: str, *, in_doubt: bool = False, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.in_doubt = in_doubt
        self.retry_after_s = retry_after_s


class Away(Transient):
    """Nobody takes calls there just now: it is stopped, starting, or out of reach."""


class Permanent(IlbotError):
    """It failed and a repetition would fail again: a person must look."""


class ServerFailed(Permanent):
    """The other side failed at it, by its own account: CloudStack's 530.

    It says so of a mistake of its own for good and of a moment's trouble alike. So what only reads
    may try it again, a few times; what changes something may not.
    """
