"""Turns the mode of an incident's policy into how far to go just now: repairs must not run wild."""

from __future__ import annotations

from bot.domain.operation import Mode, Operation, Outcome, State
from bot.domain.policy import IncidentPolicy
from bot.services.incident_desk import Desk
from bot.services.schema import operation as table

STORM_WINDOW_S = 600.0
STORM_SIZE = 3
"""So many automatic changes within the window, and the next ones ask a person (the breaker)."""


async def mode_now(desk: Desk, policy: IncidentPolicy, target_id: str) -> tuple[Mode, str]:
    """Return how far to go, and why.

    Automatic becomes a question after a repair of the same target, or in a storm.
    """
    if policy.mode is not Mode.AUTOMATIC:
        return policy.mode, f"the policy says {policy.mode}"
    now = desk.clock.now()
    cooldown_s = desk.policies().runbook(policy.runbook).cooldown_s
    recent = await _recent(desk, now - max(cooldown_s, STORM_WINDOW_S))
    on_it = [op for op in recent if op.target_id == target_id]
    if on_it and now - on_it[0].created_at < cooldown_s:
        ago = (now - on_it[0].created_at) / 60
        return Mode.APPROVE, f"repaired {ago:.0f} min ago already ({on_it[0].id}), so ask"
    storm = [op for op in recent if now - op.created_at < STORM_WINDOW_S]
    if len(storm) >= STORM_SIZE:
        return Mode.APPROVE, f"{len(storm)} automatic changes in 10 min, so ask"
    return Mode.AUTOMATIC, "the policy says automatic"


async def _recent(desk: Desk, since: float) -> tuple[Operation, ...]:
    found = await desk.journal.operations(table.c.created_at >= since, limit=100)
    return tuple(
        op
        for op in found
        if op.mode is Mode.AUTOMATIC
        and not op.requested_by.is_person
        and (op.state is not State.ENDED or op.outcome is not Outcome.NOTHING_TO_DO)
    )
