"""provision: bring one tier's load balancing to what a spec says, and touch nothing else.

1. Enable the internal LB provider, where it is not.
2. For each rule that is not as wanted, new ones first and removals last: create it, change its
   members, stickiness and tags, or, as ports and algorithm cannot be changed, hold the VIP with
   another rule, delete it and create it again. The ILB VM comes with the first member.
3. Expect an ILB VM to be Running on each VIP that has members.
4. Make the network ACL list as wanted and put it in force in one call.
5. Pass the point of no return: delete an ACL list of ilbot's own that nothing uses any more.

Doing it twice changes nothing, and whatever was begun is completed: each step looks first.
What somebody else changed is shown and left alone, unless the wish says to overwrite it.
"""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.comparison import Comparison, RuleChange, Verdict
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.probing import Watched
from bot.domain.reconcile import compare
from bot.domain.site import Site
from bot.engine.api import Run, StepFailed
from bot.errors import Refused
from bot.services.runbooks import Probing, Runbook
from bot.services.spec_file import read_spec
from bot.services.subjects import TIER
from workflows.steps import acl, lb_rule, probe, provider, tier

NAME = "provision"
_COMPARISON: TypeAdapter[Comparison] = TypeAdapter(Comparison)


class ProvisionRequest(BaseModel):
    """What a person may ask of `provision`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="the tier that the spec names")
    spec: str = Field(description="what the tier shall have, as YAML")
    overwrite: bool = Field(default=False, description="also overwrite what somebody else changed")


def wish_of(text: str, name: str, *, overwrite: bool, because: str = "") -> Wish:
    """Return the wish for a spec, which is called `name` in complaints.

    Raises `Refused` with a line for each thing that is wrong in it.
    """
    parameters = (("spec", text), ("overwrite", str(overwrite)))
    return Wish(NAME, read_spec(text, name).tier, parameters, because)


def plan(site: Site, wish: Wish) -> Plan | NothingToDo:
    """Plan what brings the tier to its spec; `Refused` for what CloudStack cannot do."""
    _refuse_busy(site)
    found = _compare(site, wish.parameter("spec"), wish.parameter("overwrite"))
    if found.is_empty:
        return _nothing(site, found)
    return Plan(
        runbook=NAME,
        target=site.target,
        summary=_summary(site, found),
        facts=site.facts(),
        steps=_steps(site, found),
        exposure=_exposure(found),
        blast_radius=_blast_radius(site, found),
        warnings=_warnings(site, found),
        parameters=(
            ("spec", wish.parameter("spec")),
            ("overwrite", wish.parameter("overwrite")),
            ("comparison", _COMPARISON.dump_json(found).decode()),
            ("serving", " ".join(str(one) for one in _serving(site, found))),
        ),
        diff=tuple(one.text for one in found.differences),
    )


async def apply(run: Run, planned: Plan) -> None:
    """Change what differs, as the module's docstring numbers it."""
    found, target = comparison_of(planned), planned.target
    if found.provider_id:
        run.undo(
            "disable provider InternalLbVm again",
            lambda: provider.set_state(run, found.provider_id, provider.DISABLED),
        )
        await provider.enable(run, found.provider_id)
    for change in found.rules:
        await lb_rule.carry_out(run, target.tier_id, change)
        await probe.within_budget(run)
    for vip in _served(found):
        if not await run.step(tier.ilb_at, target.tier_id, vip):
            text = f"serve {vip}: its rules are in place, and no ILB VM with it became Running"
            raise StepFailed("ilb_at", "permanent", text, in_doubt=False)
    if found.acl is not None:
        change_acl = found.acl
        list_id = change_acl.list_id or await acl.make(run, target.vpc_id, change_acl)
        run.undo(
            f"put ACL list {change_acl.before_name} back in force",
            lambda: acl.put_in_force(
                run, target.tier_id, change_acl.before_id, change_acl.before_name
            ),
        )
        await acl.put_in_force(run, target.tier_id, list_id, change_acl.name)
        if change_acl.drops_before:
            run.commit()
            await acl.drop(run, target.vpc_id, change_acl.before_id, change_acl.before_name)


