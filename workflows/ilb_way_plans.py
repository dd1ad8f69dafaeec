"""The plans of what is done to a stopped ILB VM: what each way does, costs and cannot promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import TypeAdapter

from bot.domain import exposure
from bot.domain.cloud import IlbVm
from bot.domain.plan import Exposure, Plan, PlannedStep, in_words
from bot.domain.rolling import Detour, Turn, detour, turns, why_not_beside
from bot.domain.service_view import ServiceView
from bot.domain.view import View, rules_digest
from bot.errors import Refused
from workflows.steps import probe

_TURNS: TypeAdapter[tuple[Turn, ...]] = TypeAdapter(tuple[Turn, ...])
_DETOUR: TypeAdapter[Detour] = TypeAdapter(Detour)
_UNPROVEN = "No vantage point looks at it, so nothing is proven: the outcome will be unverified."
_NO_PROOF = "nobody looks at its traffic, so a person must take the risk"


class Way(StrEnum):
    """What serves while a machine is stopped."""

    TWINS = "twins"
    OUTAGE_OF_TWINS = "outage of twins"
    BESIDE = "beside"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Wording:
    """What a runbook says of its work on a machine.

    `steps` are those from the stop of a machine to its start, by the way that is taken; `check`
    is what is seen of it then, after "check that it"; `fits` what a temporary twin gets before it
    is used. `warns` tells what the start of one brings. `parameters` are the runbook's own.
    """

    runbook: str
    summary: str
    steps: Callable[[IlbVm, Way], tuple[PlannedStep, ...]]
    check: str
    warns: Callable[[View], tuple[str, ...]]
    parameters: tuple[tuple[str, str], ...]
    fits: tuple[PlannedStep, ...] = ()


def plan(
    seen: ServiceView,
    due: Sequence[View],
    words: Wording,
    *,
    is_outage: bool,
    new_id: str = "",
) -> Plan:
    """Plan the work on those that are due, in order, by what can carry the traffic meanwhile.

    `is_outage` is asked for. A temporary twin gets the offering `new_id`, or else that of
    the ILB.
    """
    if seen.twin is not None:
        return _twins(seen, due, words)
    if not is_outage and not why_not_beside(seen):
        return _beside(seen, words, new_id)
    return _outage(seen, words)


def _twins(seen: ServiceView, due: Sequence[View], words: Wording) -> Plan:
    """Plan one twin after the other."""
    found = turns(seen, *due)
    machines = zip(found, (one.vm for one in due), strict=True)
    steps = [step for turn, vm in machines if vm for step in _turn_steps(seen, turn, vm, words)]
    named = _named_ports(seen) if any(turn.out for turn in found) else ()
    is_cut = not named or bool(seen.nameless_ports)
    return Plan(
        runbook=words.runbook,
        target=seen.target,
        summary=words.summary,
        facts=seen.facts(),
        steps=tuple(steps),
        exposure=_of_twins(seen, due, named),
        blast_radius=_blast_radius(seen, due),
        warnings=_warnings(seen, due, named, words),
        parameters=(
            *_parameters(seen, due, words, Way.OUTAGE_OF_TWINS if is_cut else Way.TWINS),
            *((("named ports", " ".join(str(port) for port in named)),) if is_cut else ()),
            ("turns", _TURNS.dump_json(found).decode()),
        ),
        by_person="" if seen.vantage_points else _NO_PROOF,
    )


def _beside(seen: ServiceView, words: Wording, offering_id: str) -> Plan:
    """Plan over a temporary twin, so that the address stays and nobody is cut off."""
    found, vm = _detour(seen), seen.ilb.vm
    if offering_id:
        found = replace(found, twin=replace(found.twin, offering_id=offering_id))
    assert vm is not None
    vip, twin_vip = seen.ilb.vip, found.twin.twin_vip
    return Plan(
        runbook=words.runbook,
        target=seen.target,
        summary=f"{words.summary}, beside a temporary twin",
        facts=seen.facts(),
        steps=(
            PlannedStep(f"Build a temporary twin at {twin_vip} and prove it",
                        undo="take it away again"),
            *words.fits,
            *(PlannedStep(f"Publish {move.text}, and wait until clients have looked again",
                          undo="publish it as before") for move in found.out),
            *probe.quiet_step(seen, vip),
            *words.steps(vm, Way.BESIDE),
            PlannedStep(f"Check that it {words.check}, has its rules and answers"),
            *(PlannedStep(f"Publish {move.text}, wait as before, and watch")
              for move in found.back),
            *probe.quiet_step(seen, twin_vip),
            PlannedStep(f"Take the twin at {twin_vip} away, with its ILB VM"),
        ),
        exposure=Exposure("nothing", 0.0, f"{twin_vip} serves while {vip} does not"),
        blast_radius=(*seen.topology.blast_radius(), f"{twin_vip}: a new ILB VM, for a while"),
        warnings=(
            *(() if seen.vantage_points else (_UNPROVEN,)),
            f"Clients that keep connections open longer than the TTL of {in_words(seen.names)}, "
            f"or know {vip} itself, are cut once.",
            *seen.slow(seen.names),
            *words.warns(seen.ilb),
        ),
        parameters=(
            *_parameters(seen, (seen.ilb,), words, Way.BESIDE),
            ("detour", _DETOUR.dump_json(found).decode()),
        ),
        by_person="" if seen.vantage_points else _NO_PROOF,
    )  # fmt: skip


def _detour(seen: ServiceView) -> Detour:
    try:
        return detour(seen)
    except Refused as no:
        raise Refused(no.why, instead=f"{no.instead} Or take the outage: `outage`.") from no


def _outage(seen: ServiceView, words: Wording) -> Plan:
    """Plan the stop and start of a single ILB, with what it costs."""
    view, vm = seen.ilb, seen.ilb.vm
    assert vm is not None
    mine = f"{view.services()}: not served from the stop to the end of the start"
    return Plan(
        runbook=words.runbook,
        target=seen.target,
        summary=words.summary,
        facts=seen.facts(),
        steps=(
            *words.steps(vm, Way.OUTAGE),
            PlannedStep(f"Check that it {words.check} and has its rules"),
        ),
        exposure=exposure.outage(view),
        blast_radius=(mine, *(f"{one}: same tier, not touched" for one in view.neighbours())),
        warnings=_warnings_of_an_outage(seen, words),
        parameters=_parameters(seen, (view,), words, Way.OUTAGE),
    )


def turns_of(planned: Plan) -> tuple[Turn, ...]:
    """Return the turns of a plan for twins."""
    return _TURNS.validate_json(planned.parameter("turns"))


def detour_of(planned: Plan) -> Detour:
    """Return the way over a temporary twin that a plan takes."""
    return _DETOUR.validate_json(planned.parameter("detour"))


def _parameters(
    seen: ServiceView, due: Sequence[View], words: Wording, way: Way
) -> tuple[tuple[str, str], ...]:
    view = seen.ilb
    assert view.vm is not None
    vips = [view.vip, *([seen.twin.vip] if seen.twin else [])]
    return (
        ("way", way.value),
        *words.parameters,
        ("due", " ".join(one.vip for one in due)),
        ("tier", view.tier.id),
        ("vip", view.vip),
        ("vips", " ".join(vips)),
        ("rules", rules_digest(view.rules)),
        ("proof", "probe" if seen.vantage_points else "none"),
        (probe.DRAIN_S, f"{seen.drain_s:g}"),
    )


def _turn_steps(
    seen: ServiceView, turn: Turn, vm: IlbVm, words: Wording
) -> tuple[PlannedStep, ...]:
    out = tuple(
        PlannedStep(f"Publish {move.text}, and wait until clients have looked again",
                    undo="publish it as before")
        for move in turn.out
    )  # fmt: skip
    return (
        *out,
        *(probe.quiet_step(seen, turn.vip) if turn.out else ()),
        *words.steps(vm, Way.TWINS),
        PlannedStep(f"Check that {turn.vm_name} {words.check}, has its rules, runs apart from its "
                    "twin and answers"),
        *(PlannedStep(f"Publish {move.text}, and watch both") for move in turn.back),
    )  # fmt: skip


def _named_ports(seen: ServiceView) -> tuple[int, ...]:
    nameless = seen.nameless_ports
    return tuple(one.source_port for one in seen.ilb.rules if one.source_port not in nameless)


def _of_twins(seen: ServiceView, due: Sequence[View], named: Sequence[int]) -> Exposure:
    """State the outage of each in turn where a port has no name: it cannot be led away first."""
    cut = [one.source_port for one in seen.ilb.rules if one.source_port not in named]
    if not cut and named:
        return Exposure("nothing", 0.0, "its twin serves while one is withdrawn")
    what = in_words([f"{one.vip}:{port}" for one in due for port in cut] if named
                    else [one.vip for one in due])  # fmt: skip
    longest = [exposure.outage(one) for one in due]
    known = [one.seconds for one in longest if one.seconds is not None]
    if len(known) < len(longest):
        return Exposure(what, None, "not known: no earlier stop and start of each is on record")
    return Exposure(what, max(known), longest[0].evidence)


def _blast_radius(seen: ServiceView, due: Sequence[View]) -> tuple[str, ...]:
    mine = tuple(f"{one.name} ({one.vip}): stopped and started" for one in due)
    vips = {seen.ilb.vip, *([seen.twin.vip] if seen.twin else [])}
    others = sorted((one for one in seen.site.vms if one.vip not in vips), key=lambda one: one.vip)
    return (*mine, *(f"{one.name} ({one.vip}, {one.state}): same tier, not touched"
                     for one in others))  # fmt: skip


def _warnings(
    seen: ServiceView, due: Sequence[View], named: Sequence[int], words: Wording
) -> tuple[str, ...]:
    cut = [str(one.source_port) for one in seen.ilb.rules if one.source_port not in named]
    warnings = [] if seen.vantage_points or cut or not named else [_UNPROVEN]
    if not named:
        warnings.append("No name leads to them, so neither can be withdrawn: clients that know "
                        "both addresses go on with the other one.")  # fmt: skip
    else:
        warnings.append(f"Half of its capacity serves meanwhile. Connections that stay open longer "
                        f"than the TTL of {in_words(seen.names)} are cut once.")  # fmt: skip
    warnings += seen.slow(seen.names) if named else ()
    if named and cut:
        warnings.append(f"Clients of port {in_words(cut)} have the bare address, and no name leads "
                        "them away: they are cut while theirs is stopped and started.")  # fmt: skip
    warnings += [text for one in due for text in words.warns(one)]
    return tuple(dict.fromkeys(warnings))


def _warnings_of_an_outage(seen: ServiceView, words: Wording) -> tuple[str, ...]:
    warnings = ["Requests in flight and open connections through it are cut."]
    if not seen.ilb.rules:
        warnings.append("No rule is visible on it: what it carries is unknown, not nothing.")
    why = why_not_beside(seen)
    if why and seen.ilb.rules:
        warnings.append(f"Its traffic cannot be moved meanwhile: {why}.")
    return (*warnings, *words.warns(seen.ilb))
