"""The plan of `roll-fleet`: which targets are due, how each would go, in which waves, at what cost.

Each target is planned by `roll` itself, on what a bulk reading shows of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.fleet_view import FleetView
from bot.domain.operation import Wish
from bot.domain.page import duration
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.spec import NAME_TAG, SERVICE_TAG
from bot.domain.waves import Candidate, Lot, Toll, as_parameter, lots, waves
from bot.errors import Refused
from workflows import roll
from workflows.roll_fleet_words import some

NAME = "roll-fleet"
TOLLS = {
    Toll.NOTHING: "without an outage",
    Toll.OPEN_CONNECTIONS: "a hand-over that cuts open connections once",
    Toll.ONE_OF_TWO: "an outage of one address after the other",
    Toll.EVERYTHING: "an outage",
}
_WAYS = {
    "twins": "one twin after the other",
    "outage of twins": "one twin after the other, an outage of each address",
    "beside": "beside a temporary twin",
    "outage": "an outage of a stop and a start",
    "pair": "the standby first, then the hand-over",
    "lone": "an outage of all behind it",
}
_BY_WAY = {"pair": Toll.OPEN_CONNECTIONS, "outage of twins": Toll.ONE_OF_TWO}
_LISTED = 20
"""So many targets that are left out are told one by one on the card."""


@dataclass(frozen=True, slots=True)
class Due:
    """A target that is to be rolled, and its own plan as far as the snapshot tells."""

    candidate: Candidate
    planned: Plan


@dataclass(frozen=True, slots=True)
class Sorted:
    """Every target: due, at the version already, or not to be rolled, with the reason."""

    due: tuple[Due, ...]
    there: tuple[str, ...]
    skipped: tuple[str, ...]


def plan(seen: FleetView, wish: Wish) -> Plan | NothingToDo:
    """Plan, as `roll_fleet.plan` says."""
    found = _sorted(seen, wish)
    if not seen.views:
        raise Refused(
            f"{_capital(seen.reach.words)} has no ILB that could be rolled.",
            instead="`status` lists what there is.",
        )
    if not found.due and not found.there:
        raise Refused(f"Nothing of {seen.reach.words} can be rolled: {'; '.join(found.skipped)}.")
    if not found.due:
        told = tuple(f"left out: {one}" for one in found.skipped)
        return NothingToDo(f"Nothing of {seen.reach.words} is due.", (*found.there, *told))
    return _plan(seen, wish, found)


def toll_of(planned: Plan) -> Toll:
    """Return what a plan of `roll` costs those who use its target."""
    if planned.exposure.seconds == 0.0:
        return Toll.NOTHING
    return _BY_WAY.get(planned.parameter("way"), Toll.EVERYTHING)


def wish_of(lot: Lot, planned: Plan) -> Wish:
    """Return the wish for one target: to the version that was approved, whatever is set since."""
    because = f"part of the fleet of {planned.target.name}"
    return Wish(roll.NAME, lot.target_id, (("version", lot.version),), because)


def title(wave: Sequence[Lot]) -> str:
    """Name a wave."""
    number = wave[0].wave
    which = f"Wave {number}, the canary" if number == 1 else f"Wave {number}"
    return f"{which}: {some([one.name for one in wave])}"


def _plan(seen: FleetView, wish: Wish, found: Sorted) -> Plan:
    cap = int(wish.parameter("cap") or 4)
    budget = int(wish.parameter("budget") or 0)
    by_id = {one.candidate.target_id: one for one in found.due}
    order = waves([one.candidate for one in found.due], cap)
    every = lots(order)
    return Plan(
        runbook=NAME,
        target=seen.target,
        summary=_summary(seen, every, len(order)),
        facts=seen.facts(),
        steps=tuple(PlannedStep(_step(wave, every)) for wave in range(1, len(order) + 1)),
        exposure=_exposure([by_id[one.target_id].planned for one in every]),
        blast_radius=tuple(_touched(one) for one in every),
        warnings=_warnings(seen, found, budget),
        parameters=(
            as_parameter(every),
            ("targets", " ".join(sorted(one.target.id for one in seen.views))),
            ("version", in_words(sorted({one.version for one in every}))),
            ("cap", str(cap)),
            ("budget", str(budget)),
            ("routers", wish.parameter("routers")),
        ),
        by_person="one approval changes many targets",
    )


def _sorted(seen: FleetView, wish: Wish) -> Sorted:
    due, there, skipped = [], [], []
    for view in sorted(seen.views, key=lambda one: (one.target.name, one.target.id)):
        name = view.target.name
        try:
            planned = _planned(seen, view, wish)
        except Refused as no:
            skipped.append(f"{name}: {str(no).rstrip('.')}")
            continue
        if isinstance(planned, NothingToDo):
            there.append(planned.reason)
        else:
            due.append(Due(_candidate(view, planned), planned))
    return Sorted(tuple(due), tuple(there), tuple(skipped))


def _planned(seen: FleetView, view: ServiceView | RouterView, wish: Wish) -> Plan | NothingToDo:
    ids = _ids(view)
    if parked := next((operation for one, operation in seen.parked if one in ids), ""):
        raise Refused(
            f"Operation {parked} on it is parked: a fleet leaves it alone until a person has "
            "looked.",
            instead=f"`roll {view.target.name}` by itself, once that is done.",
        )
    version = wish.parameter("version")
    parameters = (("version", version),) if version else ()
    return roll.RUNBOOK.plan_for(view, Wish(roll.NAME, view.target.id, parameters))


def _ids(view: ServiceView | RouterView) -> set[str]:
    twin = view.twin.target.id if isinstance(view, ServiceView) and view.twin else ""
    return {view.target.id, twin} - {""}


def _candidate(view: ServiceView | RouterView, planned: Plan) -> Candidate:
    machines = _machines(view)
    hosts = {f"host {host}" if host else "a host that is not shown" for _, host in machines}
    return Candidate(
        target_id=view.target.id,
        name=view.target.name,
        lane=view.target.lane,
        way=planned.parameter("way"),
        version=planned.parameter("version"),
        toll=toll_of(planned),
        weight=len(view.ilb.rules) if isinstance(view, ServiceView) else len(view.tiers),
        domains=frozenset({view.target.lane, *hosts, *_services(view)}),
        machines=tuple(machine for machine, _ in machines),
    )


def _machines(view: ServiceView | RouterView) -> list[tuple[str, str]]:
    """Return each machine with its host."""
    if isinstance(view, RouterView):
        return [(one.id, one.host_id) for one in view.routers]
    vms = (one.vm for one in (view.ilb, view.twin) if one is not None)
    return [(vm.id, vm.host_id) for vm in vms if vm is not None]


def _services(view: ServiceView | RouterView) -> Iterable[str]:
    """Two ILBs of one name may be all that serves it, wherever they are."""
    if isinstance(view, ServiceView):
        yield from (f"{NAME_TAG} {name}" for name in view.names)
        tags = (tag for rule in view.ilb.rules for tag in rule.tags)
        yield from (f"{key} {value}" for key, value in tags if key == SERVICE_TAG and value)


def _summary(seen: FleetView, every: Sequence[Lot], count: int) -> str:
    versions = in_words(sorted({one.version for one in every}))
    targets = "1 target" if len(every) == 1 else f"{len(every)} targets"
    in_waves = "1 wave" if count == 1 else f"{count} waves"
    return f"Roll {targets} of {seen.reach.words} to version {versions}, in {in_waves}"


def _step(number: int, every: Sequence[Lot]) -> str:
    wave = [one for one in every if one.wave == number]
    which = f"Wave {number}, the canary" if number == 1 else f"Wave {number}"
    shown = [f"{one.name} ({_WAYS.get(one.way, one.way)})" for one in wave]
    return f"{which}: {in_words(shown)}"


def _touched(one: Lot) -> str:
    return f"{one.name}: {TOLLS[one.toll]}, to version {one.version}"


def _exposure(plans: Sequence[Plan]) -> Exposure:
    """Add up what the targets cost, one by one: at most, since those of a wave go together."""
    cut = [one for one in plans if one.exposure.seconds != 0.0]
    if not cut:
        return Exposure("nothing", 0.0, "of each, something else serves while it is renewed")
    what = f"{len(cut)} of {len(plans)} targets, each in its turn: "
    what += some([one.exposure.what for one in cut])
    unknown = sum(one.exposure.seconds is None for one in cut)
    if unknown:
        which = "none of them" if unknown == len(cut) else f"{len(cut) - unknown} of them only"
        evidence = f"not known: ilbot has measured earlier rolls of {which}"
        return Exposure(what, None, evidence)
    seconds = [one.exposure.seconds or 0.0 for one in cut]
    return Exposure(what, sum(seconds), f"all added up; the longest took {duration(max(seconds))}")


def _warnings(seen: FleetView, found: Sorted, budget: int) -> tuple[str, ...]:
    allowed = "as soon as one fails" if not budget else f"as soon as more than {budget} fail"
    warnings = [
        f"It stops {allowed}, or is unverified; what is renewed by then stays. Asking again goes "
        "on with what is left.",
    ]
    proven = [one for one in found.due if one.candidate.way in {"twins", "beside"}]
    if proven and not seen.is_watched:
        warnings.append(
            f"No vantage point looks, so nothing proves {some([d.candidate.name for d in proven])}"
            ": the first of them ends unverified and counts as failed."
        )
    if found.there:
        warnings.append(f"Already there: {some([one.rstrip('.') for one in found.there])}.")
    warnings += [f"Left out: {one}." for one in found.skipped[:_LISTED]]
    if more := found.skipped[_LISTED:]:
        warnings.append(f"Left out as well: {len(more)} more, each for its own reason.")
    return tuple(warnings)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
