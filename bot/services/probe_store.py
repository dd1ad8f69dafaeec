"""Keeps what runs watch and what vantage points saw, in two tables of the journal.

Functions on one connection, each part of somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects import postgresql, sqlite

from bot.domain.operation import State
from bot.domain.probing import Sample, Watched, Watching
from bot.services.schema import operation, probe_sample, probe_watch

_PLACES: TypeAdapter[tuple[Watched, ...]] = TypeAdapter(tuple[Watched, ...])
_SAMPLE: TypeAdapter[Sample] = TypeAdapter(Sample)
_KEPT = 10_000
"""Samples that stay read, about 1 KB each: whoever waits for a proof reads all of a run's again."""
_HISTORY = (
    sa.select(probe_watch)
    .where(probe_watch.c.run == sa.bindparam("run"))
    .order_by(probe_watch.c.since)
)
_OPEN = (
    sa.select(probe_watch)
    .join(operation, probe_watch.c.run == operation.c.id + ":apply")
    .where(operation.c.state != State.ENDED.value)
    .order_by(probe_watch.c.since)
)
_ENDED_AT = sa.select(operation.c.ended_at).where(operation.c.id == sa.bindparam("operation"))
_SEEN = (
    sa.select(probe_sample.c.sample)
    .where(
        probe_sample.c.vip == sa.bindparam("vip"),
        probe_sample.c.port == sa.bindparam("port"),
        probe_sample.c.second >= sa.bindparam("since"),
        probe_sample.c.second < sa.bindparam("until", type_=sa.Float),
    )
    .order_by(probe_sample.c.second, probe_sample.c.vantage)
)


def history(connection: sa.Connection, run_id: str) -> tuple[Watching, ...]:
    """Return what a run has watched, oldest first."""
    rows = connection.execute(_HISTORY, {"run": run_id})
    return tuple(Watching(row.since, _PLACES.validate_json(row.places)) for row in rows)


def watch(connection: sa.Connection, run_id: str, places: Sequence[Watched], now: float) -> None:
    """Keep what a run watches from now on, unless it does already."""
    wanted = tuple(sorted(set(places)))
    before = history(connection, run_id)
    if before and before[-1].places == wanted:
        return
    row = {"run": run_id, "since": now, "places": _PLACES.dump_json(wanted).decode()}
    same_moment = (probe_watch.c.run == run_id) & (probe_watch.c.since == now)
    connection.execute(sa.delete(probe_watch).where(same_moment))
    connection.execute(sa.insert(probe_watch).values(row))


def watched_now(connection: sa.Connection) -> tuple[Watched, ...]:
    """Return what the runs of open operations watch, each place once; as it is for any of them."""
    newest = {row.run: _PLACES.validate_json(row.places) for row in connection.execute(_OPEN)}
    kinds: dict[tuple[str, int], tuple[bool, bool]] = {}
    for places in newest.values():
        for one in places:
            counts, tried = kinds.get(one.at, (False, False))
            kinds[one.at] = counts or one.counts, tried or one.tried
    return tuple(Watched(*place, *kinds[place]) for place in sorted(kinds))


def ended_at(connection: sa.Connection, run_id: str) -> float:
    """Return when the operation of a run ended, 0 where it has not."""
    found = connection.execute(_ENDED_AT, {"operation": run_id.partition(":")[0]})
    return float(found.scalar() or 0.0)


def keep(connection: sa.Connection, samples: Iterable[Sample]) -> int:
    """Keep samples; one that was kept before stays as it is. Returns how many were new."""
    rows = [
        {
            "vip": one.vip, "port": one.port, "second": one.second, "vantage": one.vantage,
            "sample": _SAMPLE.dump_json(one).decode(),
        }
        for one in samples
    ]  # fmt: skip
    if not rows:
        return 0
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(probe_sample).on_conflict_do_nothing()
    # By what comes back: psycopg tells no count of rows for these.
    return len(connection.execute(insert.returning(probe_sample.c.second), rows).all())


def samples(
    connection: sa.Connection, places: Iterable[tuple[str, int]], since: float, until: float
) -> tuple[Sample, ...]:
    """Return what was seen at some places of seconds between two moments."""
    found = []
    for vip, port in sorted(set(places)):
        asked = {"vip": vip, "port": port, "since": int(since), "until": until}
        found += [_sample(row.sample) for row in connection.execute(_SEEN, asked)]
    return tuple(found)


@lru_cache(_KEPT)
def _sample(text: str) -> Sample:
    return _SAMPLE.validate_json(text)


def forget(connection: sa.Connection, before: float) -> int:
    """Remove samples and watches of before a moment; return how many samples went."""
    connection.execute(sa.delete(probe_watch).where(probe_watch.c.since < before))
    gone = connection.execute(sa.delete(probe_sample).where(probe_sample.c.second < before))
    return gone.rowcount