def left_to_do(site: Site, planned: Plan) -> tuple[str, ...]:
    """Return what is still not as planned: planning again must find nothing to do."""
    try:
        found = _compare(site, planned.parameter("spec"), planned.parameter("overwrite"))
    except Refused as no:
        return (str(no),)
    left = [one.text for one in found.differences if one.is_change]
    before = {one.what for one in comparison_of(planned).of(Verdict.DRIFT)}
    new = [one for one in found.of(Verdict.DRIFT) if one.what not in before]
    return (*left, *(one.text for one in new))


def unsafe(site: Site, planned: Plan) -> str:
    """Say why a failed change must not be left alone: a rule that served is gone or half done."""
    found = comparison_of(planned)
    keepers = [site.rule_at(change.vip, change.keeper) for change in found.rules if change.keeper]
    held = [f"{one.vip}:{one.source_port} only holds the VIP" for one in keepers if one]
    return "; ".join([*filter(None, (_broken(site, change) for change in found.rules)), *held])


def _broken(site: Site, change: RuleChange) -> str:
    rule, at = site.rule_at(change.vip, change.port), f"{change.vip}:{change.port}"
    if rule is not None and rule.is_half_done:
        return f"{at} is half done ({rule.state})"
    if rule is None and change.before is not None and change.after is not None:
        return f"{at} is gone and not served"
    return ""


def comparison_of(planned: Plan) -> Comparison:
    """Return the comparison that a plan was made of."""
    return _COMPARISON.validate_json(planned.parameter("comparison"))


def probed(planned: Plan) -> Probing:
    """Watch what serves and is not replaced: all rules of the tier are sent again with any change,
    and their traffic ought not to notice."""
    at = (one.rsplit(":", 1) for one in planned.parameter("serving").split())
    return Probing(tuple(Watched(vip, int(port)) for vip, port in at), judged=True)


