"""Turns the policies file into lines of a check, and all lines into the step to take next."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from bot.cli.check_line import CheckLine, Verdict, ok, refused, warning
from bot.domain.operation import Mode
from bot.domain.plan import in_words
from bot.domain.policy import CAUTION, Policies, Power
from bot.errors import Refused
from bot.services.policies import load_policies
from bot.settings import Settings


def check_policies(
    path: Path, runbooks: Collection[str]
) -> tuple[list[CheckLine], Policies | None]:
    """Read the policies; None where they cannot be used."""
    try:
        policies = load_policies(path, runbooks)
    except Refused as exc:
        return [refused("policies", str(exc))], None
    if not path.exists():
        return [
            warning(
                "policies",
                f"{path} does not exist, so ilbot observes and knows nobody",
                "`ilbot init` writes one beside new settings: name people, roles and modes.",
            )
        ], policies
    told = f"{path}, version {policies.version}, {len(policies.people)} people"
    return [ok("policies", told), *_gaps(policies)], policies


def _gaps(policies: Policies) -> Iterable[CheckLine]:
    if not _with(policies, Power.REQUEST):
        yield warning("policies", "nobody may ask for anything", "Give somebody a role.")
    for policy in policies.runbooks.values():
        deciders = _with(policies, Power.APPROVE, policy.approvers)
        asks_people = CAUTION.index(policy.mode) >= CAUTION.index(Mode.APPROVE)
        if asks_people and not deciders:
            yield refused("policies", f"{policy.runbook} needs approval and nobody may approve")
        elif asks_people and len(deciders) == 1 and deciders == _with(policies, Power.REQUEST):
            (only,) = deciders
            yield warning(
                "policies",
                f"{only} alone may ask for {policy.runbook} and alone may approve it",
                "Nobody approves their own wish: name a second person.",
            )


def _with(policies: Policies, power: Power, role_name: str = "") -> set[str]:
    roles = {
        role.name
        for role in policies.roles
        if power in role.powers and role_name in {"", role.name}
    }
    return {person.name for person in policies.people if person.roles & roles}


def next_step(
    lines: Iterable[CheckLine], settings: Settings, policies: Policies | None
) -> CheckLine:
    """Say the mode that is reached and the step towards the next one."""
    broken = list(dict.fromkeys(line.part for line in lines if line.verdict is Verdict.REFUSED))
    if broken or policies is None:
        return _next(f"Mend {in_words(broken)}, then run `ilbot check` again.")
    modes = {policy.mode for policy in policies.runbooks.values()}
    if not settings.can_write:
        return _next(
            "ilbot observes. To let people approve changes, set cloudstack.write_api_key and"
            " write_secret_key, then `mode: approve` for a runbook in the policies."
        )
    if not modes & {Mode.APPROVE, Mode.AUTOMATIC}:
        return _next(
            "ilbot has a write key and observes all the same. To let people approve changes,"
            " set `mode: approve` for a runbook in the policies; begin with one."
        )
    automatic = {i.kind for i in policies.incidents.values() if i.mode is Mode.AUTOMATIC}
    if not automatic:
        return _next(
            "People approve changes. When approved runs of a runbook went well for a while,"
            " let one incident lead to it by itself: `mode: automatic` with `automatic_on` ids"
            " for the runbook, and `mode: automatic` for the incident."
        )
    return _next(f"ilbot acts by itself on {in_words(sorted(automatic))} where ids are listed.")


def _next(text: str) -> CheckLine:
    return CheckLine("next step", Verdict.NEXT, text)
