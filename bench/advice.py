"""Measures how often the advisor is right: against labels that a queueing model solved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench import advice_model
from bench.advice_cases import ASIDE, TUNED, Case, Ranges, table
from bench.table import Row, Table
from bot.domain.advice import Advice, advise
from bot.domain.counted import MemberTimes
from bot.domain.demand import Cpu, Demand, HostLoad, ServiceLoad, Size
from bot.domain.remedies import Remedy

TUNED_SEEDS, ASIDE_SEEDS = (11, 12), (9001, 9002, 9003)
"""Nothing was ever chosen by looking at what comes of the latter."""
COUNT = 1000
_NAMES = {Remedy.MEMBERS: "members"}


@dataclass(frozen=True, slots=True)
class Score:
    """How a set of cases went."""

    right: int = 0
    wrong: int = 0
    abstained: int = 0

    @property
    def total(self) -> int:
        """All cases."""
        return self.right + self.wrong + self.abstained

    def part(self, count: int) -> float:
        """Return a count as a part of all cases."""
        return count / self.total


def measure() -> tuple[Table, Table]:
    """Return two tables: how often it is right, and what it said where."""
    tuned, aside = cases(TUNED_SEEDS, TUNED), cases(ASIDE_SEEDS, ASIDE)
    rows = []
    for name, found in (("tuned", tuned), ("kept aside", aside)):
        known = [one for one in found if not one.missing]
        lacking = [one for one in found if one.missing]
        rows += [
            _row(f"{name}, all known", score(known)),
            _row(f"{name}, something missing", score(lacking)),
            _row(f"{name}, all known, by CPU alone", score(known, by_cpu_alone)),
        ]
    title = "advice: against the labels of a queueing model"
    return Table(title, _HEADINGS, tuple(rows)), _said(aside)


def cases(seeds: Iterable[int], ranges: Ranges, count: int = COUNT) -> list[Case]:
    """Return the cases of some seeds."""
    return [one for seed in seeds for one in table(seed, count, ranges)]


def score(some: Iterable[Case], ask: Callable[[Case], Remedy] | None = None) -> Score:
    """Count right, wrong and abstained."""
    counts = Counter(verdict(one, ask or _advisor) for one in some)
    return Score(counts["right"], counts["wrong"], counts["abstained"])


def verdict(case: Case, ask: Callable[[Case], Remedy]) -> str:
    """Say how the advisor did on one case, or whoever else is asked."""
    said = ask(case)
    if said is Remedy.UNKNOWN:
        return "abstained"
    return "right" if _name(said) in case.right else "wrong"


def by_cpu_alone(case: Case) -> Remedy:
    """Say what a plain alert rule does: a larger machine above 70 % CPU."""
    cpu = case.seen.cpu
    if cpu is None:
        return Remedy.UNKNOWN
    return Remedy.RESIZE if cpu > 70 else Remedy.NOTHING


def _advisor(case: Case) -> Remedy:
    return answer(case).remedy


def answer(case: Case) -> Advice:
    """Ask the advisor about what was seen of a case."""
    return advise(demand(case))


def demand(case: Case) -> Demand:
    """Put what was seen of a case in the advisor's words."""
    system, seen = case.system, case.seen
    return Demand(
        is_router=system.router,
        cpu=Cpu(seen.cpu, seen.p95, 600.0) if seen.cpu is not None else None,
        services=() if system.router else tuple(_services(case)),
        size=_size(system.size) if seen.size_known else None,
        larger=tuple(_size(one) for one in system.larger) if seen.offerings_known else None,
        host=_host(case) if seen.host_known else None,
        twin="10.0.0.11" if system.twin else "",
        is_pair=system.pair,
        new_size=_size(advice_model.NEW),
        response_target_s=advice_model.RESPONSE_S,
    )


def _services(case: Case) -> Iterable[ServiceLoad]:
    seen = case.seen
    for number, one in enumerate(case.system.services):
        latency = None
        if seen.connect_s is not None:
            latency = MemberTimes(0.0, seen.connect_s[number], seen.response_s[number])
        yield ServiceLoad(
            port=80 + number,
            name=one.name,
            per_s=seen.rates[number] if seen.counted else None,
            open=seen.open[number] if seen.counted else 0,
            bits_per_s=seen.bits[number] if seen.counted else 0.0,
            latency=latency,
        )


def _host(case: Case) -> HostLoad:
    busy = tuple(f"v-{number}-VM" for number in range(case.system.busy))
    system = case.system
    return HostLoad("kvm-1", case.seen.host_cpu, system.host_mhz, busy, system.spare)


def _size(one: advice_model.Size) -> Size:
    return Size(one.cpus, one.mhz, one.capped, name=f"{one.cpus}x{one.mhz}")


def _name(remedy: Remedy) -> str:
    return _NAMES.get(remedy, remedy.value)


_HEADINGS = ("cases", "right", "wrong", "abstained", "right of said")


def _row(name: str, found: Score) -> Row:
    said = found.right + found.wrong
    return Row(
        name,
        (
            str(found.total),
            f"{found.part(found.right):.1%}",
            f"{found.part(found.wrong):.1%}",
            f"{found.part(found.abstained):.1%}",
            f"{found.right / said:.1%}" if said else "-",
        ),
    )


def _said(found: list[Case]) -> Table:
    """Lay out what the advisor said by what the model says, where nothing is missing."""
    known = [one for one in found if not one.missing]
    said = [*(_name(one) for one in Remedy)]
    counts = Counter((_label(one), _name(answer(one).remedy)) for one in known)
    labels = sorted({label for label, _ in counts})
    rows = tuple(Row(label, tuple(str(counts[label, one]) for one in said)) for label in labels)
    return Table(
        "advice: labels (rows) and what was said, kept aside, all known", tuple(said), rows
    )


def _label(case: Case) -> str:
    return " or ".join(sorted(case.right))
