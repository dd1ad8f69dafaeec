"""Says what an ILB carries that can be moved on its own: services, by the names that clients use.

A DNS record moves every port of a name, so rules that share a name move together; so do the rules
of one service, whatever names they have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.domain.cloud import LbRule
from bot.domain.names import DirectoryKind
from bot.domain.plan import in_words
from bot.domain.service_view import ServiceView
from bot.domain.site import names_in
from bot.domain.spec import NAME_TAG, SERVICE_TAG
from bot.domain.spelling import goes_by, nearest, quoted
from bot.errors import Refused


@dataclass(frozen=True, slots=True)
class Unit:
    """Rules of one VIP that can only be moved together; `label` is what people call them.

    `why_stays` says why its clients cannot be led to another address, `""` where they can.
    """

    label: str
    ports: tuple[int, ...]
    names: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    why_stays: str = ""

    @property
    def called(self) -> frozenset[str]:
        """What it goes by when somebody types it."""
        return frozenset({self.label, *self.services, *self.names, *map(str, self.ports)})

    @property
    def text(self) -> str:
        """Say it with its ports: `web (ports 80 and 443)`."""
        word = "port" if len(self.ports) == 1 else "ports"
        return f"{self.label} ({word} {in_words([str(one) for one in self.ports])})"


def units_of(seen: ServiceView) -> tuple[Unit, ...]:
    """Return what an ILB carries, by the lowest port of each."""
    groups: list[list[LbRule]] = []
    for rule in seen.ilb.rules:
        mine = _ties(rule)
        tied = [group for group in groups if any(mine & _ties(other) for other in group)]
        groups = [group for group in groups if group not in tied]
        groups.append([*(one for group in tied for one in group), rule])
    units = sorted((_unit(seen, group) for group in groups), key=lambda one: one.ports)
    return _told_apart(tuple(units))


def _told_apart(units: tuple[Unit, ...]) -> tuple[Unit, ...]:
    """Give those that would be called alike their lowest port: a service may be named anything."""
    alike = Counter(one.label for one in units)
    if len(alike) == len(units):
        return units
    return _told_apart(
        tuple(
            replace(one, label=f"{one.label}-{one.ports[0]}") if alike[one.label] > 1 else one
            for one in units
        )
    )


def find_unit(units: Iterable[Unit], typed: str) -> Unit:
    """Return the unit that goes by what was typed; `Refused` with the choices where none does."""
    every = tuple(units)
    hits = [one for one in every if one.label == typed.strip()]
    hits = hits or [one for one in every if goes_by(typed, (one.label,))]
    hits = hits or [one for one in every if goes_by(typed, one.called)]
    if not hits:
        near = nearest(typed, {name for one in every for name in one.called})
        choices = in_words([one.label for one in every])
        hint = f"Did you mean `{near}`?" if near else f"There is {choices}."
        raise Refused(f"No service on this ILB is called {quoted(typed)}.", instead=hint)
    if len(hits) > 1:
        raise Refused(
            f"{quoted(typed)} may be {' or '.join(one.text for one in hits)}.",
            instead="Say it as it is written, or by its port.",
        )
    return hits[0]


def _ties(rule: LbRule) -> frozenset[tuple[str, str]]:
    services = {tag for tag in rule.tags if tag[0] == SERVICE_TAG and tag[1]}
    return frozenset(services | {(NAME_TAG, name) for name in names_in((rule,))})


def _unit(seen: ServiceView, rules: list[LbRule]) -> Unit:
    names = names_in(rules)
    services = tuple(sorted({v for rule in rules for k, v in rule.tags if k == SERVICE_TAG and v}))
    ports = tuple(sorted(rule.source_port for rule in rules))
    label = "+".join(services) or (names[0] if names else f"port-{ports[0]}")
    return Unit(label, ports, names, services, _why_stays(seen, rules, names))


def _why_stays(seen: ServiceView, rules: list[LbRule], names: tuple[str, ...]) -> str:
    bare = [rule.source_port for rule in rules if not names_in((rule,))]
    if bare:
        return f"clients of port {in_words([str(one) for one in sorted(bare)])} have the bare " \
            "address"  # fmt: skip
    if seen.directory is DirectoryKind.NONE:
        return "no directory is set, so no name can be moved"
    for name in names:
        published = seen.record(name).addresses
        if not published:
            return f"{name} is not published"
        if published != (seen.ilb.vip,):
            return f"{name} is published as {in_words(published)}"
    return ""
