"""One line of what `ilbot check` found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a part stands."""

    OK = "ok"
    WARNING = "warning"
    REFUSED = "refused"
    NEXT = "next"
    """Not a finding: the step towards the next mode."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """What was found about one part; `instead` says what to do about it."""

    part: str
    verdict: Verdict
    text: str
    instead: str = ""

    def as_text(self, width: int) -> str:
        """Return it as a row, the part filled up to `width`, its further lines indented."""
        indent = " " * (9 + width + 2)
        first, *more = [*self.text.splitlines(), *([self.instead] if self.instead else [])]
        row = f"{self.verdict:<8} {self.part:<{width}}  {first}"
        return "\n".join([row, *(indent + line.strip() for line in more)])


def ok(part: str, text: str) -> CheckLine:
    """It works."""
    return CheckLine(part, Verdict.OK, text)


def warning(part: str, text: str, instead: str = "") -> CheckLine:
    """It works and should be looked at."""
    return CheckLine(part, Verdict.WARNING, text, instead)


def refused(part: str, text: str, instead: str = "") -> CheckLine:
    """It does not work."""
    return CheckLine(part, Verdict.REFUSED, text, instead)
