"""Turns what is known of a load into one advice: what to do about it, why, and why not the rest.

A saturated machine is not the only reason for slow answers, and a second machine is not always
more capacity: docs/ADVICE.md has the rules with their sources, and how often they are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.domain import remedies
from bot.domain.demand import (
    BACKLOG,
    SEVERAL,
    Demand,
    ServiceLoad,
    Size,
)
from bot.domain.demand_words import in_seconds
from bot.domain.plan import in_words
from bot.domain.remedies import Option, Remedy

ERROR = 0.05
"""What is measured may be off by so much; an advice that would then be another one is none."""
SLOW_CONNECT_S = 0.02
"""A connection to a member in the same network takes about a millisecond. More, while the CPU has
room, is time in which HAProxy did not get the CPU, or a member too full to take connections."""
UNEXPLAINED = 20.0
"""CPU this many times what such traffic takes by rule of thumb is not about the traffic."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, why, on which numbers; `against` says of every other remedy why not.

    `missing` names what would have to be known for more than "not enough evidence". A resize has
    a `size`, a split the names that it `moves`. `is_enough` is False where the best there is
    leaves too much. `also` are remarks.
    """

    remedy: Remedy
    reason: str
    against: tuple[tuple[Remedy, str], ...] = ()
    missing: tuple[str, ...] = ()
    size: Size | None = None
    moves: tuple[str, ...] = ()
    is_enough: bool = True
    also: tuple[str, ...] = ()


def advise(demand: Demand) -> Advice:
    """Choose the cheapest remedy that is enough; say what is missing where that cannot be told."""
    if missing := tuple(_missing(demand)):
        return _unknown(f"Without {in_words(missing)} nothing can be said.", missing)
    chosen = _choose(demand, 0)
    if chosen.remedy is Remedy.UNKNOWN:
        return chosen
    others = {_choose(demand.times(1 + lean * ERROR), lean).remedy for lean in (-1, 1)}
    others -= {chosen.remedy}
    if others:
        would = in_words([f"“{one}”" for one in sorted(others)])
        return _unknown(
            f"It is on an edge: these numbers say “{chosen.remedy}”, and within the errors of "
            f"measuring and predicting they say {would} as well.",
            ("a longer window",),
        )
    return chosen


def _missing(demand: Demand) -> Iterator[str]:
    if demand.cpu is None:
        yield "its CPU"
    if demand.size is None:
        yield "its offering"
    elif demand.cpu and demand.used_percent is None:
        yield "the clock of its host, of which its offering caps it at a part"


def _choose(demand: Demand, lean: int) -> Advice:
    """`lean` is -1 where predictions are to be taken as too high, 1 as too low."""
    return _strained(demand, lean) if demand.strain > 1 else _calm(demand)


def _calm(demand: Demand) -> Advice:
    """The machine has CPU left: it may not get it, or others may be slow, or all is well."""
    is_slow_to_connect = _connect_s(demand.services) >= SLOW_CONNECT_S
    if is_slow_to_connect and demand.host is None:
        return _unknown(
            "Connections to its members are slow though its CPU has room: its host may not give "
            "it the CPU.",
            ("how busy its host is",),
        )
    if demand.host and demand.host.is_full:
        return _on_a_full_host(demand, is_slow_to_connect)
    slow = [one for one in demand.services if _is_slow(demand, one)]
    if slow:
        return _members(demand, slow)
    room = f"CPU is at {demand.used_percent:.0f} % of what it can get: more would change nothing."
    blind = [str(one.port) for one in demand.services if not _is_seen_well(demand, one)]
    if blind:
        word = "port" if len(blind) == 1 else "ports"
        return Advice(
            Remedy.UNKNOWN,
            f"Its CPU has room, so no more of it is needed; whether the members behind {word} "
            f"{in_words(blind)} are slow cannot be told.",
            _adding_cpu(room),
            (f"how long the members of {word} {in_words(blind)} take",),
        )
    return Advice(Remedy.NOTHING, room, _adding_cpu(room))


def _on_a_full_host(demand: Demand, is_slow_to_connect: bool) -> Advice:
    """What it does not get is not in its CPU; that connections are slow shows it."""
    option = remedies.migrate(demand)
    if not is_slow_to_connect:
        return _unknown(
            "Its CPU has room, but its host is full: how much it asks for and does not get is "
            "not seen.",
            ("the time that its host withholds (steal)",),
        )
    why_not = "It does not get the CPU that it has now."
    against = tuple((one, text) for one, text in _adding_cpu(why_not) if one is not option.remedy)
    if option.factor is None:
        return Advice(Remedy.NOTHING, f"{why_not} {option.reason}", against, is_enough=False)
    return Advice(
        Remedy.MIGRATE,
        f"{why_not} {option.reason}",
        (*against, (Remedy.MEMBERS, "Their times include what HAProxy waits for the CPU.")),
    )


def _strained(demand: Demand, lean: int) -> Advice:
    """The machine has too little CPU."""
    if why := _not_its_traffic(demand):
        return _unknown(why, ("what runs in the machine",))
    found = remedies.options(demand)
    is_of_host = _is_a_matter_of_the_host(demand)
    if not is_of_host and (slow := _clients_wait_for(demand)):
        return _members_first(demand, slow, found, lean)
    if remedies.may_split(demand) and not demand.is_counted:
        return _unknown(
            "Whether a split helps depends on which service takes how much.",
            ("connections of each rule (HAProxy's stats page)",),
        )
    enough = [one for one in found if _left(demand, one, lean) <= 1]
    if is_of_host:
        enough = [one for one in found if one.remedy is Remedy.MIGRATE and one.factor] or enough
    if demand.larger is None and not enough:
        return _unknown("Without a resize nothing is enough.", ("the system offerings",))
    possible = [one for one in found if one.factor is not None and one.factor < 0.9]
    if not possible:
        return _nothing_possible(demand, found)
    best = min(enough, key=_cost) if enough else min(possible, key=_factor)
    return _more_cpu(demand, best, found)


def _not_its_traffic(demand: Demand) -> str:
    """Say why its load is none that more of anything would help, `""` where it may be one."""
    if demand.is_standby and not (demand.host and demand.host.is_full):
        return "It is the standby, which forwards nothing: something else in it takes the CPU."
    if _is_unexplained(demand):
        return "Such traffic does not explain so much CPU: something else in the machine takes it."
    return ""


def _clients_wait_for(demand: Demand) -> list[ServiceLoad]:
    """Return the services whose members are slow, where most clients meet those, not the CPU.

    A machine that does all it can makes members look slow too, so there its CPU comes first.
    """
    if demand.is_saturated or _connect_s(demand.services) >= SLOW_CONNECT_S:
        return []
    slow = [one for one in demand.services if _is_slow(demand, one)]
    met = sum(one.per_s or 0.0 for one in slow)
    return slow if met > sum(one.per_s or 0.0 for one in demand.services) / 2 else []


def _members_first(
    demand: Demand, slow: list[ServiceLoad], found: tuple[Option, ...], lean: int
) -> Advice:
    """Both are too much: more CPU answers nobody sooner, and lets more through to the members."""
    advice = _members(demand, slow)
    quick = f"HAProxy connects to them in {in_seconds(_connect_s(demand.services))}"
    enough = [one for one in found if _left(demand, one, lean) <= 1]
    best = min(enough, key=_cost) if enough else None
    then = f": {best.remedy}. {best.reason}" if best else "."
    cpu = f"Its CPU is too high as well, and comes next{then}"
    why_not = f"{quick}: more CPU would answer nobody sooner, and let more through to the members."
    return replace(advice, against=_adding_cpu(why_not), also=(cpu, *advice.also))


def _is_a_matter_of_the_host(demand: Demand) -> bool:
    """Whether several machines of a full host are busy, and this one not by its own size alone.

    One that moves away relieves them all, at the least cost; what is left is looked at there.
    """
    host = demand.host
    several = host is not None and host.is_full and len(host.busy) >= SEVERAL
    return several and not demand.is_saturated


def _nothing_possible(demand: Demand, found: tuple[Option, ...]) -> Advice:
    slow = [one for one in demand.services if _is_slow(demand, one)]
    if slow:
        return _members(demand, slow)
    if demand.host is None:
        return _unknown(
            "It needs more CPU, and only another host could give it.", ("how busy its host is",)
        )
    return Advice(
        Remedy.NOTHING,
        "It needs more CPU, and nothing that could give it is possible here.",
        tuple((one.remedy, one.reason) for one in found),
        is_enough=False,
    )


def _left(demand: Demand, one: Option, lean: int) -> float:
    """Return how strained the busiest machine is afterwards."""
    if one.factor is None:
        return float("inf")
    return one.factor * demand.asked * (1 + lean * one.error)


def _more_cpu(demand: Demand, best: Option, found: tuple[Option, ...]) -> Advice:
    is_enough = _left(demand, best, 0) <= 1
    reason = f"{best.reason} Predicted CPU: {_after(demand, best)}."
    if not is_enough:
        reason += " That is still too much: nothing that is possible here is enough alone."
    others = [(one.remedy, _why_not(demand, one)) for one in found if one is not best]
    slow = [one for one in demand.services if _is_slow(demand, one)]
    members = _members_in_words(demand)
    also: tuple[str, ...] = ()
    if slow:
        members = "Too little CPU here comes first: it makes members look slow too."
        also = (f"Members look slow as well: {in_words([_slowness(one) for one in slow])}.",)
    if not demand.is_router:
        others.append((Remedy.MEMBERS, members))
    return Advice(
        best.remedy, reason, tuple(others), size=best.size, moves=best.moves,
        is_enough=is_enough, also=also,
    )  # fmt: skip


def _members_in_words(demand: Demand) -> str:
    seen = [one.latency is not None and one.latency.member_s is not None for one in demand.services]
    if not any(seen):
        return "What they take was not seen."
    return f"What they take is within bounds{'' if all(seen) else ', where it is seen'}."


def _why_not(demand: Demand, one: Option) -> str:
    if one.factor is None:
        return one.reason
    after = _after(demand, one)
    if _left(demand, one, 0) > 1:
        return f"{one.but or one.reason} It would leave {after}: too much."
    return f"{one.reason} It is enough too ({after}), and costs more."


def _after(demand: Demand, one: Option) -> str:
    """Say what is left; what a saturated machine is asked for is not seen, so it is a range."""
    left = (demand.used_percent or 0.0) * (one.factor or 1.0)
    return f"{left:.0f} to {left * BACKLOG:.0f} %" if demand.is_saturated else f"{left:.0f} %"


def _members(demand: Demand, slow: list[ServiceLoad]) -> Advice:
    what = in_words([_slowness(one) for one in slow])
    text = f"{what[0].upper()}{what[1:]}, while the CPU is at {demand.used_percent:.0f} %."
    why_not = "The machine waits for its members: more of it would wait as well."
    also = tuple(
        f"{one.down} member{'s' if one.down > 1 else ''} of port {one.port} "
        f"{'are' if one.down > 1 else 'is'} down."
        for one in slow
        if one.down
    )
    return Advice(Remedy.MEMBERS, text, _adding_cpu(why_not), also=also)


def _slowness(one: ServiceLoad) -> str:
    latency = one.latency
    assert latency is not None, "who is slow was measured"
    if latency.queued or latency.queue_s:
        return f"{latency.queued} requests wait for a member of port {one.port}"
    if latency.member_s and latency.member_s >= latency.connect_s:
        return f"those of port {one.port} take {in_seconds(latency.member_s)}"
    return f"those of port {one.port} take {in_seconds(latency.connect_s)} to connect"


def _is_slow(demand: Demand, one: ServiceLoad) -> bool:
    latency = one.latency
    if latency is None:
        return False
    is_full = latency.queued > 0 or latency.queue_s >= demand.response_target_s
    has_room = demand.strain <= 1
    return (
        is_full
        or (latency.member_s or 0.0) >= demand.response_target_s
        or (has_room and latency.connect_s >= SLOW_CONNECT_S)
    )


def _is_seen_well(demand: Demand, one: ServiceLoad) -> bool:
    """Whether its members are known to be quick enough; no response outlasts its session."""
    if one.latency is not None and one.latency.member_s is not None:
        return True
    if one.per_s is None:
        return False
    session_s = one.session_s
    return one.open == 0 or (session_s is not None and session_s < demand.response_target_s)


def _connect_s(services: tuple[ServiceLoad, ...]) -> float:
    """The quickest: what HAProxy waits for the CPU is in all of them, a slow member in its own."""
    return min((one.latency.connect_s for one in services if one.latency), default=0.0)


def _is_unexplained(demand: Demand) -> bool:
    if demand.is_router or not demand.is_counted:
        return False
    assert demand.cpu is not None, "looked at first"
    assert demand.size is not None, "looked at first"
    cpus = demand.cpu.mean_percent / 100 * demand.size.cpus
    if demand.cpu.is_from_inside:
        cpus *= (demand.size.percent(demand.host_mhz) or 100.0) / 100
    return cpus > UNEXPLAINED * sum(one.cpu for one in demand.services)


def _unknown(text: str, missing: tuple[str, ...]) -> Advice:
    return Advice(Remedy.UNKNOWN, text, missing=missing)


def _adding_cpu(why_not: str) -> tuple[tuple[Remedy, str], ...]:
    adds_cpu = (Remedy.RESIZE, Remedy.SPLIT, Remedy.TWIN, Remedy.MIGRATE)
    return tuple((one, why_not) for one in adds_cpu)


def _cost(one: Option) -> float:
    return one.cost


def _factor(one: Option) -> float:
    return one.factor if one.factor is not None else float("inf")
