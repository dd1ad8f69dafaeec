"""Divides what one ILB carries over several: who goes where, and in which order it happens.

The order decides whether clients are served: the old rule removed before its name is moved, or the
name published before the new ILB serves, each cost about a second of refused connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.comparison import RuleChange
from bot.domain.names import DirectoryKind
from bot.domain.partition import Item, balanced, groups_in, in_groups, joined, weights_in
from bot.domain.plan import in_words
from bot.domain.rule_state import state_of
from bot.domain.service_view import ServiceView
from bot.domain.spec import TWIN_TAG
from bot.domain.twins import Move, offering_of_its_own
from bot.domain.units import Unit, find_unit, units_of
from bot.domain.vips import next_free
from bot.errors import Refused

INTO = 2
"""Into how many an ILB is split where nobody says: the fewest names are moved."""


class Basis(StrEnum):
    """On what a partition rests."""

    RATE = "new connections"
    OPEN = "open connections"
    GIVEN = "the weights given"
    ALIKE = "no client was seen, so all count alike"
    UNKNOWN = "what each carries is not known"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for, as it was written; all of it may be empty."""

    into: int = 0
    groups: str = ""
    weights: str = ""
    together: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What one of the ILBs carries afterwards; `share` of all (0 to 1), None where not known."""

    vip: str
    labels: tuple[str, ...]
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """One service on its way to another VIP: rules made there, names moved, rules removed here."""

    label: str
    vip: str
    builds: tuple[RuleChange, ...]
    moves: tuple[Move, ...]
    removes: tuple[RuleChange, ...]

    @property
    def ports(self) -> tuple[int, ...]:
        """Its ports, the same on both addresses."""
        return tuple(one.port for one in self.builds)


@dataclass(frozen=True, slots=True)
class Splitting:
    """A partition of an ILB; `parts` begins with what stays. `passages` are in their order.

    `offering_id` is what a new machine must be given, `""` where it comes with it. `rates` are
    the weights by label on which the parts rest, by `basis`, counted for `counted_s`.
    """

    tier_id: str
    vip: str
    parts: tuple[Part, ...]
    passages: tuple[Passage, ...]
    offering_id: str = ""
    basis: Basis = Basis.UNKNOWN
    rates: tuple[tuple[str, float], ...] = ()
    counted_s: int = 0

    @property
    def vips(self) -> tuple[str, ...]:
        """The new addresses."""
        return tuple(part.vip for part in self.parts[1:])

    @property
    def groups(self) -> str:
        """The partition as a person may write it."""
        return in_groups([part.labels for part in self.parts])

    def of(self, vip: str) -> tuple[Passage, ...]:
        """Return what goes to a new address."""
        return tuple(one for one in self.passages if one.vip == vip)


class Do(StrEnum):
    """One act of a split."""

    BUILD = "build"
    PROVE = "prove"
    PUBLISH = "publish"
    QUIET = "quiet"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Stage:
    """One act on the ILB at a new address, or on the passage of one service there."""

    do: Do
    vip: str
    passage: Passage | None = None


def stages(found: Splitting) -> tuple[Stage, ...]:
    """Return what is done, in order: all is built and proven before the first name moves.

    Then one service after the other goes: its names, its clients, its old rules.
    """
    return (
        *(Stage(Do.BUILD, vip) for vip in found.vips),
        *(Stage(Do.PROVE, vip) for vip in found.vips),
        *(Stage(do, one.vip, one) for one in found.passages
          for do in (Do.PUBLISH, Do.QUIET, Do.REMOVE)),
    )  # fmt: skip


def splitting(seen: ServiceView, wanted: Wanted) -> Splitting:
    """Return the partition that was asked for, or propose one by what each service carries.

    Raises `Refused` where there is nothing to divide, or nothing to go by.
    """
    units = units_of(seen)
    _refuse_one(seen, units)
    _refuse_unmovable(seen, units)
    _refuse_idle(seen)
    basis, rates = _rates(seen, units, wanted.weights)
    groups = _said(units, wanted) if wanted.groups else _proposed(seen, units, dict(rates), wanted)
    parts = _parts(seen, groups, dict(rates))
    by_label = {one.label: one for one in units}
    passages = tuple(
        _passage(seen, by_label[label], part.vip) for part in parts[1:] for label in part.labels
    )
    return Splitting(
        tier_id=seen.ilb.tier.id,
        vip=seen.ilb.vip,
        parts=parts,
        # The lightest first: what goes wrong goes wrong for few.
        passages=tuple(sorted(passages, key=lambda one: dict(rates).get(one.label, 0.0))),
        offering_id=offering_of_its_own(seen),
        basis=basis,
        rates=rates,
        counted_s=round(min((one.known_s for one in seen.loads), default=0.0)),
    )


def _refuse_one(seen: ServiceView, units: Sequence[Unit]) -> None:
    if len(units) > 1:
        return
    only = units[0].text if units else "no visible rule"
    raise Refused(
        f"{seen.ilb.name} carries one service, {only}: a DNS record moves every port of a name, "
        "so there is nothing to divide.",
        instead="A name of its own for each port that shall move, or a twin beside it (`pair`).",
    )


def _refuse_unmovable(seen: ServiceView, units: Sequence[Unit]) -> None:
    if any(not one.why_stays for one in units):
        return
    if seen.directory is DirectoryKind.NONE:
        raise Refused(
            "No directory is set, so no name can be moved, and a split moves names.",
            instead="Set directory.kind: rfc2136, or manual where a person changes the records.",
        )
    whys = in_words([f"{one.label}: {one.why_stays}" for one in units])
    raise Refused(
        f"No service on {seen.ilb.name} can be led to another address ({whys}).",
        instead="Introduce a name first: `provision` with an `fqdn:` for the service, published as "
        f"{seen.ilb.vip}; split once its clients use it. Until then give the whole ILB more CPU, "
        f"or a twin (`pair`): `can {seen.ilb.name}` says what is open.",
    )


def _refuse_idle(seen: ServiceView) -> None:
    idle = [str(one.source_port) for one in seen.ilb.rules if not one.is_active]
    if idle:
        raise Refused(
            f"The rule on port {in_words(idle)} of {seen.ilb.vip} has no member or is half done: "
            "it answers nobody, so nothing could be proven of it elsewhere.",
            instead="Assign a member, or remove the rule (`provision`), then split.",
        )


def _rates(
    seen: ServiceView, units: Sequence[Unit], given: str
) -> tuple[Basis, tuple[tuple[str, float], ...]]:
    if given:
        return Basis.GIVEN, _given(units, given)
    loads = {one.port: one for one in seen.loads}
    if not all(port in loads for unit in units for port in unit.ports):
        return Basis.UNKNOWN, ()
    for basis in (Basis.RATE, Basis.OPEN):
        found = tuple(
            (unit.label,
             sum(loads[p].per_s if basis is Basis.RATE else loads[p].open for p in unit.ports))
            for unit in units
        )  # fmt: skip
        if any(rate for _, rate in found):
            return basis, found
    return Basis.ALIKE, tuple((unit.label, 1.0) for unit in units)


def _given(units: Sequence[Unit], text: str) -> tuple[tuple[str, float], ...]:
    named = [(find_unit(units, label).label, weight) for label, weight in weights_in(text)]
    found = dict(named)
    if len(found) < len(named):
        raise Refused("The weight of one service is there twice, by two of its names.")
    if missing := [one.label for one in units if one.label not in found]:
        raise Refused(
            f"The weights leave out {in_words(missing)}.",
            instead="Give one for each: " + ",".join(f"{one.label}:1" for one in units) + ".",
        )
    return tuple((one.label, found[one.label]) for one in units)


def _proposed(
    seen: ServiceView, units: Sequence[Unit], rates: dict[str, float], wanted: Wanted
) -> tuple[tuple[str, ...], ...]:
    if not rates:
        example = ",".join(f"{one.label}:1" for one in units)
        raise Refused(
            f"What each service on {seen.ilb.name} carries is not known: nobody reads HAProxy's "
            "counters there (its stats page is not visible from a vantage point).",
            instead=f"Say it: `weights={example}` with what each carries, or the partition itself: "
            f"`groups={'|'.join(one.label for one in units)}`.",
        )
    together = _affinity(units, wanted.together)
    every = [Item((one.label,), rates[one.label], bool(one.why_stays)) for one in units]
    items = joined(every, together)
    into = wanted.into or INTO
    if len(items) < into:
        raise Refused(
            f"What {seen.ilb.name} carries can be divided into {len(items)} at most"
            f"{_why_no_more(units, together)}, not into {into}.",
            instead=f"`into={len(items)}`." if len(items) > 1 else "A twin beside it (`pair`).",
        )
    return tuple(one.labels for one in balanced(items, into))


def _why_no_more(units: Sequence[Unit], together: Sequence[Sequence[str]]) -> str:
    stay = [f"{one.label} stays, as {one.why_stays}" for one in units if one.why_stays]
    kept = [f"{in_words(one)} stay together" for one in together]
    return f" ({in_words([*stay, *kept])})" if stay or kept else ""


def _affinity(units: Sequence[Unit], text: str) -> tuple[tuple[str, ...], ...]:
    if not text:
        return ()
    return tuple(
        tuple(dict.fromkeys(find_unit(units, word).label for word in group))
        for group in groups_in(text)
    )


def _said(units: Sequence[Unit], wanted: Wanted) -> tuple[tuple[str, ...], ...]:
    """Return the groups a person named; who is not named stays."""
    named = [[find_unit(units, word) for word in group] for group in groups_in(wanted.groups)]
    every = [one.label for group in named for one in group]
    if twice := sorted({label for label in every if every.count(label) > 1}):
        raise Refused(f"{in_words(twice)} would be in two groups.", instead="Name each once.")
    if len(named) < 2 or (wanted.into and wanted.into != len(named)):
        raise Refused(
            f"“{wanted.groups}” is {len(named)} group{'s' if len(named) > 1 else ''}"
            f"{f', not {wanted.into}' if wanted.into else ''}.",
            instead="Write one group for each ILB, like `web,api|admin`: the first one stays.",
        )
    for one in (unit for group in named[1:] for unit in group if unit.why_stays):
        raise Refused(
            f"{one.text} cannot be moved: {one.why_stays}.",
            instead="Leave it in the first group, which stays, or give it a name of its own first.",
        )
    rest = [one.label for one in units if one.label not in every]
    groups = [[one.label for one in group] for group in named]
    made = tuple(tuple(sorted(one)) for one in ([*groups[0], *rest], *groups[1:]))
    for kept in _affinity(units, wanted.together):
        if not any(set(kept) <= set(group) for group in made):
            raise Refused(f"{in_words(kept)} are to stay together, and the groups part them.")
    return made


def _parts(
    seen: ServiceView, groups: Sequence[tuple[str, ...]], rates: dict[str, float]
) -> tuple[Part, ...]:
    vips = [seen.ilb.vip]
    for _ in groups[1:]:
        vips.append(next_free(seen.site, vips))
    whole = sum(rates.values())
    return tuple(
        Part(vip, labels, sum(rates[label] for label in labels) / whole if whole else None)
        for vip, labels in zip(vips, groups, strict=True)
    )


def _passage(seen: ServiceView, unit: Unit, vip: str) -> Passage:
    site, old = seen.site, seen.ilb.vip
    rules = [rule for rule in site.rules_on(old) if rule.source_port in unit.ports]
    states = [state_of(rule, site.stickiness_of(rule)) for rule in rules]
    return Passage(
        unit.label,
        vip,
        builds=tuple(
            RuleChange(vip, rule.source_port, None, state.tagged(TWIN_TAG, "").signed())
            for rule, state in zip(rules, states, strict=True)
        ),
        moves=tuple(
            Move(record, record.with_addresses(vip))
            for record in (seen.record(name) for name in unit.names)
        ),
        removes=tuple(
            RuleChange(old, rule.source_port, state, None)
            for rule, state in zip(rules, states, strict=True)
        ),
    )
