"""Says whether the repair of a twin cuts its clients, and how its names do without it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.names import DirectoryKind
from bot.domain.plan import in_words
from bot.domain.service_view import ServiceView
from bot.domain.twins import Move, Pairing
from bot.errors import Refused


@dataclass(frozen=True, slots=True)
class Absence:
    """A published twin that is away from its names: `out` before its repair, `back` after it."""

    out: tuple[Move, ...] = ()
    back: tuple[Move, ...] = ()

    def others(self, moves: tuple[Move, ...]) -> tuple[Move, ...]:
        """Leave out moves of names that `back` publishes anyway."""
        mine = {move.after.name for move in self.back}
        return tuple(move for move in moves if move.after.name not in mine)


def cut_ports(seen: ServiceView, found: Pairing) -> tuple[int, ...]:
    """Return the ports of a twin that is there which are not served for a part of its repair.

    A stop for another offering is all of them, also of a machine that is lost and comes anew while
    its address is published; else those whose rule is deleted and created
    again, or half done.
    """
    if seen.twin is None:
        return ()
    is_published = any(found.twin_vip in one.addresses for one in seen.records)
    if found.offering_id and (seen.twin.vm is not None or is_published):
        return tuple(rule.source_port for rule in seen.ilb.rules)
    return tuple(one.port for one in found.changes if one.is_replaced or one.is_broken)


def absence(seen: ServiceView, found: Pairing) -> Absence:
    """Return how the names do without the twin while it is repaired; empty where nothing is cut.

    Raises `Refused` where its clients cannot be led away first.
    """
    ports = cut_ports(seen, found)
    if not ports:
        return Absence()
    if why := _why_not(seen, ports):
        raise Refused(
            f"Making the twin at {found.twin_vip} equal again needs {_what(seen, found)}, which "
            f"cuts its clients, and they cannot be led away first: {why}.",
            instead=f"`unpair {seen.ilb.name}` and `pair {seen.ilb.name}`, once nobody uses "
            f"{found.twin_vip}.",
        )
    out = tuple(
        Move(one, one.without(found.twin_vip).with_one(found.vip))
        for one in seen.records
        if found.twin_vip in one.addresses
    )
    back = tuple(Move(one.after, one.after.with_one(found.twin_vip)) for one in out)
    return Absence(out, back)


def _why_not(seen: ServiceView, ports: tuple[int, ...]) -> str:
    if seen.directory is DirectoryKind.NONE:
        return "no directory is set, so no name can be moved"
    bare = [port for port in ports if port in seen.nameless_ports]
    if bare:
        return f"clients of port {in_words([str(one) for one in bare])} have the bare address"
    return ""


def _what(seen: ServiceView, found: Pairing) -> str:
    vm = seen.ilb.vm
    if found.offering_id and vm is not None:
        return f"a stop for the offering {vm.offering_name}"
    ports = in_words([str(one) for one in cut_ports(seen, found)])
    return f"the rule on port {ports} deleted and created again"
