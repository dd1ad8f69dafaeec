"""Says in which respects a tier is no longer as ilbot left it: pure, and nothing is put back."""

from __future__ import annotations

from bot.domain.comparison import Comparison, Verdict
from bot.domain.reconcile_acl import is_drifted
from bot.domain.rule_state import state_of
from bot.domain.site import Site

_MISSING = {Verdict.CREATE: "is gone", Verdict.REPAIR: "is half done"}


def drift_from(found: Comparison) -> tuple[str, ...]:
    """Say what differs from the spec that was applied last, a line each."""
    return tuple(
        f"{one.what} {_MISSING[one.verdict]}: {one.detail}" if one.verdict in _MISSING
        else f"{one.what}: {one.detail}"
        for one in found.differences
        if one.is_change or one.verdict in {Verdict.DRIFT, Verdict.OTHER}
    )  # fmt: skip


def drift_by_signs(site: Site) -> tuple[str, ...]:
    """Say what its own tags show to be changed; without its spec nobody can say into what."""
    lines = []
    for rule in sorted(site.rules, key=lambda one: (one.vip, one.source_port)):
        at, state = f"{rule.vip}:{rule.source_port}", state_of(rule, site.stickiness_of(rule))
        if rule.is_half_done:
            lines.append(f"{at} is half done: {rule.state}")
        elif state.applied and not state.is_ours:
            lines.append(f"{at}: somebody changed it since ilbot applied it")
    if site.acl is not None and is_drifted(site.acl):
        lines.append(f"ACL {site.acl.name}: somebody changed it since ilbot made it")
    return tuple(lines)
