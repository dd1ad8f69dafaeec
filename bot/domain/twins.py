"""Compares an ILB with its twin, there or wanted: what makes them equal, and both found by name.

An ILB VM is never redundant (CloudStack `InternalLoadBalancerVMManagerImpl`), so two ILBs with
the same rules and members on two addresses are the nearest thing: both behind one name, each
remembering the other in a tag on its rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.domain.cloud import LbRule
from bot.domain.comparison import Difference, RuleChange, Verdict
from bot.domain.names import DirectoryKind, Record
from bot.domain.plan import in_words
from bot.domain.rule_state import Place, RuleState, state_of
from bot.domain.rule_words import delta_words, rule_words
from bot.domain.service_view import ServiceView
from bot.domain.site import Site
from bot.domain.spec import NAME_TAG, TWIN_TAG
from bot.errors import Refused


@dataclass(frozen=True, slots=True)
class Move:
    """From what a name is published as to what it shall be."""

    before: Record
    after: Record

    @property
    def back(self) -> Move:
        """The way back; what was made is taken away again."""
        return Move(self.after, self.before)

    @property
    def text(self) -> str:
        """Say it: `app.shop.internal: 10.20.1.10 → 10.20.1.10 and 10.20.1.11`."""
        was, is_ = in_words(self.before.addresses), in_words(self.after.addresses)
        return f"{self.before.name}: {was or 'nothing'} → {is_ or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Pairing:
    """What brings twins about: rules of the twin, marks on the model's rules, names.

    `changes` are in an order in which the twin's address keeps a rule. `offering_id` is the one
    that the model has and a new machine does not come with, `""` where the default will do.
    """

    tier_id: str
    vip: str
    twin_vip: str
    changes: tuple[RuleChange, ...] = ()
    marks: tuple[RuleChange, ...] = ()
    moves: tuple[Move, ...] = ()
    offering_id: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether they are twins already, equal and published."""
        return not (self.changes or self.marks or self.moves or self.offering_id)


@dataclass(frozen=True, slots=True)
class Parting:
    """What takes a twin away: names first, then marks, then the places of its rules, in order."""

    tier_id: str
    vip: str
    twin_vip: str
    moves: tuple[Move, ...]
    marks: tuple[RuleChange, ...]
    places: tuple[Place, ...]


def pairing(seen: ServiceView, twin_vip: str, *, name: str = "") -> Pairing:
    """Compare an ILB with its twin at `twin_vip`; `name` is given to rules that have none.

    Raises `Refused` where the name is somebody else's.
    """
    site, vip = seen.site, seen.ilb.vip
    model = site.rules_on(vip)
    marks = tuple(_mark(site, rule, twin_vip, name) for rule in model)
    changes = _changes(site, vip, twin_vip, name)
    moves = _moves(seen, twin_vip, name)
    return Pairing(
        tier_id=site.tier.id,
        vip=vip,
        twin_vip=twin_vip,
        changes=changes,
        marks=tuple(one for one in marks if one.before != one.after),
        moves=moves,
        offering_id=offering_of_its_own(seen),
        differences=(*(_line(site, one) for one in changes), *map(_name_line, moves)),
    )


def parting(seen: ServiceView) -> Parting:
    """Return what takes the twin of an ILB away; names are left with the other address."""
    site, vip, twin_vip = seen.site, seen.ilb.vip, seen.topology.twin
    states = [state_of(rule, site.stickiness_of(rule)) for rule in seen.ilb.rules]
    return Parting(
        tier_id=site.tier.id,
        vip=vip,
        twin_vip=twin_vip,
        moves=tuple(
            Move(record, record.without(twin_vip).with_one(vip))
            for record in seen.records
            if twin_vip in record.addresses
        ),
        marks=tuple(
            RuleChange(vip, rule.source_port, state, state.tagged(TWIN_TAG, ""))
            for rule, state in zip(seen.ilb.rules, states, strict=True)
            if TWIN_TAG in dict(state.tags)
        ),
        places=tuple(
            Place(site.tier.id, twin_vip, rule.source_port) for rule in site.rules_on(twin_vip)
        ),
    )


def wanted_of(site: Site, rule: LbRule, twin_of: str, name: str = "") -> RuleState:
    """Return a rule as its twin has it: the same for traffic, pointing back."""
    state = state_of(rule, site.stickiness_of(rule))
    named = state if NAME_TAG in dict(state.tags) else state.tagged(NAME_TAG, name)
    return replace(named.tagged(TWIN_TAG, twin_of), name=f"{rule.name}-twin").signed()


def unequal_twins(site: Site) -> tuple[str, ...]:
    """Say in what the twins of a tier differ, a line each; which one is right nobody can tell.

    `site` holds all rules, their stickiness and the ILB VMs of the tier.
    """
    pairs = {
        (min(rule.vip, twin_vip), max(rule.vip, twin_vip))
        for rule in site.rules
        if (twin_vip := dict(rule.tags).get(TWIN_TAG))
    }
    return tuple(line for pair in sorted(pairs) for line in _unequal(site, *pair))


