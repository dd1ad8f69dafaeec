"""What a spec and a site differ in, as values: what would be created, changed, replaced, left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.rule_state import RuleState
from bot.domain.site import AclRule


class Verdict(StrEnum):
    """What becomes of one thing."""

    CREATE = "create"
    CHANGE = "change"
    REPLACE = "replace"
    """Deleted and created again: CloudStack cannot change it in place."""
    REPAIR = "repair"
    REMOVE = "remove"
    LEAVE = "leave"
    DRIFT = "drift"
    """Somebody else changed it, so it is shown and left alone."""
    OTHER = "other"
    """It is there and the spec does not name it, so it is left alone."""


_MARKS = {
    Verdict.CREATE: "+", Verdict.CHANGE: "~", Verdict.REPLACE: "±", Verdict.REPAIR: "~",
    Verdict.REMOVE: "-", Verdict.LEAVE: "=", Verdict.DRIFT: "!", Verdict.OTHER: "=",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the diff: what becomes of what, and in which respect."""

    verdict: Verdict
    what: str
    detail: str = ""

    @property
    def is_change(self) -> bool:
        """Whether something would be done."""
        return self.verdict not in {Verdict.LEAVE, Verdict.DRIFT, Verdict.OTHER}

    @property
    def text(self) -> str:
        """Say it as one line of a diff: `+ create 10.1.1.10:80 → 8080, roundrobin, …`."""
        word = f"{self.verdict} " if self.is_change or self.verdict is Verdict.DRIFT else ""
        between = " " if self.detail.startswith("→") else ": "
        about = f"{between}{self.detail}" if self.detail else ""
        return f"{_MARKS[self.verdict]} {word}{self.what}{about}"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """From what is on a VIP and port to what shall be; `is_broken` where it is half done.

    `keeper` is a free port for a rule that holds the VIP meanwhile, 0 where none is needed.
    """

    vip: str
    port: int
    before: RuleState | None
    after: RuleState | None
    is_broken: bool = False
    keeper: int = 0

    @property
    def is_replaced(self) -> bool:
        """Whether its port is not served between a deletion and a creation."""
        if self.before is None or self.after is None:
            return False
        return not self.before.is_made_like(self.after)


@dataclass(frozen=True, slots=True)
class AclChange:
    """From one network ACL list in force to another: `list_id`, or a new one of these rules."""

    before_id: str
    before_name: str
    name: str
    list_id: str = ""
    description: str = ""
    rules: tuple[AclRule, ...] = ()
    drops_before: bool = False
    """Whether the list before was made by ilbot and no other tier uses it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole answer; `notes` say what people should know before they approve.

    `vips` are those of the ILBs of the spec, in their order.
    """

    differences: tuple[Difference, ...]
    rules: tuple[RuleChange, ...] = ()
    acl: AclChange | None = None
    provider_id: str = ""
    notes: tuple[str, ...] = ()
    vips: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be done."""
        return not self.rules and self.acl is None and not self.provider_id

    def of(self, *verdicts: Verdict) -> tuple[Difference, ...]:
        """Return the lines with these verdicts."""
        return tuple(one for one in self.differences if one.verdict in verdicts)
