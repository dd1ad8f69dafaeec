"""Plans a split in words and values, and says what one left: pure functions of what was seen."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain import split_words
from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.comparison import RuleChange
from bot.domain.ilb_acts import forbidden
from bot.domain.operation import Wish
from bot.domain.page import duration
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.router_acts import forbidden as forbidden_to_routers
from bot.domain.router_view import RouterView
from bot.domain.rule_state import state_of
from bot.domain.service_view import ServiceView
from bot.domain.splitting import Do, Splitting, Stage, Wanted, splitting, stages
from bot.domain.topology import router_target_of
from bot.errors import Refused
from bot.services.splittable import Seen, parameters, splitting_of
from workflows.steps.probe import DRAIN_S

UNEVEN = 1.5
"""From here the busiest ILB's share is so many times an even one that the plan says so."""


def plan(seen: Seen, wish: Wish, runbook: str) -> Plan | NothingToDo:
    """Plan a split of what was seen; `Refused` where there is nothing to divide or to go by."""
    if isinstance(seen, RouterView):
        answer = forbidden_to_routers(router_target_of(seen), (Act.SPLIT,))
        assert answer is not None, "no router can be split"
        raise Refused(answer.text, instead=answer.instead)
    _refuse_what_stands_in_the_way(seen)
    found = splitting(seen, _wanted(wish))
    return Plan(
        runbook=runbook,
        target=seen.target,
        summary=f"Split {seen.ilb.name} at {found.vip} into {len(found.parts)} ILBs",
        facts=seen.facts(),
        steps=tuple(_step(seen, found, stage) for stage in stages(found)),
        exposure=Exposure("nothing", 0.0, "each service is served where it was until its clients "
                          "have gone to the new ILB"),
        blast_radius=(
            *seen.topology.blast_radius(), *(f"{vip}: a new ILB VM" for vip in found.vips)
        ),
        warnings=_warnings(seen, found),
        parameters=(
            *parameters(seen, found),
            ("tier", seen.ilb.tier.id),
            ("vip", found.vip),
            ("proof", "probe" if seen.vantage_points else "none"),
            (DRAIN_S, f"{seen.drain_s:g}"),
        ),
        diff=split_words.division(found, seen.ilb.name),
        by_person="a split is never begun without a person",
    )  # fmt: skip


def _wanted(wish: Wish) -> Wanted:
    return Wanted(
        into=int(wish.parameter("into") or 0),
        groups=wish.parameter("groups"),
        weights=wish.parameter("weights"),
        together=wish.parameter("together"),
    )


def _refuse_what_stands_in_the_way(seen: ServiceView) -> None:
    if seen.ilb.busy_with:
        raise Refused(
            f"Operation {seen.ilb.busy_with} is open on {seen.ilb.name}.",
            until="it ends",
            instead=f"`why {seen.ilb.busy_with}` shows where it stands.",
        )
    if answer := forbidden(seen.topology, (Act.SPLIT,)):
        raise Refused(answer.text, instead=answer.instead)


def _step(seen: ServiceView, found: Splitting, stage: Stage) -> PlannedStep:
    match stage.do:
        case Do.BUILD:
            return _build(seen, found, stage.vip)
        case Do.PROVE:
            lookers = in_words(seen.vantage_points)
            return PlannedStep(
                f"Prove from {lookers} that {stage.vip} answers on every port" if lookers
                else f"See that {stage.vip} serves, by CloudStack's word alone"
            )  # fmt: skip
        case Do.PUBLISH:
            assert stage.passage is not None
            moves = in_words([move.text for move in stage.passage.moves])
            return PlannedStep(
                f"Publish {moves}, wait until clients have looked again, and watch it",
                undo="publish it as before, once the old address answers",
            )
        case Do.QUIET:
            assert stage.passage is not None
            return PlannedStep(_quiet(seen, found, stage.passage.ports))
        case Do.REMOVE:
            assert stage.passage is not None
            old = in_words([f"{one.vip}:{one.port}" for one in stage.passage.removes])
            return PlannedStep(f"Delete {old}", undo="create it again, with its members")


def _build(seen: ServiceView, found: Splitting, vip: str) -> PlannedStep:
    labels = in_words([one.label for one in found.of(vip)])
    ports = in_words([str(port) for one in found.of(vip) for port in one.ports])
    fitted = (
        f", with the offering {seen.ilb.vm.offering_name}"
        if found.offering_id and seen.ilb.vm
        else ""
    )
    return PlannedStep(
        f"Build an ILB at {vip} for {labels}: the rules on {ports} with the same members{fitted}, "
        "on a host of its own where one is free",
        undo="delete its rules; the ILB VM goes with the last",
    )


def _quiet(seen: ServiceView, found: Splitting, ports: tuple[int, ...]) -> str:
    old = in_words([f"{found.vip}:{port}" for port in ports])
    if not seen.vantage_points:
        return f"Wait until a person says that no client uses {old} any more"
    return (
        f"Wait until no client uses {old} any more, {duration(seen.drain_s)} at most; after that, "
        "or where HAProxy's stats page is not seen, until a person says so"
    )


