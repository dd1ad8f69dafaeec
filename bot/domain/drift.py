"""Says in which respects a tier is no longer as ilbot left it: pure, and nothing is put back."""

from __future__ import annotations

from collections.abc import Collection

from bot.domain.comparison import Comparison, Difference, Verdict
from bot.domain.reconcile_acl import is_drifted
from bot.domain.rule_state import state_of
from bot.domain.site import Site

_MISSING = {Verdict.CREATE: "is gone", Verdict.REPAIR: "is half done"}


def drift_from(found: Comparison, site: Site, left: Collection[str]) -> tuple[str, ...]:
    """Say what differs from the spec that was applied last, a line each.

    `left` is the diff that was approved with it: what it left alone then is no drift. Of what
    the spec does not name, the tags of ilbot tell, which an earlier spec of the tier left there.
    """
    signs = _signs(site)
    named = {one.what for one in found.differences if one.verdict is not Verdict.OTHER}
    others = (one for one in found.of(Verdict.OTHER) if one.text not in left)
    return (
        *(_line(one) for one in found.differences if one.is_change or one.verdict is Verdict.DRIFT),
        *(_line(one) for one in others if one.what not in signs),
        *(line for what, line in signs.items() if what not in named),
    )


def drift_by_signs(site: Site) -> tuple[str, ...]:
    """Say what its own tags show to be changed; without its spec nobody can say into what."""
    return tuple(_signs(site).values())


def _line(one: Difference) -> str:
    missing = f" {_MISSING[one.verdict]}" if one.verdict in _MISSING else ""
    return f"{one.what}{missing}: {one.detail}"


def _signs(site: Site) -> dict[str, str]:
    """Return a line for each place or list that does not fit its tag, by what it is about."""
    lines = {}
    for rule in sorted(site.rules, key=lambda one: (one.vip, one.source_port)):
        at, state = f"{rule.vip}:{rule.source_port}", state_of(rule, site.stickiness_of(rule))
        if rule.is_half_done:
            lines[at] = f"{at} is half done: {rule.state}"
        elif state.applied and not state.is_ours:
            lines[at] = f"{at}: somebody changed it since ilbot applied it"
    if site.acl is not None and is_drifted(site.acl):
        about = f"ACL {site.acl.name}"
        lines[about] = f"{about}: somebody changed it since ilbot made it"
    return lines
