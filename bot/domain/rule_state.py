"""One LB rule as a value that can be wanted, compared, brought about and brought back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.domain.cloud import LbRule
from bot.domain.plan import digest
from bot.domain.spec import APPLIED_TAG, KEEPER_TAG, NAME_TAG, SERVICE_TAG, TWIN_TAG, Stickiness

OUR_TAGS = frozenset({SERVICE_TAG, NAME_TAG, TWIN_TAG, APPLIED_TAG})
"""Those that runbooks set and take away; what others tagged is left alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule is: CloudStack has one at most on a VIP and port of a tier (537)."""

    tier_id: str
    vip: str
    port: int

    def __str__(self) -> str:
        return f"{self.vip}:{self.port}"


@dataclass(frozen=True, slots=True)
class RuleState:
    """All of a rule but its place and id; `members` are the ids of VMs, sorted, tags are ours."""

    name: str
    to: int
    algorithm: str
    members: tuple[str, ...] = ()
    stickiness: Stickiness | None = None
    tags: tuple[tuple[str, str], ...] = ()

    def is_made_like(self, other: RuleState) -> bool:
        """Whether it differs in nothing that CloudStack cannot change on a rule that exists."""
        return (self.to, self.algorithm) == (other.to, other.algorithm)

    def carries_like(self, other: RuleState) -> bool:
        """Whether it does the same with traffic, whatever name and tags it has."""
        same = self.members == other.members and self.stickiness == other.stickiness
        return same and self.is_made_like(other)

    def is_like(self, other: RuleState) -> bool:
        """Whether it is as wanted; names of rules and what was applied say nothing of that."""
        return self.carries_like(other) and self._services() == other._services()

    @property
    def digest(self) -> str:
        """A fingerprint of what it does with traffic."""
        sticky = self.stickiness and [self.stickiness.method, self.stickiness.parameters]
        return digest([self.to, self.algorithm, self.members, sticky])[:16]

    @property
    def applied(self) -> str:
        """The fingerprint ilbot left on it, `""` where ilbot never did."""
        return dict(self.tags).get(APPLIED_TAG, "")

    @property
    def is_ours(self) -> bool:
        """Whether it is as ilbot left it; one without members carries nothing and may be filled."""
        return self.applied == self.digest or (bool(self.applied) and not self.members)

    def tagged(self, key: str, value: str) -> RuleState:
        """Return it with that tag of ours, or without it where the value is empty."""
        others = tuple(tag for tag in self.tags if tag[0] != key)
        return replace(self, tags=tuple(sorted((*others, (key, value)) if value else others)))

    def signed(self) -> RuleState:
        """Return it with the tag by which a change by somebody else is told."""
        return self.tagged(APPLIED_TAG, self.digest)

    def _services(self) -> tuple[tuple[str, str], ...]:
        return tuple(tag for tag in self.tags if tag[0] != APPLIED_TAG)


def state_of(rule: LbRule, stickiness: Stickiness | None) -> RuleState:
    """Return a rule as found; CloudStack keeps an algorithm in the case it was given in."""
    return RuleState(
        rule.name,
        rule.member_port,
        rule.algorithm.lower(),
        tuple(sorted(member.id for member in rule.members)),
        stickiness,
        tuple(sorted(tag for tag in rule.tags if tag[0] in OUR_TAGS)),
    )


def is_keeper(rule: LbRule) -> bool:
    """Whether a rule only holds its VIP for a change of ours."""
    return any(key == KEEPER_TAG for key, _ in rule.tags)
