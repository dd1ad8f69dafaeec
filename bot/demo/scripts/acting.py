"""What people do in scenarios, and what they wait for: the words that scripts are written in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.demo.stage import Stage, connected
from bot.demo.staging import Staging
from bot.errors import Permanent
from bot.sandbox.dns.seed import APP

PLANNED = "Waiting for approval"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story: its script, how it is staged, and how each of its operations must end."""

    name: str
    summary: str
    expected: tuple[str, ...]
    play: Callable[[Stage], Awaitable[None]]
    staging: Staging = field(default_factory=Staging)


async def short_ttl(stage: Stage) -> None:
    """Let clients of app-tier look its name up every second, so that a scenario waits no longer."""
    await stage.control("dns/set-record", name=APP, values=["10.20.1.10"], ttl=1)


async def asked(stage: Stage, wish: str) -> int:
    """Ana asks and the plan comes; return where the feed of the page stood when she asked."""
    said = await stage.slack.says("ana", f"/ilb {wish}", wait=False)
    number = int(said["number"])
    await stage.slack.sees("ana", PLANNED, timeout_s=20, after=number)
    return number


async def approved_by_bruno(stage: Stage) -> None:
    """Bruno reads the plan and approves."""
    await stage.slack.clicks("bruno", "Approve")


async def told(stage: Stage, words: str, after: int = 0) -> None:
    """The card says so in the end; `after` is where the feed of the page stood."""
    await stage.slack.sees("ana", words, timeout_s=45, after=after)


async def done(stage: Stage, wish: str) -> None:
    """Ana asks, Bruno approves, and the receipt comes."""
    number = await asked(stage, wish)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of", after=number)


async def fill_in(stage: Stage, tier: str, spec: str, **more: object) -> int:
    """Ana opens the form of a tier, replaces what it starts from, and submits it.

    Returns where the feed of the page stood then.
    """
    await stage.slack.says("ana", f"/ilb provision {tier}")
    await stage.slack.sees_modal("ana", "Spec", timeout_s=20)
    sent = await stage.slack.submits("ana", spec=spec, **more)
    if modal := await stage.slack.modal("ana"):
        raise Permanent(f"submit the spec of {tier}: {modal['errors'] or modal['trouble']}")
    return int(sent["number"])


async def kill_and_restart(stage: Stage) -> None:
    """The bot dies as in a power cut, and comes back."""
    await stage.bot.kill()
    await stage.bot.start()
    await connected(stage)
