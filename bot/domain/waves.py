"""Groups targets into waves: one alone first, then more at once, never two that fail together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pydantic import TypeAdapter

from bot.domain.operation import Outcome
from bot.domain.plan import Plan

LOTS = "lots"
"""The parameter of a plan that holds its lots, as JSON."""
WELL = frozenset({Outcome.DONE, Outcome.NOTHING_TO_DO})
"""Ends after which a target is as it was wished to be."""
_NO_FAILURE = WELL | {Outcome.STALE, Outcome.EXPIRED, Outcome.REJECTED}


class Toll(IntEnum):
    """What a change of one target costs those who use it, from the gentlest on."""

    NOTHING = 0
    OPEN_CONNECTIONS = 1
    ONE_OF_TWO = 2
    """An address of two is not served; nothing leads clients to the other one."""
    EVERYTHING = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target that is to be changed.

    `domains` are what it shares with others so that they could fail together: its lane, the hosts
    of its machines, the names it serves. `machines` are the ids of its machines.
    """

    target_id: str
    name: str
    lane: str
    way: str
    version: str
    toll: Toll
    weight: int
    """How much hangs on it, to compare: its rules."""
    domains: frozenset[str]
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lot:
    """One target of an approved plan, and what its change was promised to be; waves go from 1."""

    number: str
    wave: int
    target_id: str
    name: str
    way: str
    version: str
    toll: Toll
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How the change of one lot ended; without an outcome it did not end in its time."""

    number: str
    outcome: Outcome | None
    reason: str

    @property
    def is_well(self) -> bool:
        """Whether its target is as wished."""
        return self.outcome in WELL

    @property
    def spends(self) -> bool:
        """Whether it counts against the error budget.

        One that was not begun since the world changed, its turn did not come or all was stopped
        is no error of the change.
        """
        return self.outcome not in _NO_FAILURE


def waves(candidates: Iterable[Candidate], cap: int) -> tuple[tuple[Candidate, ...], ...]:
    """Group candidates: 1 alone, then at most 1, 2, 4 and so on up to `cap`, each once.

    No two of a wave share a domain, so a wave may be smaller than it might. The first is the one
    that costs least; later ones come from where most are left, so that the number of waves stays
    small. The order in which candidates are given does not matter.
    """
    left = sorted(candidates, key=_gentlest_first)
    found: list[tuple[Candidate, ...]] = []
    while left:
        size = min(cap, 2 ** max(0, len(found) - 1))
        order = left if not found else sorted(left, key=_Crowding(left))
        wave = _apart(order, size)
        found.append(wave)
        taken = {one.target_id for one in wave}
        left = [one for one in left if one.target_id not in taken]
    return tuple(found)


def _gentlest_first(one: Candidate) -> tuple[int, int, str, str]:
    return one.toll, one.weight, one.name, one.target_id


class _Crowding:
    """A sort key: first those whose domains hold back most others, then the gentlest."""

    def __init__(self, left: Sequence[Candidate]) -> None:
        self._shared = Counter(domain for one in left for domain in one.domains)

    def __call__(self, one: Candidate) -> tuple[int, int, int, str, str]:
        crowd = max((self._shared[domain] for domain in one.domains), default=0)
        return -crowd, *_gentlest_first(one)


def _apart(order: Iterable[Candidate], size: int) -> tuple[Candidate, ...]:
    taken: set[str] = set()
    wave: list[Candidate] = []
    for one in order:
        if len(wave) == size:
            break
        if taken.isdisjoint(one.domains):
            wave.append(one)
            taken |= one.domains
    return tuple(wave)


def lots(found: Sequence[Sequence[Candidate]]) -> tuple[Lot, ...]:
    """Number the candidates of all waves in their order."""
    inside = [(wave, one) for wave, candidates in enumerate(found, 1) for one in candidates]
    return tuple(
        Lot(f"{number:02d}", wave, one.target_id, one.name, one.way, one.version, one.toll,
            one.machines)
        for number, (wave, one) in enumerate(inside, 1)
    )  # fmt: skip


_LOTS: TypeAdapter[tuple[Lot, ...]] = TypeAdapter(tuple[Lot, ...])


def lots_in(planned: Plan) -> tuple[Lot, ...]:
    """Return the lots of a plan; one that is no fleet's has none."""
    text = planned.parameter(LOTS)
    return _LOTS.validate_json(text) if text else ()


def as_parameter(found: tuple[Lot, ...]) -> tuple[str, str]:
    """Return lots as a parameter of a plan."""
    return LOTS, _LOTS.dump_json(found).decode()


def waves_in(planned: Plan) -> tuple[tuple[Lot, ...], ...]:
    """Return the lots of a plan, wave by wave."""
    every = lots_in(planned)
    count = max((one.wave for one in every), default=0)
    return tuple(
        tuple(one for one in every if one.wave == number) for number in range(1, count + 1)
    )
