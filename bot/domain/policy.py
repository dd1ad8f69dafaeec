"""Who may ask for what, who may decide on it, and what may happen by itself; pure.

What no policy mentions is observed: planned and told, never done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from bot.domain.cloud import IlbVm, Tier
from bot.domain.operation import Mode, Source
from bot.domain.plan import Target, in_words

EVERYTHING = "*"
CAUTION = (Mode.OBSERVE, Mode.SUGGEST, Mode.APPROVE, Mode.AUTOMATIC)
"""Modes from the most careful on."""
PEOPLE = frozenset({Source.SLACK, Source.CLI})
"""Sources through which a person asks."""


class IncidentKind(StrEnum):
    """What can be wrong with an ILB or with routers, as policies name it."""

    ILB_STOPPED = "ilb-stopped"
    ILB_MISSING = "ilb-missing"
    ILB_STUCK_STOPPING = "ilb-stuck-stopping"
    ILB_FAILING = "ilb-failing"
    ROUTER_FAILING = "router-failing"
    ROUTER_STOPPED = "router-stopped"


class Power(StrEnum):
    """What a role lets people do within its runbooks and targets."""

    REQUEST = "request"
    APPROVE = "approve"
    ADMIN = "admin"
    """Stop and resume the bot."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What targets are matched by: the ids it has, and its names, which identify nothing."""

    ids: frozenset[str]
    vpc: str
    tier: str

    @classmethod
    def of(cls, tier: Tier, vm: IlbVm | None = None) -> Scope:
        """Return the scope of a tier, and of one ILB VM in it."""
        ids = {tier.id, tier.vpc_id} | ({vm.id} if vm else set())
        return cls(frozenset(ids - {""}), tier.vpc_name, tier.name)

    @classmethod
    def of_target(cls, target: Target) -> Scope:
        """Return the scope of what a plan is for."""
        ids = frozenset({target.id, target.tier_id, target.vpc_id} - {""})
        return cls(ids, target.vpc, target.tier)


@dataclass(frozen=True, slots=True)
class Targets:
    """Ids (in lower case) of VPCs, tiers or ILB VMs, and `VPC/TIER` name patterns.

    A pattern may hold `*`, `?` and `[…]`, as file names do in a shell.
    """

    ids: frozenset[str] = frozenset()
    names: tuple[tuple[str, str], ...] = ()
    everything: bool = False

    def __contains__(self, scope: Scope) -> bool:
        """Whether a scope is meant; the case of letters counts in names, as in CloudStack."""
        ids = {one.lower() for one in scope.ids}
        return self.everything or bool(self.ids & ids) or self._named(scope)

    def _named(self, scope: Scope) -> bool:
        return any(
            fnmatchcase(scope.vpc, vpc) and fnmatchcase(scope.tier, tier)
            for vpc, tier in self.names
        )

    @property
    def are_exact(self) -> bool:
        """Whether they are ids only, at least one: names may be given twice in CloudStack."""
        return bool(self.ids) and not self.names and not self.everything


@dataclass(frozen=True, slots=True)
class Role:
    """Powers over some runbooks (`*` for all) on some targets."""

    name: str
    powers: frozenset[Power]
    runbooks: frozenset[str]
    targets: Targets

    def allows(self, power: Power, runbook: str, scope: Scope) -> bool:
        """Whether it gives that power over that runbook there."""
        about = runbook in self.runbooks or EVERYTHING in self.runbooks
        return power in self.powers and about and scope in self.targets


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the policies know by their Slack user id, and by a login of the bot's machine."""

    id: str
    name: str
    roles: frozenset[str]
    login: str = ""


@dataclass(frozen=True, slots=True)
class RunbookPolicy:
    """How far a runbook may go; `approvers` names a role, empty for any that may approve.

    `automatic_on` are the targets where `AUTOMATIC` holds; elsewhere it means `APPROVE`.
    """

    runbook: str
    mode: Mode = Mode.OBSERVE
    approvers: str = ""
    expiry_s: float = 3600.0
    cooldown_s: float = 1800.0
    automatic_on: Targets = field(default_factory=Targets)


@dataclass(frozen=True, slots=True)
class IncidentPolicy:
    """What an incident leads to; never further than its runbook's own policy goes."""

    kind: IncidentKind
    runbook: str
    mode: Mode = Mode.OBSERVE


@dataclass(frozen=True, slots=True)
class Allowed:
    """Yes, by the authority of that role."""

    role: str


