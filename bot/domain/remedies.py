"""What each way of giving a load more CPU would do to it: predicted load, cost, and words for both.

Redundancy alone is no capacity. Twins double it since both addresses serve, and only for clients
that look a name up; of a pair of routers only the primary forwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from bot.domain.demand import Demand, ServiceLoad, Size, percent
from bot.domain.plan import in_words

SPREAD = 0.55
"""The busier one of twins gets this part: resolvers shuffle, clients keep what they looked up."""
ROOM = 0.7
"""On a host with room the same work takes this part of the CPU time that it takes on a full one,
where two threads share each core and its clock is low: an assumption."""
ERROR, ROUGH = 0.05, 0.1
"""How far a prediction may be off; `ROUGH` where it rests on what a service or a host takes."""
MOVE, OUTAGE, UPKEEP = 1.0, 4.0, 1.5
"""Costs beside the vCPUs that are added: each time clients are moved; an outage; that every later
change is made twice. They order what helps, no more."""
NO_DIRECTORY = "There is no directory in which its names could get another address."
MOST_NAMES = 12
"""So many services are tried in every combination."""


class Remedy(StrEnum):
    """What may be advised."""

    RESIZE = "resize"
    SPLIT = "split"
    TWIN = "twin"
    MIGRATE = "migrate"
    MEMBERS = "the members are the bottleneck"
    NOTHING = "nothing"
    UNKNOWN = "not enough evidence"


@dataclass(frozen=True, slots=True)
class Option:
    """One remedy: `factor` times today's load is left on the busiest machine, None if it cannot be.

    `reason` is for it where it can be, else against it; `but` is why it may be too little. A
    resize names its `size`, a split the names that it `moves`. `error` is that of the factor.
    """

    remedy: Remedy
    factor: float | None
    cost: float
    reason: str
    but: str = ""
    size: Size | None = None
    moves: tuple[str, ...] = ()
    error: float = ERROR


def options(demand: Demand) -> tuple[Option, ...]:
    """Return what each remedy that adds CPU would do."""
    if demand.is_router:
        return resize(demand), _no_split_of_routers(), _pair_of_routers(demand), migrate(demand)
    return resize(demand), split(demand), twin(demand), migrate(demand)


def may_split(demand: Demand) -> bool:
    """Whether a split would be open if it were known what each service takes."""
    return not _why_no_split(demand, _groups(demand.services))


def split(demand: Demand) -> Option:
    """Move the services with names of their own that leave the least on the busiest machine."""
    groups = _groups(demand.services)
    if why := _why_no_split(demand, groups):
        return _cannot(Remedy.SPLIT, why)
    if not demand.is_counted:
        return _cannot(Remedy.SPLIT, "Nobody counted which service takes how much.")
    own = demand.size and demand.size.power(demand.host_mhz)
    new = demand.new_size.power(demand.host_mhz)
    if not own or not new:
        return _cannot(Remedy.SPLIT, "What a new ILB VM can compute is not known.")
    shares = {name: demand.share(some) for name, some in groups.items()}
    times = own / new

    def left(moved: tuple[str, ...]) -> float:
        share = sum(shares[name] for name in moved)
        return max(1 - share, share * times)

    moved = min(_choices(sorted(filter(None, groups)), len(groups)), key=left)
    share = sum(shares[name] for name in moved)
    most = max(shares, key=lambda name: shares[name])
    who = in_words(list(moved))
    text = f"{who} with {percent(share)} of the load would move to an ILB of its own."
    but = (
        f"{_named(groups[most])} alone takes {percent(shares[most])} of the load, which a "
        "split leaves on one machine."
    )
    cost = demand.new_size.cpus + MOVE
    return Option(Remedy.SPLIT, left(moved), cost, text, but, moves=moved, error=ROUGH)


def _why_no_split(demand: Demand, groups: dict[str, list[ServiceLoad]]) -> str:
    """Return what stands in the way, `""` where nothing does."""
    if not any(groups):
        return "No service has a name, so its clients cannot be moved."
    if len(groups) < 2:
        if len(demand.services) > 1:
            return f"All its ports share one name, {next(iter(groups))}, so they move together."
        return "There is one service, and a service cannot be cut in two."
    if not demand.names_move:
        return NO_DIRECTORY
    if _no_host_has_room(demand):
        return "No host has room for another ILB VM."
    return ""


def _no_host_has_room(demand: Demand) -> bool:
    return demand.host is not None and demand.host.is_full and demand.host.spare == 0


def twin(demand: Demand) -> Option:
    """Let a second address serve as well."""
    if demand.twin:
        return _cannot(Remedy.TWIN, f"It has a twin at {demand.twin}, and both serve already.")
    bare = [str(one.port) for one in demand.services if not one.name]
    if bare:
        word = "port" if len(bare) == 1 else "ports"
        return _cannot(
            Remedy.TWIN,
            f"Clients of {word} {in_words(bare)} have the bare address: a twin would serve nobody, "
            "and redundancy alone is no capacity.",
        )
    if not demand.names_move:
        return _cannot(Remedy.TWIN, NO_DIRECTORY)
    if _no_host_has_room(demand):
        return _cannot(Remedy.TWIN, "No host has room for another ILB VM.")
    cpus = demand.size.cpus if demand.size else 1
    text = "A second ILB serves about half, since clients look up a name; it survives a host too."
    return Option(Remedy.TWIN, SPREAD, cpus + UPKEEP, text)


def migrate(demand: Demand) -> Option:
    """Move it to a host with room, where its own is full."""
    host = demand.host
    if host is None:
        return _cannot(Remedy.MIGRATE, "How busy its host is was not read.")
    seen = f"Host {host.name}" + (f" ({host.cpu_percent:.0f} %)" if host.cpu_percent else "")
    if not host.is_full:
        though = f", though {in_words(list(host.busy))} on it are busy too" if host.busy else ""
        return _cannot(Remedy.MIGRATE, f"{seen} has room{though}: elsewhere it gets no more.")
    if host.spare == 0:
        return _cannot(Remedy.MIGRATE, f"{seen} is full, and no other host takes it or has room.")
    busy = f" and {in_words(list(host.busy))} on it are busy too" if host.busy else ""
    text = f"{seen} is full{busy}: on one with room the same work takes less. It moves as it runs."
    return Option(Remedy.MIGRATE, ROOM, MOVE, text, error=ROUGH)


def resize(demand: Demand) -> Option:
    """Take the smallest larger offering that is enough, else the largest."""
    if demand.host and demand.host.is_full:
        return _cannot(Remedy.RESIZE, "More vCPUs on a full host are not more CPU.")
    if demand.larger is None:
        return _cannot(Remedy.RESIZE, "The offerings could not be read.")
    own = demand.size and demand.size.power(demand.host_mhz)
    helps = list(_stronger(demand, own or 0.0))
    if not own or not helps:
        return _cannot(Remedy.RESIZE, _no_larger(demand))
    enough = [one for one in helps if demand.asked * own / one[1] <= 1]
    size, power = min(enough, key=_smallest) if enough else max(helps, key=_power)
    named = not demand.is_router and all(one.name for one in demand.services) and demand.names_move
    twice = 2 if demand.twin or demand.is_pair else 1
    soft = bool(named or demand.is_pair)
    cost = twice * (size.cpus - (demand.size.cpus if demand.size else 0))
    way = "with no outage of the service" if named else "with an outage of a stop and a start"
    if demand.is_router:
        way = "standby first, with one hand-over" if demand.is_pair else "with an outage"
    also = " Its twin needs it too." if demand.twin else ""
    text = f"“{size.name}” has {size}: {percent(own / power)} of today's load, {way}.{also}"
    return Option(
        Remedy.RESIZE, own / power, cost + (2 * MOVE if soft else OUTAGE), text, size=size
    )


def _smallest(one: tuple[Size, float]) -> tuple[int, float, str]:
    return one[0].cpus, one[1], one[0].name


def _power(one: tuple[Size, float]) -> float:
    return one[1]


def _stronger(demand: Demand, own: float) -> Iterator[tuple[Size, float]]:
    """Those that compute more: of a share without a cap more MHz is only a greater weight."""
    for one in demand.larger or ():
        power = one.power(demand.host_mhz)
        if power and power > 1.05 * own:
            yield one, power


def _no_larger(demand: Demand) -> str:
    if demand.larger:
        return (
            "The larger offerings raise only the MHz share, which is no limit here: that is a "
            "weight among machines of a full host, no capacity."
        )
    kind = "domainrouter" if demand.is_router else "internalloadbalancervm"
    return f"No larger system offering of type {kind} is there."


def _pair_of_routers(demand: Demand) -> Option:
    already = "It is a pair, of which" if demand.is_pair else "Of a pair"
    return _cannot(Remedy.TWIN, f"{already} only the primary forwards: redundancy, no capacity.")


def _no_split_of_routers() -> Option:
    return _cannot(Remedy.SPLIT, "A VPC or a network has one router that forwards.")


def _cannot(remedy: Remedy, why: str) -> Option:
    return Option(remedy, None, 0.0, why)


def _groups(services: tuple[ServiceLoad, ...]) -> dict[str, list[ServiceLoad]]:
    """Return what must stay together: a DNS record moves every port of its name."""
    found: dict[str, list[ServiceLoad]] = {}
    for one in services:
        found.setdefault(one.name, []).append(one)
    return found


def _choices(names: list[str], groups: int) -> Iterator[tuple[str, ...]]:
    """Return what may be moved; something stays, for the address is to go on serving."""
    tried = names[:MOST_NAMES]
    for count in range(1, min(len(tried), groups - 1) + 1):
        yield from combinations(tried, count)


def _named(services: list[ServiceLoad]) -> str:
    ports = in_words([str(one.port) for one in services])
    return f"{services[0].name or 'The bare address'} (port {ports})"
