"""The evidence of a change as it is kept in the audit journal, and in words people read aloud."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import TypeAdapter

from bot.domain.page import duration
from bot.domain.plan import in_words
from bot.domain.probing import SLOW_S, Evidence, Seen, Tally
from bot.services import traffic_clients
from bot.services.audit import Entry
from bot.services.journal import Journal

MEASURED = "measured"
"""The audit row that holds the evidence an operation was judged by."""
_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


async def keep(journal: Journal, operation_id: str, found: Evidence) -> Evidence:
    """Keep the evidence of an operation; the first that was kept is what it is judged by."""
    data = _EVIDENCE.dump_python(found.without_series(), mode="json")
    if await journal.note(operation_id, "", MEASURED, data):
        return found
    return evidence_in(await journal.notes(operation_id)) or found


def evidence_in(notes: Iterable[Entry]) -> Evidence | None:
    """Return the evidence among an operation's audit rows, None where nothing was measured."""
    rows = [note.data for note in notes if note.kind == MEASURED]
    return _EVIDENCE.validate_python(rows[-1]) if rows else None


def in_lines(found: Evidence) -> tuple[str, ...]:
    """Tell the numbers, how they were taken, and what they do not show."""
    others = traffic_clients.in_lines(found)
    lines = [_numbers(found), _method(found), *_withdrawn(found), *others, _blind_spots(found)]
    if found.not_valid:
        what = f"only {found.surely_lost} losses" if found.surely_lost else "nothing"
        lines.insert(0, f"These numbers prove {what}: {found.not_valid}.")
    return tuple(lines)


def _numbers(found: Evidence) -> str:
    counted = [one for one in found.tallies if one.counts]
    parts = [
        f"{found.attempts} new connections: {_failed(found, counted)}",
        f"{found.held} held open: {_cut(found.resets)}",
    ]
    if found.slow:
        parts.append(f"{found.slow} took {SLOW_S:g} s or longer")
    if found.longest_gap_s:
        where = max(counted, key=lambda one: one.longest_gap_s)
        parts.append(f"longest gap {duration(found.longest_gap_s)}, at {where}")
    if found.p99_s:
        half, most = found.p50_s * 1000, found.p99_s * 1000
        parts.append(f"half answered within {half:.0f} ms, 99 % within {most:.0f} ms")
    return f"Traffic: {'; '.join(parts)}."


def _cut(resets: int) -> str:
    return "none was cut" if not resets else "1 was cut" if resets == 1 else f"{resets} were cut"


def _failed(found: Evidence, counted: list[Tally]) -> str:
    if not found.failed:
        return "none failed"
    total = sum((one.seen for one in counted), Seen())
    kinds = {"refused": total.refused, "closed at once": total.closed, "timed out": total.timed_out}
    told = in_words([f"{count} {kind}" for kind, count in kinds.items() if count])
    return f"{found.failed} failed ({told})"


def _method(found: Evidence) -> str:
    places = sorted({f"{one.vip}:{one.port}" for one in found.tallies})
    seconds = sum(one.seconds for one in found.tallies)
    rate = sum(one.seen.attempts for one in found.tallies) / max(1, seconds)
    return (
        f"Measured from {in_words(found.vantage_points)} for {duration(found.watched_s)}: about "
        f"{rate:.0f} new connections a second at {in_words(places)} from each."
    )


def _withdrawn(found: Evidence) -> list[str]:
    lost = [one for one in found.tallies if not one.counts and one.seen.lost]
    return [
        f"Withdrawn, so not counted: {one.seen.failed} of {one.seen.attempts} failed at {one}."
        for one in lost
    ]


def _blind_spots(found: Evidence) -> str:
    spots = [
        "whether members answer rightly (connections are opened and nothing is sent)",
        "a held connection to a machine that vanished without a word",
        *traffic_clients.not_seen(found),
        "how it is from anywhere else",
    ]
    if found.blind_s:
        spots.append(f"{duration(found.blind_s)} in which nobody looked")
    return f"Not seen: {in_words(spots)}."
