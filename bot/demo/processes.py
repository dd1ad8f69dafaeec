"""Starts, kills and stops the processes of a demo: the pretend world and the bot, by their pids."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot.errors import Permanent

_START_S = 30.0
_STOP_S = 10.0


class Child:
    """One process of ours; its standard error goes to a file."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str], log: Path):
        self.name = name
        self._arguments = [sys.executable, "-m", "bot", *arguments]
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C in the terminal is for us to pass on
            )

    async def said(self) -> dict[str, Any]:
        """Return the JSON of its first line of output."""
        assert self._process is not None and self._process.stdout is not None
        try:
            async with asyncio.timeout(_START_S):
                line = await self._process.stdout.readline()
            return dict(json.loads(line))
        except (TimeoutError, json.JSONDecodeError) as exc:
            raise Permanent(
                f"start the {self.name}: it did not say where it is\n{self.tail()}"
            ) from exc

    async def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to end, and kill it where it does not."""
        await self._end(signal.SIGTERM)

    async def ended(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        assert self._process is not None
        return await self._process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
