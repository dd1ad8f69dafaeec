"""Runs what a command needs around it: settings, the opened core, the loop, the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import typer

from bot import logs
from bot.domain.spelling import one_line
from bot.errors import Refused

if TYPE_CHECKING:
    from bot.app import Books, Core
    from bot.cli.ask import Told
    from bot.settings import Settings

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


STDIN = "standard input"
_LONGEST_NAME = 200
_MOST_BYTES = 4 * 1024 * 1024
"""A spec of as many letters as are read, in UTF-8; a device or a pipe may have no end."""


def read_spec_file(file: Path) -> tuple[str, str]:
    """Return what a file says (`-` is standard input) and its name; `Refused` where it cannot be.

    Line ends of any kind become those of Unix.
    """
    name = STDIN if str(file) == "-" else one_line(str(file))[:_LONGEST_NAME]
    try:
        if str(file) == "-":
            said = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with file.open("rb") as opened:
                said = opened.read(_MOST_BYTES + 1)
        text = said.decode("utf-8-sig")
    except OSError as exc:
        raise Refused(f"The spec {name} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise Refused(f"The spec {name} is not UTF-8.") from exc
    if len(said) > _MOST_BYTES:
        raise Refused(f"The spec {name} is longer than {_MOST_BYTES // 2**20} MiB.")
    return text.replace("\r\n", "\n").replace("\r", "\n"), name


class Open(Protocol[T_co]):
    """Opens what an answer is made from; the stack closes it."""

    async def __call__(
        self, settings: Settings, stack: AsyncExitStack, changed: Callable[[str], None]
    ) -> T_co: ...


def settings_of(config: Path | None) -> Settings:
    """Return the settings in force, from that file and the environment."""
    from bot.settings.load import load_settings

    return load_settings(config, os.environ)


def with_core(config: Path | None, ask: Callable[[Core], Awaitable[Told]]) -> None:
    """Open journal and cloud, and print the answer."""
    from bot.app import open_core

    _print(config, open_core, ask)


def with_books(config: Path | None, ask: Callable[[Books], Awaitable[Told]]) -> None:
    """Open the journal alone, and print the answer: no CloudStack stands in the way of a stop."""
    from bot.app import open_books

    _print(config, open_books, ask)


def _print(config: Path | None, open_: Open[T], ask: Callable[[T], Awaitable[Told]]) -> None:
    """Print an answer; exit 1 where it is no good news."""
    logs.configure(level="WARNING", readable=True)

    async def answer() -> Told:
        async with AsyncExitStack() as stack:
            return await ask(await open_(settings_of(config), stack, lambda _: None))

    text, is_good = asyncio.run(answer())
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise  # whoever read it has read enough, and typer ends quietly
    except OSError as exc:
        raise Refused(f"The answer cannot be written: {exc.strerror}.") from exc
    if not is_good:
        raise typer.Exit(1)


def until_told(live: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run until SIGTERM or SIGINT, which set the event."""

    async def body() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await live(stop)

    asyncio.run(body())
