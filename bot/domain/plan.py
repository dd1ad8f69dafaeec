"""A plan as a value: what would be done to what, on which facts, at what cost, undone how."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

FLEET = "fleet"
"""The kind of target that is many targets, each with a lane of its own."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a change is done to; `lane` names the VPC or network that takes one change at a time.

    For an isolated network `tier` is the network and `vpc` is empty; for the routers of a VPC
    `tier` is empty. A fleet is that of a VPC, or where `vpc` is empty that of a zone.
    """

    kind: str
    id: str
    name: str
    zone: str
    vpc: str
    vpc_id: str
    tier: str
    tier_id: str

    @property
    def lane(self) -> str:
        """The VPC or the isolated network, which takes one change at a time; `""` for a fleet."""
        if self.kind == FLEET:
            return ""
        return f"vpc:{self.vpc_id}" if self.vpc_id else f"network:{self.tier_id}"

    @property
    def where(self) -> str:
        """Where it is, in words."""
        if self.kind == FLEET:
            return f"VPC {self.vpc}, zone {self.zone}" if self.vpc_id else f"zone {self.zone}"
        if not self.vpc_id:
            return f"network {self.tier}, zone {self.zone}"
        tier = f"tier {self.tier} of " if self.tier_id else ""
        return f"{tier}VPC {self.vpc}, zone {self.zone}"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the plan relies on; when its value changes, the plan is stale."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One thing the plan does, in words, and how it is undone; nothing before `no_return` is."""

    text: str
    undo: str = ""
    no_return: bool = False


@dataclass(frozen=True, slots=True)
class Exposure:
    """What cannot be reached meanwhile, for how long and how we know; None: not known."""

    what: str
    seconds: float | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What an approval is of; two plans with one fingerprint are the same plan."""

    runbook: str
    target: Target
    summary: str
    facts: tuple[Fact, ...]
    steps: tuple[PlannedStep, ...]
    exposure: Exposure
    blast_radius: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    diff: tuple[str, ...] = ()
    """What is wanted against what is, a line each, where the plan comes from a comparison."""
    by_person: str = ""
    """Why a person must decide, whatever a policy says may happen by itself."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what is done, to what, relying on what; words about cost stay out of it."""
        sealed = {
            "runbook": self.runbook,
            "target": asdict(self.target),
            "facts": [asdict(fact) for fact in self.facts],
            "steps": [asdict(step) for step in self.steps],
            "blast_radius": list(self.blast_radius),
            "parameters": [list(pair) for pair in self.parameters],
        }
        return digest(sealed)

    def parameter(self, name: str) -> str:
        """Return a parameter by name, `""` where the plan has none."""
        return dict(self.parameters).get(name, "")

    def works_at(self, vip: str) -> bool:
        """Whether an address is its target's, its twin's or a new one's.

        What a plan only shows is in its facts and blast radius; an address among its parameters is
        one that it works at.
        """
        alone = re.compile(rf"(?<![\d.]){re.escape(vip)}(?![\d.])")
        return any(alone.search(value) for _, value in self.parameters)


def changes(before: tuple[Fact, ...], now: tuple[Fact, ...]) -> tuple[str, ...]:
    """Say in words which facts differ: `version: was 4.20.0, is 4.22.0`."""
    old = {fact.name: fact.value for fact in before}
    new = {fact.name: fact.value for fact in now}
    return tuple(
        f"{name}: was {old.get(name) or 'none'}, is {new.get(name) or 'none'}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    )


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """The world already is as wished, or the right thing is to leave it alone."""

    reason: str
    evidence: tuple[str, ...] = ()


def digest(value: object) -> str:
    """Return the SHA-256 of a value's canonical JSON (sorted keys, no spaces, UTF-8)."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no escapes of plain letters."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def in_words(items: Sequence[str]) -> str:
    """Join names the way a sentence does: `a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