def _warnings(seen: ServiceView, found: Splitting) -> tuple[str, ...]:
    warnings = [split_words.basis(found)]
    busiest = max((part.share for part in found.parts if part.share is not None), default=0.0)
    if len(found.parts) * busiest > UNEVEN:
        warnings.append(
            f"The busiest ILB still carries {split_words.percent(busiest)}: what one service "
            "carries is not divided by a split. A twin of it (`pair`) does that."
        )
    if seen.hosts and len(seen.spare_hosts) < len(found.vips):
        warnings.append("There are fewer hosts that take machines than new ILBs: some share one, "
                        "and its CPU.")  # fmt: skip
    if not seen.vantage_points:
        warnings.append("No vantage point looks at it, so nothing is proven: the outcome will be "
                        "unverified.")  # fmt: skip
    moved = {port for one in found.passages for port in one.ports}
    warnings += seen.slow(move.after.name for one in found.passages for move in one.moves)
    if any(seen.site.stickiness_of(rule) for rule in seen.ilb.rules if rule.source_port in moved):
        warnings.append("Each new ILB begins with an empty table of sticky clients.")
    warnings.append("Each ILB of the tier counts from zero after a change of rules.")
    warnings.append(
        f"Clients that know {found.vip} itself instead of a name that moves are refused once its "
        "old rule is gone."
    )
    return tuple(warnings)


def left_to_do(seen: Seen, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned: who serves what, where, and which name leads there."""
    if isinstance(seen, RouterView):
        return ()
    found = splitting_of(planned)
    left = [why for vip in (found.vip, *found.vips) if (why := _not_running(seen, vip))]
    for one in found.passages:
        for change in one.builds:
            rule = seen.site.rule_at(change.vip, change.port)
            state = rule and state_of(rule, seen.site.stickiness_of(rule))
            if rule is None or not rule.is_active:
                left.append(f"{change.vip}:{change.port} does not serve")
            elif state and change.after and not state.is_like(change.after):
                left.append(f"{change.vip}:{change.port} is not like the rule it replaces")
        left += [
            f"{change.vip}:{change.port} is still there" for change in one.removes
            if seen.site.rule_at(change.vip, change.port)
        ]  # fmt: skip
        left += [
            f"{move.after.name} is published as "
            f"{in_words(seen.record(move.after.name).addresses) or 'nothing'}"
            for move in one.moves
            if seen.record(move.after.name).addresses != move.after.addresses
        ]
    moved = {port for one in found.passages for port in one.ports}
    kept = tuple(
        fact.name for fact in planned.facts
        if fact.name.startswith("rule on port ")
        and int(fact.name.removeprefix("rule on port ")) not in moved
    )  # fmt: skip
    left += [one for one in seen.changes(planned) if one.partition(":")[0] in kept]
    return tuple(left)


def unsafe(seen: Seen, planned: Plan) -> str:
    """Say why a failed split must not be left alone: a name leads to where its service is not."""
    if isinstance(seen, RouterView):
        return ""
    found = splitting_of(planned)
    if why := _not_running(seen, found.vip):
        stays = in_words(found.parts[0].labels)
        text = (
            f"{why}, so {stays} {'is' if len(found.parts[0].labels) == 1 else 'are'} not served: "
            f"`recover {found.vip}`, or start it in CloudStack where somebody stopped it"
        )
        return "; ".join([text, *_half_way(seen, found)])
    for one in found.passages:
        for move in one.moves:
            addresses = seen.record(move.after.name).addresses
            if not addresses:
                return f"{move.after.name} is not published"
            for address in addresses:
                if why := _not_running(seen, address) or _not_served(seen, address, one.ports):
                    return f"{move.after.name} leads to {address}, and {why}"
    return ""


def _half_way(seen: ServiceView, found: Splitting) -> list[str]:
    """Say of each service that is between two addresses what finishes its way, or leads it back."""
    left = []
    for one in found.passages:
        olds, news = _places(seen, one.removes), _places(seen, one.builds)
        names = in_words([move.after.name for move in one.moves])
        if not all(seen.record(move.after.name).addresses == (one.vip,) for move in one.moves):
            if news:
                left.append(f"{in_words(news)} serves no client yet: delete what was built there")
        elif olds:
            left.append(
                f"{names} leads to {one.vip}, which serves it: delete {in_words(olds)} to finish, "
                f"or publish {names} as {found.vip} again and delete {in_words(news)} after that"
            )
    return left


def _places(seen: ServiceView, changes: Sequence[RuleChange]) -> list[str]:
    """Return those places of changes at which there is a rule."""
    return [f"{one.vip}:{one.port}" for one in changes if seen.site.rule_at(one.vip, one.port)]


def _not_running(seen: ServiceView, vip: str) -> str:
    vm = seen.site.ilb_at(vip)
    if vm is not None and vm.state is VmState.RUNNING:
        return ""
    return f"the ILB VM of {vip} is {vm.state.value if vm else 'missing'}"


def _not_served(seen: ServiceView, vip: str, ports: tuple[int, ...]) -> str:
    rules = [seen.site.rule_at(vip, port) for port in ports]
    missing = [
        str(port) for port, rule in zip(ports, rules, strict=True)
        if rule is None or not rule.is_active
    ]  # fmt: skip
    return f"port {in_words(missing)} is not served there" if missing else ""