def _unequal(site: Site, vip: str, twin_vip: str) -> Iterator[str]:
    for change in _changes(site, vip, twin_vip, ""):
        at, detail = f"{change.vip}:{change.port}", _line(site, change).detail
        if change.after is None:
            yield f"{at}: its twin at {vip} has no such rule"
        elif change.before is None:
            yield f"{at} is {'half done' if change.is_broken else 'gone'}: its twin at {vip} has it"
        else:
            yield f"{at} is not as at its twin {vip}: {detail}"
    offerings = {one.vip: one.offering_name for one in site.vms if one.vip in (vip, twin_vip)}
    if len(set(offerings.values())) > 1:
        yield (
            f"the ILB VM of {twin_vip} has the offering {offerings[twin_vip]}, "
            f"its twin at {vip} {offerings[vip]}"
        )


def _changes(site: Site, vip: str, twin_vip: str, name: str) -> tuple[RuleChange, ...]:
    wanted = {rule.source_port: wanted_of(site, rule, vip, name) for rule in site.rules_on(vip)}
    there = {rule.source_port: rule for rule in site.rules_on(twin_vip)}
    made = [_change(site, twin_vip, port, there.get(port), state) for port, state in wanted.items()]
    gone = [
        RuleChange(twin_vip, port, state_of(rule, site.stickiness_of(rule)), None)
        for port, rule in there.items()
        if port not in wanted
    ]
    new = [one for one in made if one and one.before is None and not one.is_broken]
    other = [_held(site, one, made) for one in made if one and one not in new]
    return (*new, *other, *gone)


def _change(
    site: Site, vip: str, port: int, found: LbRule | None, wanted: RuleState
) -> RuleChange | None:
    if found is None:
        return RuleChange(vip, port, None, wanted)
    before = state_of(found, site.stickiness_of(found))
    if found.is_half_done:
        was = None if found.state == "Deleting" else before
        return RuleChange(vip, port, was, wanted, is_broken=True)
    return None if before.is_like(wanted) else RuleChange(vip, port, before, wanted)


def _held(site: Site, change: RuleChange, made: list[RuleChange | None]) -> RuleChange:
    """Hold the twin's address while its only rule is replaced: the VM goes with the last one."""
    goes = change.is_replaced or (change.is_broken and change.before is None)
    others = {rule.source_port for rule in site.rules_on(change.vip) if rule.is_active}
    others |= {one.port for one in made if one and one.before is None and not one.is_broken}
    if not goes or others - {change.port}:
        return change
    busy = {rule.source_port for rule in site.rules_on(change.vip)} | {site.stats_port}
    return replace(change, keeper=next(p for p in range(64999, 64000, -1) if p not in busy))


def _mark(site: Site, rule: LbRule, twin_vip: str, name: str) -> RuleChange:
    before = state_of(rule, site.stickiness_of(rule))
    named = before if NAME_TAG in dict(before.tags) else before.tagged(NAME_TAG, name)
    return RuleChange(rule.vip, rule.source_port, before, named.tagged(TWIN_TAG, twin_vip))


def _moves(seen: ServiceView, twin_vip: str, given: str) -> tuple[Move, ...]:
    """Publish both addresses under each name; a name that leads elsewhere is not ours to move."""
    if seen.directory is DirectoryKind.NONE:
        return ()
    names = dict.fromkeys([*seen.names, *([given] if given and seen.nameless_ports else [])])
    moves = []
    for name in names:
        before = seen.record(name)
        refuse_strangers(before, (seen.ilb.vip, twin_vip))
        after = before.with_addresses(*before.addresses, seen.ilb.vip, twin_vip)
        moves += [Move(before, after)] if after != before else []
    return tuple(moves)


def refuse_strangers(record: Record, ours: tuple[str, ...]) -> None:
    """Refuse a name that leads to an address that is none of ours: it has other ports behind it."""
    strangers = [one for one in record.addresses if one not in ours]
    if strangers:
        raise Refused(
            f"The name {record.name} is published as {in_words(record.addresses)}, and "
            f"{in_words(strangers)} is not this ILB or its twin: moving it would move the clients "
            "of another service as well.",
            instead="A name of its own for each service.",
        )


def offering_of_its_own(seen: ServiceView) -> str:
    """Return the model's offering where the twin has another one, or a new ILB VM comes with
    another one; `""` where it need not be changed."""
    model, twin = seen.ilb.vm, seen.twin.vm if seen.twin else None
    default = seen.default_offering.id if seen.default_offering else ""
    has = twin.offering_id if twin else default
    return model.offering_id if model and has and model.offering_id != has else ""


def _line(site: Site, change: RuleChange) -> Difference:
    what, after = f"{change.vip}:{change.port}", change.after
    if after is None:
        return Difference(Verdict.REMOVE, what, "its twin has no such rule")
    if change.is_broken:
        return Difference(Verdict.REPAIR, what, f"half done: {rule_words(site, after)}")
    if change.before is None:
        return Difference(Verdict.CREATE, what, rule_words(site, after))
    verdict = Verdict.REPLACE if change.is_replaced else Verdict.CHANGE
    return Difference(verdict, what, delta_words(site, change.before, after) or "its marks")


def _name_line(move: Move) -> Difference:
    return Difference(Verdict.CHANGE, "name", move.text)
