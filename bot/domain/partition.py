"""Divides weighted things into groups of nearly equal weight, or by what a person said; arithmetic.

The heaviest goes first to whatever group is lightest then (Graham, "Bounds on Multiprocessing
Timing Anomalies", 1969): the heaviest of m groups is at most 4/3 - 1/(3m) of the least possible.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import Refused

GROUP, MEMBER, OF = "|", ",", ":"
"""How groups are written: `web,api|admin`; and weights: `web:3,api:1`."""
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class Item:
    """Labels that stay together, and their weight; one that `stays` is in the first group."""

    labels: tuple[str, ...]
    weight: float
    stays: bool = False


def balanced(items: Sequence[Item], into: int) -> tuple[Item, ...]:
    """Return `into` groups, none empty; the first is the one that stays.

    That is the one with what stays, else the heaviest: the least is moved. At most one of `items`
    stays, and there are at least `into` of them. The same items give the same groups in whatever
    order they come.
    """
    groups: list[list[Item]] = [[] for _ in range(into)]
    for item in sorted(items, key=lambda one: (-one.weight, one.labels)):
        # By count too: things without weight must not leave a group empty.
        lightest = min(groups, key=lambda group: (_weight(group), len(group)))
        lightest.append(item)
    made = [_joined(group) for group in groups]
    return tuple(sorted(made, key=lambda one: (not one.stays, -one.weight, one.labels)))


def joined(items: Sequence[Item], together: Sequence[Sequence[str]]) -> tuple[Item, ...]:
    """Return the items with those made one that must stay together; all that stay are one."""
    sets = [set(one) for one in together]
    sets.append({label for item in items if item.stays for label in item.labels})
    found: list[list[Item]] = []
    for item in items:
        mine = [item]
        for group in list(found):
            labels = {label for one in group for label in one.labels}
            if any(one & labels and one & set(item.labels) for one in sets):
                found.remove(group)
                mine = [*group, *mine]
        found.append(mine)
    return tuple(_joined(group) for group in found)


def groups_in(text: str) -> tuple[tuple[str, ...], ...]:
    """Read `web,api|admin`; raises `Refused` where a group is empty."""
    groups = tuple(
        tuple(word.strip() for word in group.split(MEMBER)) for group in text.split(GROUP)
    )
    if not all(word for group in groups for word in group):
        raise Refused(
            f"“{text}” names no groups of services.",
            instead="Write them like `web,api|admin`: the first group stays where it is.",
        )
    return groups


def in_groups(groups: Sequence[Sequence[str]]) -> str:
    """Write groups as `groups_in` reads them."""
    return GROUP.join(MEMBER.join(group) for group in groups)


def weights_in(text: str) -> tuple[tuple[str, float], ...]:
    """Read `web:3,api:1`; raises `Refused` for what is no positive number, or said twice."""
    found: dict[str, float] = {}
    for part in text.split(MEMBER):
        label, _, number = (word.strip() for word in part.rpartition(OF))
        if not label or not _NUMBER.fullmatch(number) or not float(number):
            raise Refused(
                f"“{part.strip()}” is no weight.",
                instead="Write them like `web:3,api:1`: how much each service carries.",
            )
        if label in found:
            raise Refused(f"The weight of {label} is there twice.")
        found[label] = float(number)
    return tuple(found.items())


def _weight(items: Sequence[Item]) -> float:
    return sum(one.weight for one in items)


def _joined(items: Sequence[Item]) -> Item:
    labels = tuple(sorted(label for one in items for label in one.labels))
    return Item(labels, _weight(items), any(one.stays for one in items))
