"""How thinly each scenario is swept: the verbs of long ones are swept in full in short ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.workflows.other_ways import (
    OTHER_WAYS,
    RESIZE_NAMELESS,
    ROLL_NAMELESS,
    SPLIT_BY_WORD,
    TWIN_STOPPING,
)
from tests.workflows.resizes import ALIKE
from tests.workflows.scenarios import (
    AGAIN,
    BESIDE,
    BUILD,
    FLEET,
    PAIR,
    ROLL,
    STOPPED,
    TWIN_FAILING,
    TWIN_MISSING,
    TWIN_STOPPED,
    TWINS,
    UNPAIR,
)
from tests.workflows.splits import SPLIT
from tests.workflows.sweep import Scenario


@dataclass(frozen=True, slots=True)
class Pace:
    """Of how many deaths or troubles one is tried, at each kind of place.

    Where it is `in_turn`, each step dies at one point, each read at one moment, and each meets one
    trouble; the next one has the next. `planned` says that reads before the first change count.
    `deaths` is the least of them, or of troubles, that a sweep comes to: none is swept of nothing.
    """

    steps: int = 1
    changes: int = 1
    dying_reads: int = 3
    passing: int = 1
    failing: int = 1
    failing_reads: int = 5
    statements: int = 7
    in_turn: bool = False
    planned: bool = False
    deaths: int = 3


_MOST = Pace()
_LONG = Pace(dying_reads=7, failing_reads=7, statements=40, in_turn=True)
_THIN = Pace(
    steps=5, changes=3, dying_reads=13, passing=11, failing=2, failing_reads=13, statements=17,
    in_turn=True, deaths=1,
)  # fmt: skip
_PACES = {
    # planning and looking again read the same in the other scenarios of a runbook
    BUILD: replace(_MOST, planned=True),
    **dict.fromkeys(
        (ROLL, STOPPED), Pace(dying_reads=1, failing_reads=1, statements=1, planned=True)
    ),
    **dict.fromkeys((PAIR, AGAIN, UNPAIR, TWIN_STOPPED, TWIN_MISSING, FLEET, SPLIT), _LONG),
    # what is left out of one of these comes to the next one
    **dict.fromkeys((BESIDE, TWINS, TWIN_FAILING), replace(_LONG, passing=3)),
    **dict.fromkeys(ALIKE, replace(_LONG, steps=2, changes=5, passing=5)),
    **dict.fromkeys(OTHER_WAYS, _THIN),
    **dict.fromkeys(
        (SPLIT_BY_WORD, TWIN_STOPPING, ROLL_NAMELESS, RESIZE_NAMELESS),
        replace(_THIN, steps=11, changes=5, dying_reads=23, passing=17, failing=3, statements=80),
    ),
}  # fmt: skip


def pace_of(scenario: Scenario) -> Pace:
    """Return how thinly a scenario is swept."""
    return _PACES.get(scenario, _MOST)
