"""Turns the state of an LB rule, or what two states differ in, into words for a diff."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.cloud import IlbVm
from bot.domain.plan import in_words
from bot.domain.rule_state import RuleState
from bot.domain.site import Site
from bot.domain.spec import NAME_TAG, SERVICE_TAG


def rule_words(site: Site, state: RuleState) -> str:
    """Say all of a rule but its place."""
    parts = [f"→ {state.to}", state.algorithm, _member_words(site, state.members)]
    if state.stickiness:
        parts.append(f"sticky by {state.stickiness.method}")
    parts += [f"{key.removeprefix('ilbot.')} {value}" for key, value in _service_tags(state)]
    return ", ".join(parts)


def hidden_words(vm: IlbVm) -> str:
    """Say, without a full stop, why a machine that shows no rule is there all the same."""
    return f"ILB VM {vm.name} ({vm.vip}) is there whose rules are hidden (fordisplay=false)"


def _member_words(site: Site, ids: Iterable[str]) -> str:
    names = sorted(_name(site, vm_id) for vm_id in ids)
    return f"members {in_words(names)}" if names else "no member"


def _name(site: Site, vm_id: str) -> str:
    return next((vm.name for vm in site.machines if vm.id == vm_id), vm_id)


def _service_tags(state: RuleState) -> tuple[tuple[str, str], ...]:
    return tuple(tag for tag in state.tags if tag[0] in {SERVICE_TAG, NAME_TAG})


def delta_words(site: Site, old: RuleState, new: RuleState) -> str:
    """Say what is other: `members + app-3 - app-1, algorithm roundrobin → source`."""
    parts = [
        f"{word} {was or 'none'} → {is_ or 'none'}"
        for word, was, is_ in (
            ("to port", str(old.to), str(new.to)),
            ("algorithm", old.algorithm, new.algorithm),
            ("stickiness", _sticky(old), _sticky(new)),
            *((key.removeprefix("ilbot."), dict(old.tags).get(key, ""), dict(new.tags).get(key, ""))
              for key in (SERVICE_TAG, NAME_TAG)),
        )
        if was != is_
    ]  # fmt: skip
    more = [f"+ {_name(site, one)}" for one in new.members if one not in old.members]
    less = [f"- {_name(site, one)}" for one in old.members if one not in new.members]
    return ", ".join([*parts, *([f"members {' '.join(more + less)}"] if more or less else [])])


def _sticky(state: RuleState) -> str:
    if state.stickiness is None:
        return ""
    given = " ".join(f"{name}={value}" for name, value in state.stickiness.parameters)
    return f"{state.stickiness.method} {given}".strip()