def _serving(site: Site, found: Comparison) -> tuple[Watched, ...]:
    gone = {(one.vip, one.port) for one in found.rules if one.is_replaced or one.after is None}
    broken = {(one.vip, one.port) for one in found.rules if one.is_broken}
    serving = (Watched(one.vip, one.source_port) for one in site.rules if one.is_active)
    return tuple(sorted(one for one in serving if (one.vip, one.port) not in gone | broken))


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what the plan does, in the words of the topology."""
    found = comparison_of(planned)
    kinds = (
        (bool(found.provider_id), Act.ENABLE_PROVIDER),
        (any(one.before is None for one in found.rules), Act.ADD_RULE),
        (any(one.before and one.after for one in found.rules), Act.CHANGE_RULE),
        (any(one.after is None for one in found.rules), Act.REMOVE_RULE),
        (found.acl is not None, Act.CHANGE_ACL),
    )
    return tuple(act for is_so, act in kinds if is_so)


def _compare(site: Site, text: str, overwrite: str) -> Comparison:
    return compare(site, read_spec(text, "spec"), overwrite=overwrite == "True")


def _served(found: Comparison) -> tuple[str, ...]:
    """The VIPs on which a machine must run: those of changed rules with members."""
    return tuple(dict.fromkeys(c.vip for c in found.rules if c.after and c.after.members))


def _refuse_busy(site: Site) -> None:
    if site.busy_with:
        raise Refused(
            f"Operation {site.busy_with} is open on tier {site.tier.name}.",
            until="it ends",
            instead=f"`why {site.busy_with}` shows where it stands.",
        )


def _nothing(site: Site, found: Comparison) -> NothingToDo:
    drift = found.of(Verdict.DRIFT)
    if drift:
        reason = (
            f"Tier {site.tier.name} differs from its spec only where somebody else changed it, "
            "and that is left alone; `overwrite` puts it back."
        )
    else:
        reason = f"Tier {site.tier.name} already is as its spec says."
    return NothingToDo(reason, tuple(one.text for one in found.differences))


def _summary(site: Site, found: Comparison) -> str:
    changes = Counter(one.verdict for one in found.differences if one.is_change)
    said = [f"{verdict} {count}" for verdict, count in sorted(changes.items())]
    return f"Provision tier {site.tier.name}: {', '.join(said)}"


def _steps(site: Site, found: Comparison) -> tuple[PlannedStep, ...]:
    steps = []
    if found.provider_id:
        steps.append(PlannedStep("Enable provider InternalLbVm", undo="disable it"))
    steps += [_rule_step(change) for change in found.rules]
    if vips := _served(found):
        steps.append(PlannedStep(f"Check that an ILB VM runs with {in_words(vips)}"))
    if found.acl is not None:
        name, before = found.acl.name, found.acl.before_name
        if not found.acl.list_id:
            steps.append(PlannedStep(f"Make ACL list {name}", undo="delete it"))
        text = f"Put ACL list {name} in force on tier {site.tier.name}"
        steps.append(PlannedStep(text, undo=f"put {before} back in force"))
        if found.acl.drops_before:
            steps.append(PlannedStep(f"Delete ACL list {before}, unused now", no_return=True))
    steps.append(PlannedStep("Compare the tier with the spec again"))
    return tuple(steps)


def _rule_step(change: RuleChange) -> PlannedStep:
    at = f"{change.vip}:{change.port}"
    if change.after is None:
        return PlannedStep(f"Remove the rule on {at}", undo="create it again as it was")
    if change.before is None and not change.is_broken:
        return PlannedStep(f"Create the rule on {at} with its members", undo="remove it")
    hold = f", while port {change.keeper} holds the VIP" if change.keeper else ""
    if change.is_replaced or change.before is None:
        text = f"Delete the rule on {at} and create it again{hold}"
        return PlannedStep(text, undo="the same with what it was" if change.before else "delete it")
    word = "Repair" if change.is_broken else "Change"
    return PlannedStep(f"{word} the rule on {at}", undo="change it back")


def _exposure(found: Comparison) -> Exposure:
    cut = [f"{one.vip}:{one.port}" for one in found.rules if one.is_replaced or one.after is None]
    if not cut:
        return Exposure("nothing", 0.0, "no rule that serves is taken away")
    return Exposure(
        in_words(cut), None,
        "not known: from the deletion of each rule to its creation, two CloudStack jobs",
    )  # fmt: skip


def _blast_radius(site: Site, found: Comparison) -> tuple[str, ...]:
    """Any change of rules sends all rules of the tier again and starts its stopped ILB VMs."""
    lines = []
    if found.rules:
        for vm in sorted(site.vms, key=lambda one: one.vip):
            effect = "its rules are sent again" if vm.state is VmState.RUNNING else "it is started"
            lines.append(f"{vm.name} ({vm.vip}, {vm.state}): {effect}")
        new = [vip for vip in _served(found) if site.ilb_at(vip) is None]
        lines += [f"{vip}: a new ILB VM with the default offering" for vip in new]
    if found.acl is not None:
        lines.append(f"everything in tier {site.tier.name}: its ACL list is another one")
    if found.provider_id:
        lines.append("all tiers of the physical network may have internal load balancing")
    return tuple(lines)


def _warnings(site: Site, found: Comparison) -> tuple[str, ...]:
    warnings = list(found.notes)
    if any(one.is_replaced or one.is_broken for one in found.rules):
        warnings.append("Open connections through a rule that is created again are cut.")
    if found.rules and site.vms:
        warnings.append("Each ILB of the tier counts from zero after a change of rules.")
    if found.of(Verdict.DRIFT):
        warnings.append("What somebody else changed is left alone; `overwrite` puts it back.")
    return tuple(warnings)


RUNBOOK = Runbook(
    name=NAME,
    summary="bring a tier's ILBs, rules, members and ACL to what a spec says",
    subject=TIER,
    request=ProvisionRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=acts,
    probed=probed,
    not_measured="Traffic through the VIPs was not measured.",
    by_form=True,
)
