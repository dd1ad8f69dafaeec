"""Publishes a service's name: by an update of ours, or by asking a person and looking."""

from __future__ import annotations

import math

from bot.domain.names import DirectoryKind, Record
from bot.domain.question import Question
from bot.engine.api import Retry, Run, Settled, StepFailed, verb
from bot.errors import Permanent
from bot.ports import World
from workflows.steps import person
from workflows.steps.jobs import PATIENT, until

AT_ONCE_S = 30.0
"""So long the primary server itself may take to show what it accepted."""
PIECE_S = 15.0
MOST = 40
"""A day's TTL is waited for in so many pieces, each a step in the engine's database."""


@verb(retry=PATIENT)
async def directory_kind(world: World) -> DirectoryKind:
    """Return who changes records; kept, so that a changed setting changes no run on its way."""
    return world.directory.kind


async def _record_taken(world: World, before: Record, after: Record) -> Settled[str] | None:
    now = await world.directory.look(before.name)
    return Settled(_in_words(now)) if now.addresses == after.addresses else None


@verb(settle=_record_taken, retry=PATIENT)
async def submit_record(world: World, before: Record, after: Record) -> str:
    """Replace a record by one update, only while it is as it was seen; return what it became.

    A record that is already as wanted stays; one that is neither fails.
    """
    if not await world.directory.replace(before, after):
        now = await world.directory.look(before.name)
        if now.addresses != after.addresses:
            raise Permanent(_by_somebody_else(now, before, after))
    return _in_words(after)


@verb(retry=PATIENT, timeout_s=300.0, waits=True)
async def record_shows(world: World, after: Record, seconds: float) -> Record:
    """Look until a name has the wanted addresses, or that long; return what it had last."""

    async def shows() -> Record | None:
        now = await world.directory.look(after.name)
        return now if now.addresses == after.addresses else None

    return await until(world, seconds, shows) or await world.directory.look(after.name)


@verb(retry=Retry(attempts=3))
async def published(world: World, names: tuple[str, ...]) -> tuple[Record, ...]:
    """Return what is published for these names now; it gives up soon where nobody answers."""
    return tuple([await world.directory.look(name) for name in names])


@verb(retry=PATIENT)
async def goes_on(world: World) -> bool:
    """Do nothing but hear of a stop, which every step does."""
    return True


def pieces(seconds: float) -> tuple[float, ...]:
    """Cut a wait, so that a stop is heard in it: every `PIECE_S`, of long ones in `MOST` places."""
    count = min(MOST, max(1, math.ceil(seconds / PIECE_S)))
    return (seconds / count,) * count


async def publish(run: Run, before: Record, after: Record) -> None:
    """Bring a name from `before` to `after`, and wait until nobody remembers `before` any more.

    That takes the TTL of `before`, as the plan states. Undoing it is the same the other way round.
    Raises `StepFailed` where somebody else changed the name, or a person did not in time.
    """
    if before.addresses == after.addresses:
        return
    await change(run, before, after)
    first, *more = pieces(before.ttl_s)
    await run.sleep(first)
    for piece in more:
        await run.step(goes_on)
        await run.sleep(piece)


async def change(run: Run, before: Record, after: Record) -> None:
    """Bring a name from `before` to `after` as `publish` does, and wait for nobody's memory."""
    if await run.step(directory_kind) is DirectoryKind.MANUAL:
        await _by_a_person(run, before, after)
    else:
        await _by_an_update(run, before, after)


async def _by_an_update(run: Run, before: Record, after: Record) -> None:
    await run.step(submit_record, before, after)
    now = await run.step(record_shows, after, AT_ONCE_S)
    if now.addresses != after.addresses:
        raise _failed(_by_somebody_else(now, before, after))


async def _by_a_person(run: Run, before: Record, after: Record) -> None:
    """Ask until the name resolves as wanted, or the time is over.

    Somebody who is done is believed once the name resolves to it, a cached answer's time later.
    """
    now = await run.step(record_shows, after, 0.0)
    _refuse_another(now, before, after)
    deadline_at = await run.step(person.person_deadline)
    told = ""
    while now.addresses != after.addresses:
        text = f"{told}Change {before.name} in your DNS, then press Done."
        question = Question(f"{run.next_step:03d}", text, _lines(before, after), deadline_at)
        by = await person.ask(run, question)
        if not by:
            raise _failed(
                f"change {before.name}: nobody did in time; it resolves to {_in_words(now)}"
            )
        now = await _shown(run, before, after)
        told = f"{by} said it is done, and {before.name} still resolves to {_in_words(now)}. "


async def _shown(run: Run, before: Record, after: Record) -> Record:
    """Look for as long as a resolver may remember `before`; return what there is then."""
    for piece in (*pieces(before.ttl_s), 0.0):
        now = await run.step(record_shows, after, 0.0)
        _refuse_another(now, before, after)
        if now.addresses == after.addresses:
            break
        await run.sleep(piece)
    return now


def _refuse_another(now: Record, before: Record, after: Record) -> None:
    if now.addresses not in {before.addresses, after.addresses}:
        raise _failed(_by_somebody_else(now, before, after))


def _lines(before: Record, after: Record) -> tuple[str, ...]:
    """Show the zone file as it is and as it must become; a comment begins with `;`."""
    ttl_s = before.ttl_s or after.ttl_s
    now = Record(before.name, before.addresses, ttl_s).lines() or ("; no A record",)
    wanted = Record(after.name, after.addresses, ttl_s).lines() or ("; no A record",)
    return ("; now", *now, "; wanted", *wanted)


def _in_words(record: Record) -> str:
    return ", ".join(record.addresses) or "nothing"


def _by_somebody_else(now: Record, before: Record, after: Record) -> str:
    return (
        f"change {before.name} from {_in_words(before)} to {_in_words(after)}: somebody else "
        f"changed it, it is {_in_words(now)}"
    )


def _failed(text: str) -> StepFailed:
    return StepFailed("directory", "permanent", text, in_doubt=False)
