"""Turns the runbooks there are into the table of what may be said, clicked and noticed.

A new runbook is one line here: help, usage, the parser and Slack's manifest follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.domain.acts import Act
from bot.services.menu import Ask, Entry, Kind
from bot.services.runbooks import Runbook, Runbooks
from workflows import (
    migrate,
    pair,
    provision,
    recover,
    resize,
    roll,
    roll_fleet,
    split,
    unpair,
)

RUNBOOKS: Runbooks = {
    runbook.name: runbook
    for runbook in (
        roll.RUNBOOK,
        roll_fleet.RUNBOOK,
        recover.RUNBOOK,
        pair.RUNBOOK,
        unpair.RUNBOOK,
        split.RUNBOOK,
        migrate.RUNBOOK,
        resize.RUNBOOK,
        provision.RUNBOOK,
    )
}

QUESTIONS: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "status", Kind.LOOK, "status [ZONE|VPC|TIER|ILB]",
            "how ILBs are, what is open, what was noticed",
        ),
        Entry(
            "can", Kind.LOOK, "can TARGET",
            "what can be done to an ILB or a router, what cannot, why, and what works instead",
            example="can app-tier",
        ),
        Entry(
            "advise", Kind.LOOK, "advise TARGET [cpu=PERCENT]",
            "what would help a busy ILB or router, by its numbers, and why nothing else",
            example="advise app-tier cpu=93",
        ),
        Entry(
            "why", Kind.LOOK, "why OPERATION|ILB",
            "who asked, the plan, the decision and every step; or why nothing was done",
            example="why app-tier",
        ),
        Entry(
            "export", Kind.LOOK, "export TIER",
            "the spec of what a tier has; provisioning it again finds nothing to do",
            example="export app-tier",
        ),
        Entry(
            "drift", Kind.LOOK, "drift [TIER]",
            "in what the tiers ilbot provisioned are no longer as it left them",
        ),
        Entry("stop", Kind.ADMIN, "stop [REASON]", "stop all changes at their next safe point"),
        Entry("resume", Kind.ADMIN, "resume", "let changes start again"),
        Entry("help", Kind.LOOK, "help", "this list"),
    )
}  # fmt: skip

IMPOSSIBLE: Mapping[str, Act] = {
    word: act
    for act, words in (
        (Act.MAKE_PAIR, ("redundant", "redundancy", "makeredundant", "ha", "vrrp")),
        (Act.TERMINATE_TLS, ("tls", "ssl", "https", "cert", "certificate")),
        (Act.BALANCE_UDP, ("udp",)),
        (Act.HEALTH_POLICY, ("health-check", "healthcheck", "health-policy")),
        (Act.LIVE_PATCH, ("livepatch", "live-patch", "patch")),
        (Act.DIAGNOSE, ("diagnostics", "rundiagnostics")),
        (Act.LIVE_RESIZE, ("scale",)),
        (Act.EDIT_RULE, ("algorithm",)),
        (Act.ZONE_UPGRADE, ("upgrade",)),
    )
    for word in words
}
"""What people may try that CloudStack cannot do to an ILB; a runbook of that name goes first."""

PROPOSED = frozenset({split.NAME})
"""Runbooks whose proposal is shown in a form, to be changed, where no option says more."""

BUTTONS: Mapping[str, bool] = {"approve": True, "reject": False}
"""Action id of a card's button → whether it approves."""

DONE = "done"
"""Action id of the button by which a person says that what a change asked for is done."""

BECAUSE = "because"
"""The one option every runbook takes: the reason, for the card and the audit journal."""


def menu() -> tuple[Entry, ...]:
    """Return everything that may be said, in the order in which people need it."""
    asks = tuple(_entry(runbook) for runbook in RUNBOOKS.values())
    return (QUESTIONS["status"], *asks, *(q for n, q in QUESTIONS.items() if n != "status"))


def usage(name: str) -> str:
    """Return how to say a command: `recover TARGET [because=REASON]`."""
    return next(entry.usage for entry in menu() if entry.name == name)


def options(request: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return the fields of a request that are said by name: all but the target."""
    return {name: info for name, info in request.model_fields.items() if name != "target"}


def is_switch(info: FieldInfo) -> bool:
    """Whether an option is said by its name alone."""
    return info.annotation is bool


def _entry(runbook: Runbook[Any]) -> Entry:
    if runbook.by_form:
        return Entry(
            runbook.name, Kind.RUNBOOK, f"{runbook.name} [TIER]", runbook.summary,
            f"{runbook.name} app-tier", (Ask("TIER", "what it has is where the form starts from"),),
        )  # fmt: skip
    said = [
        _option(name, info)
        for name, info in options(runbook.request).items()
        if f"{name}=" not in runbook.named_by
    ]
    hints = tuple(
        Ask(name, info.description or "") for name, info in runbook.request.model_fields.items()
    )
    usage_line = " ".join([runbook.name, runbook.named_by, *said, f"[{BECAUSE}=REASON]"])
    example = f"{runbook.name} {runbook.example}"
    return Entry(
        runbook.name, Kind.RUNBOOK, usage_line, runbook.summary, example, hints,
        routers=runbook.subject.takes_routers,
    )  # fmt: skip


def _option(name: str, info: FieldInfo) -> str:
    text = name if is_switch(info) else f"{name}={name.upper()}"
    return text if info.is_required() else f"[{text}]"
