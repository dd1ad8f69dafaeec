"""Which system offering a machine may get: one made for its kind, found by its name or id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.domain.plan import in_words
from bot.domain.site import Site
from bot.domain.spelling import goes_by, quoted
from bot.domain.zone import Offering
from bot.errors import Refused

ILB_TYPE = "internalloadbalancervm"
ROUTER_TYPE = "domainrouter"
"""Values of `systemvmtype` (CloudStack `VirtualMachine.Type`); the API takes either for either."""
_KINDS = {ILB_TYPE: "an ILB VM", ROUTER_TYPE: "a router"}


class Machine(Protocol):
    """An ILB VM or a router."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def offering_id(self) -> str: ...
    @property
    def offering_name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """A machine with the offering that it has before it gets another one."""

    id: str
    name: str
    offering_id: str
    offering_name: str


def fitted(machine: Machine) -> Fitted:
    """Return what is remembered of a machine while its offering is changed."""
    return Fitted(machine.id, machine.name, machine.offering_id, machine.offering_name)


@dataclass(frozen=True, slots=True)
class Given:
    """An offering that ilbot gave the ILB VM of an address."""

    offering_id: str
    offering_name: str


def lost(given: Mapping[str, Given], site: Site) -> tuple[str, ...]:
    """Say which ILB VMs of a tier no longer have the offering that ilbot gave them, by address.

    A machine that CloudStack deployed anew comes with the default one.
    """
    return tuple(
        f"{vm.name} ({vip}) has the offering {vm.offering_name}; ilbot gave it "
        f"{one.offering_name}, and resize gives it again"
        for vip, one in given.items()
        if (vm := site.ilb_at(vip)) and vm.offering_id != one.offering_id
    )


def chosen(offerings: Iterable[Offering], named: str, kind: str) -> Offering:
    """Return the system offering of that name or id, made for that kind of machine.

    `Refused` with those that may be chosen otherwise: names identify nothing, and CloudStack
    itself would take one that is made for another kind.
    """
    every = tuple(offerings)
    fit = [one for one in every if one.for_type == kind]
    meant = [one for one in fit if named and named in (one.id, one.name)]
    meant = meant or [one for one in fit if goes_by(named, (one.id, one.name))]
    if len(meant) == 1:
        return meant[0]
    choices = in_words(sorted(in_full(one) for one in fit))
    instead = f"Choose one of: {choices}." if fit else f"Add one for {_KINDS[kind]} in CloudStack."
    if not named:
        raise Refused("Nobody said which offering it shall get.", instead=instead)
    if meant:
        ids = in_words(sorted(one.id for one in meant))
        raise Refused(
            f"{len(meant)} system offerings are called {quoted(named)}.",
            instead=f"Say its id: {ids}.",
        )
    if other := next((one for one in every if goes_by(named, (one.id, one.name))), None):
        made_for = _KINDS.get(other.for_type, other.for_type or "no kind of system VM")
        raise Refused(
            f"{other.name} is made for {made_for}, not for {_KINDS[kind]}; CloudStack would take "
            "it all the same.",
            instead=instead,
        )
    raise Refused(f"CloudStack shows no system offering {quoted(named)}.", instead=instead)


def shape(offering: Offering) -> str:
    """Say how large it is: `2 × 1000 MHz, 1024 MB`."""
    return f"{offering.cpus} × {offering.mhz} MHz, {offering.memory_mb} MB"


def in_full(offering: Offering) -> str:
    """Name it with its size: `ILB large (2 × 1000 MHz, 1024 MB)`."""
    return f"{offering.name} ({shape(offering)})"


def less_than(new: Offering, old: Offering) -> str:
    """Say in what an offering gives less than another, `""` where in nothing."""
    less = [
        f"{is_} instead of {was} {unit}"
        for is_, was, unit in (
            (new.cpus * new.mhz, old.cpus * old.mhz, "MHz in all"),
            (new.memory_mb, old.memory_mb, "MB"),
        )
        if is_ < was
    ]
    return in_words(less)
