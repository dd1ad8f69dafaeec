"""Turns settings into one line for each part: whether it works, and what to do where it does not.

Nothing is changed: no message is posted, no offset is committed, no folder is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from bot.cli.check_bus import check_bus, check_cpu
from bot.cli.check_cloud import Reach, check_cloud, reached
from bot.cli.check_directory import check_directory
from bot.cli.check_files import check_database, check_state_dir, check_stop_file
from bot.cli.check_line import CheckLine, Verdict, ok, refused, warning
from bot.cli.check_policies import check_policies, next_step
from bot.cli.check_probing import check_probing
from bot.cli.check_slack import check_slack
from bot.errors import IlbotError
from bot.ports import Clock
from bot.settings import Loaded

__all__ = ["CheckLine", "Verdict", "check", "document", "report"]


async def check(loaded: Loaded, runbooks: Collection[str], clock: Clock) -> list[CheckLine]:
    """Try each connection and file; `runbooks` are the names that exist."""
    settings = loaded.settings
    lines = [ok("settings", f"{loaded.file or 'no file, defaults and environment only'}")]
    lines += [warning("settings", text) for text in loaded.warnings]
    async with AsyncExitStack() as stack:
        reach: Reach | None = None
        try:
            reach = await stack.enter_async_context(reached(settings, clock))
            lines += await check_cloud(reach)
        except IlbotError as exc:
            lines.append(refused("cloudstack", str(exc)))
        lines += await check_slack(settings)
        lines += await check_bus(settings, reach.cloud if reach else None)
        lines.append(await check_cpu(settings, reach.cloud if reach else None))
    lines.append(await check_directory(settings))
    lines.append(check_probing(settings))
    lines += await asyncio.to_thread(check_state_dir, settings)
    lines += await asyncio.to_thread(check_database, settings)
    lines += await asyncio.to_thread(check_stop_file, settings.stop_file)
    policy_lines, policies = check_policies(Path(settings.bot.policies_file), runbooks)
    lines += policy_lines
    return [*lines, next_step(lines, settings, policies)]


def document(lines: Collection[CheckLine]) -> dict[str, object]:
    """Return the lines for programs, with whether none of them is refused."""
    is_good = all(line.verdict is not Verdict.REFUSED for line in lines)
    return {"ok": is_good, "lines": [asdict(line) for line in lines]}


def report(lines: Collection[CheckLine]) -> str:
    """Return the lines as text, a row each, what to do below its row."""
    width = max((len(line.part) for line in lines), default=0)
    return "\n".join(line.as_text(width) for line in lines) + "\n"
