"""How an ILB is rolled by what surrounds it: as a twin, beside a temporary one, or in the open."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.names import DirectoryKind
from bot.domain.plan import in_words
from bot.domain.service_view import ServiceView
from bot.domain.twins import Move, Pairing, pairing, refuse_strangers
from bot.domain.view import View, rules_digest
from bot.domain.vips import next_free
from bot.errors import Refused


@dataclass(frozen=True, slots=True)
class Turn:
    """One machine of a pair of twins that is renewed while the other one serves.

    `out` withdraws its address from the names before it is touched, `back` publishes it again.
    """

    vm_id: str
    vm_name: str
    vip: str
    peer_id: str
    rules: str
    out: tuple[Move, ...]
    back: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Detour:
    """A temporary twin that carries the traffic while the ILB itself is renewed.

    `out` moves the names to the twin alone, `back` to the ILB alone again.
    """

    twin: Pairing
    out: tuple[Move, ...]
    back: tuple[Move, ...]


def turns(seen: ServiceView, *machines: View) -> tuple[Turn, ...]:
    """Return the turns of these machines, in order; names lead to both before and after each.

    Raises `Refused` where the twins are not equal or a name does not lead to both: then one of
    them could not carry the traffic alone.
    """
    _refuse_unequal(seen)
    return tuple(_turn(seen, one) for one in machines)


def _turn(seen: ServiceView, view: View) -> Turn:
    vm, twin = view.vm, seen.twin
    assert vm is not None and twin is not None
    peer = twin if view.vip == seen.ilb.vip else seen.ilb
    out = tuple(
        Move(record, record.without(view.vip))
        for record in seen.records
        if view.vip in record.addresses
    )
    return Turn(
        vm_id=vm.id,
        vm_name=vm.name,
        vip=view.vip,
        peer_id=peer.vm.id if peer.vm else "",
        rules=rules_digest(view.rules),
        out=out,
        back=tuple(move.back for move in out),
    )


def _refuse_unequal(seen: ServiceView) -> None:
    twin = seen.twin
    assert twin is not None
    instead = f"`pair {seen.ilb.name}` makes them equal again."
    unequal = pairing(seen, twin.vip)
    if unequal.changes or unequal.marks:
        what = in_words([f"{one.vip}:{one.port}" for one in (*unequal.changes, *unequal.marks)])
        raise Refused(
            f"{seen.ilb.name} and its twin at {twin.vip} are not equal (differs: {what}), so one "
            "of them could not carry the traffic of both.",
            instead=instead,
        )
    if unequal.moves:
        raise Refused(
            f"A name does not lead to both twins: {unequal.moves[0].text} is what it should be.",
            instead=instead,
        )


def why_not_beside(seen: ServiceView) -> str:
    """Say why its traffic cannot be moved to a temporary twin, `""` where it can."""
    if seen.directory is DirectoryKind.NONE:
        return "no directory is set, so no name can be moved"
    if not seen.names:
        return "its clients have the bare address: no rule on it has a name"
    if seen.nameless_ports:
        ports = in_words([str(port) for port in seen.nameless_ports])
        return f"clients of port {ports} have the bare address, and a name moves every port"
    if not any(rule.members for rule in seen.ilb.rules):
        return "no rule has a member, and without one no ILB VM comes for a twin"
    if not any(record.addresses for record in seen.records):
        return f"{in_words(seen.names)} is not published"
    return ""


def detour(seen: ServiceView) -> Detour:
    """Return the way over a temporary twin; `why_not_beside` says nothing against it.

    Raises `Refused` where a name leads elsewhere as well, or no address is free.
    """
    vip, twin_vip = seen.ilb.vip, next_free(seen.site)
    for record in seen.records:
        refuse_strangers(record, (vip,))
    # A name that is not published leads nobody here: somebody may have withdrawn it.
    led = (one for one in seen.records if one.addresses)
    out = tuple(Move(one, one.without(vip).with_one(twin_vip)) for one in led)
    return Detour(pairing(seen, twin_vip), out, tuple(move.back for move in out))
