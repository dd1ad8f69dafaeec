"""One new connection, and one that is held: what becomes of each, in our words."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from bot.domain.probing import TIMEOUT_S, Attempt, Failure


class Reader(Protocol):
    """What is read of a connection."""

    async def read(self, n: int = -1) -> bytes:
        """Return what came, `b""` at its end."""
        ...


class Writer(Protocol):
    """What ends a connection."""

    def close(self) -> None:
        """Close it politely."""
        ...


Connect = Callable[[str, int], Awaitable[tuple[Reader, Writer]]]
"""`asyncio.open_connection`, or what a test puts in its place."""

GRACE_S = 0.02
"""HAProxy without a server accepts and closes at once; that shows within this time."""
AGAIN_S = 1.0
"""The wait before a held connection that was cut or could not be made is tried again."""
_OUR_TROUBLE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM, errno.EPERM}
)


@dataclass(frozen=True, slots=True)
class Line:
    """What a place is reached by: an address, a way to connect, and how long that may take."""

    to: tuple[str, int]
    connect: Connect = asyncio.open_connection
    timeout_s: float = TIMEOUT_S


async def attempt(line: Line, due_s: float, wall_s: float) -> Attempt:
    """Open one connection and close it; `due_s` is on the loop's clock, `wall_s` in unix seconds.

    The time counts from when it was due: a client does not care why it waited.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(due_s + line.timeout_s):
            reader, writer = await line.connect(*line.to)
    except TimeoutError:
        return Attempt(wall_s, failure=Failure.TIMED_OUT)
    except OSError as error:
        return Attempt(wall_s, failure=_failure(error))
    answer_s = loop.time() - due_s
    try:
        is_open = await _stays_open(reader)
    finally:
        writer.close()
    return Attempt(wall_s, answer_s) if is_open else Attempt(wall_s, failure=Failure.CLOSED)


async def hold(line: Line, hold_s: float, opened: Callable[[], None]) -> bool:
    """Hold a connection that long and close it; True where it was cut, False where it was not.

    `OSError` or `TimeoutError` where it could not be made. What the other side says is dropped.
    """
    async with asyncio.timeout(line.timeout_s):
        reader, writer = await line.connect(*line.to)
    try:
        if not await _stays_open(reader):
            raise ConnectionResetError("closed at once")
        opened()
        return await _is_cut(reader, hold_s)
    finally:
        writer.close()


async def _is_cut(reader: Reader, hold_s: float) -> bool:
    try:
        async with asyncio.timeout(hold_s):
            while await reader.read(4096):
                pass
    except OSError as error:  # ours has no number; the kernel's ETIMEDOUT is a cut like a reset
        return error.errno is not None
    return True


async def _stays_open(reader: Reader) -> bool:
    """Whether a connection is not closed at once; one that speaks first is open."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            try:
                return bool(await reader.read(1))
            except OSError:
                return False
    return True


def _failure(error: OSError) -> Failure:
    if error.errno in _OUR_TROUBLE:
        return Failure.UNABLE
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return Failure.CLOSED
    if error.errno == errno.ETIMEDOUT:
        return Failure.TIMED_OUT
    return Failure.REFUSED
