"""What `resize` says, and remembers in a plan, of machines and their offerings, of either kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pydantic import TypeAdapter

from bot.domain.offerings import Fitted, Machine, fitted, in_full, less_than
from bot.domain.plan import NothingToDo, Plan, PlannedStep, in_words
from bot.domain.target_version import Versioned
from bot.domain.version import is_same, named_in
from bot.domain.zone import Offering

_MACHINES: TypeAdapter[tuple[Fitted, ...]] = TypeAdapter(tuple[Fitted, ...])


class Resizable(Machine, Versioned, Protocol):
    """An ILB VM or a router, with what its next start brings."""


def parameters(machines: Iterable[Machine], new: Offering) -> tuple[tuple[str, str], ...]:
    """Return what a plan keeps: the new offering, and what each machine had."""
    had = tuple(fitted(one) for one in machines)
    return (
        ("offering", new.id),
        ("offering name", new.name),
        ("had", _MACHINES.dump_json(had).decode()),
    )


def machine_in(planned: Plan, machine_id: str) -> Fitted:
    """Return a machine of a plan with the offering that it had then."""
    every = _MACHINES.validate_json(planned.parameter("had"))
    return next(one for one in every if one.id == machine_id)


def short_of(machine: Machine, planned: Plan) -> tuple[str, ...]:
    """Say that a machine has another offering than planned."""
    if machine.offering_id == planned.parameter("offering"):
        return ()
    return (f"{machine.name} has the offering {machine.offering_name}",)


def nothing_to_do(names: Sequence[str], new: Offering) -> NothingToDo:
    """Say that every machine has the offering."""
    have = "has" if len(names) == 1 else "have"
    return NothingToDo(f"{in_words(names)} {have} the offering {in_full(new)} already.")


def summary(machines: Sequence[Machine], new: Offering, offerings: Iterable[Offering]) -> str:
    """Name the machines, what they have and what they get."""
    by_id = {one.id: in_full(one) for one in offerings}
    had = dict.fromkeys(by_id.get(one.offering_id, one.offering_name) for one in machines)
    names = in_words([one.name for one in machines])
    return f"Resize {names} from {in_words(list(had))} to {in_full(new)}"


def change_step(machine: Machine, new: Offering) -> PlannedStep:
    """Say the change itself."""
    undo = f"give it {machine.offering_name} back"
    return PlannedStep(f"Give {machine.name} the offering {in_full(new)}", undo=undo)


def warnings(
    machines: Iterable[Resizable], new: Offering, offerings: Iterable[Offering]
) -> tuple[str, ...]:
    """Warn of what a start with another offering brings, and of what does not last."""
    by_id = {one.id: one for one in offerings}
    told = []
    for one in machines:
        old = by_id.get(one.offering_id)
        if old is not None and (less := less_than(new, old)):
            told.append(f"{one.name} gets less than it has: {less}.")
        boots = named_in(one.template_name)
        if boots and not is_same(one.version, boots):
            told.append(
                f"The start renews the disk of {one.name} as well: from version "
                f"{one.version or 'unknown'} to that of {one.template_name}, for good."
            )
    told += [
        "Whether a host has room for it shows at the start; where none has, the old offering is "
        "given back.",
        "CloudStack forgets it where it deploys a machine anew; `resize` then gives it again.",
    ]
    return tuple(told)