@dataclass(frozen=True, slots=True)
class Denied:
    """No; `who_may` are the names of the people who may."""

    why: str
    who_may: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.who_may:
            return f"{self.why}. Nobody in the policies may."
        return f"{self.why}. {in_words(self.who_may)} may."


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies in force; `version` is a hash of the text they were read from."""

    version: str = "none"
    people: tuple[Person, ...] = ()
    roles: tuple[Role, ...] = ()
    runbooks: Mapping[str, RunbookPolicy] = field(default_factory=dict)
    incidents: Mapping[IncidentKind, IncidentPolicy] = field(default_factory=dict)

    def person(self, person_id: str) -> Person | None:
        """Return the person with that Slack user id."""
        return next((one for one in self.people if one.id == person_id), None)

    def person_of(self, login: str) -> Person | None:
        """Return the person who has that login where the bot runs."""
        return next((one for one in self.people if login and one.login == login), None)

    def runbook(self, name: str) -> RunbookPolicy:
        """Return the policy of a runbook; one that is not mentioned observes."""
        return self.runbooks.get(name) or RunbookPolicy(name)

    def may_request(self, person_id: str, runbook: str, target: Scope) -> Allowed | Denied:
        """Say whether a person may ask for a runbook on a target."""
        role = self._role_for(person_id, Power.REQUEST, runbook, target)
        if role:
            return Allowed(role)
        why = self._why_not(person_id, f"may not ask for {runbook} {_on(target)}")
        return Denied(why, self._who(Power.REQUEST, runbook, target))

    def may_decide(
        self, person_id: str, requested_by: str, runbook: str, target: Scope
    ) -> Allowed | Denied:
        """Say whether a person may approve or reject what somebody asked for.

        `requested_by` is empty where nobody did. Nobody decides on their own wish.
        """
        who = tuple(
            person.name
            for person in self.people
            if person.id != requested_by and self._decider_role(person.id, runbook, target)
        )
        if person_id and person_id == requested_by:
            return Denied(f"{self._name(person_id)} asked for it, so somebody else decides", who)
        role = self._decider_role(person_id, runbook, target)
        if role:
            return Allowed(role)
        return Denied(self._why_not(person_id, f"may not decide on {runbook} {_on(target)}"), who)

    def may_administer(self, person_id: str) -> Allowed | Denied:
        """Say whether a person may stop and resume the bot."""
        for role in self._roles_of(person_id):
            if Power.ADMIN in role.powers:
                return Allowed(role.name)
        admins = {role.name for role in self.roles if Power.ADMIN in role.powers}
        who = tuple(person.name for person in self.people if person.roles & admins)
        return Denied(self._why_not(person_id, "may not administer the bot"), who)

    def mode_for(self, runbook: str, source: Source, target: Scope | None = None) -> Mode:
        """Return how far a runbook may go for a wish from that source.

        What no person asked for needs an incident's policy (`for_incident`): it is observed.
        `AUTOMATIC` needs a target that is listed for it by id.
        """
        if source not in PEOPLE:
            return Mode.OBSERVE
        policy = self.runbook(runbook)
        return _where_listed(policy, policy.mode, target)

    def for_incident(
        self, kind: IncidentKind, target: Scope | None = None
    ) -> IncidentPolicy | None:
        """Return what an incident leads to on a target, None where no policy mentions it."""
        incident = self.incidents.get(kind)
        if incident is None:
            return None
        policy = self.runbook(incident.runbook)
        mode = min(incident.mode, policy.mode, key=CAUTION.index)
        return IncidentPolicy(kind, incident.runbook, _where_listed(policy, mode, target))

    def _roles_of(self, person_id: str) -> tuple[Role, ...]:
        person = self.person(person_id)
        return tuple(r for r in self.roles if person and r.name in person.roles)

    def _role_for(self, person_id: str, power: Power, runbook: str, target: Scope) -> str:
        roles = self._roles_of(person_id)
        return next((r.name for r in roles if r.allows(power, runbook, target)), "")

    def _decider_role(self, person_id: str, runbook: str, target: Scope) -> str:
        named = self.runbook(runbook).approvers
        for role in self._roles_of(person_id):
            if named in {"", role.name} and role.allows(Power.APPROVE, runbook, target):
                return role.name
        return ""

    def _who(self, power: Power, runbook: str, target: Scope) -> tuple[str, ...]:
        return tuple(p.name for p in self.people if self._role_for(p.id, power, runbook, target))

    def _why_not(self, person_id: str, what: str) -> str:
        if self.person(person_id) is None:
            return f"The policies do not know {person_id or 'this person'}"
        return f"{self._name(person_id)} {what}"

    def _name(self, person_id: str) -> str:
        person = self.person(person_id)
        return person.name if person else person_id


def _where_listed(policy: RunbookPolicy, mode: Mode, target: Scope | None) -> Mode:
    if mode is not Mode.AUTOMATIC:
        return mode
    is_listed = (
        target is not None and policy.automatic_on.are_exact and target in policy.automatic_on
    )
    return Mode.AUTOMATIC if is_listed else Mode.APPROVE


def _on(target: Scope) -> str:
    if not target.tier:
        return f"on all of {target.vpc}" if target.vpc else "on a whole zone"
    return f"on {target.vpc}/{target.tier}"
