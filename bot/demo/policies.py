"""Who is who in a demo, and who may ask for what: the policies its bot is started with."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

from bot.sandbox.slack.seed import ANA, BRUNO, CHEN

PEOPLE = {ANA.id: "Ana", BRUNO.id: "Bruno", CHEN.id: "Chen"}
"""Who is who, by Slack user id, as the demo's policies name them."""
AUTOMATIC_TIERS = ("app-tier", "web-tier")
ASKED_FOR = (
    "roll", "roll-fleet", "pair", "unpair", "split", "migrate", "resize", "provision",
)  # fmt: skip
"""Runbooks that only people ask for, and somebody else approves."""
DEAD = ("ilb-stopped", "ilb-missing", "ilb-stuck-stopping", "router-stopped")
FAILING = ("ilb-failing", "router-failing")
"""Incidents of what still runs: a person decides whether it is cut."""
ADVISED = ("cpu-saturated", "host-hot")
"""Incidents whose runbook is advised from their numbers, if any is."""


def policies(tiers: Sequence[str], *, automatic: bool) -> dict[str, object]:
    """Return the policies, where `tiers` are the ids on which recover may act by itself."""
    mode = "automatic" if automatic else "approve"
    recover: dict[str, object] = {"mode": mode, "approvers": "approver"}
    if automatic:
        recover["automatic_on"] = tiers
    return {
        "people": [
            {
                "slack": ANA.id,
                "name": PEOPLE[ANA.id],
                "roles": ["requester"],
                "login": getpass.getuser(),
            },
            {
                "slack": BRUNO.id,
                "name": PEOPLE[BRUNO.id],
                "roles": ["requester", "approver", "admin"],
            },
            {"slack": CHEN.id, "name": PEOPLE[CHEN.id], "roles": ["approver"]},
        ],
        "roles": {
            name: {"may": [power], "runbooks": ["*"], "targets": ["*"]}
            for name, power in (
                ("requester", "request"),
                ("approver", "approve"),
                ("admin", "admin"),
            )
        },
        "runbooks": {
            **{name: {"mode": "approve", "approvers": "approver"} for name in ASKED_FOR},
            "recover": recover,
        },
        "incidents": {
            **{kind: {"runbook": "recover", "mode": mode} for kind in DEAD},
            **{kind: {"runbook": "recover", "mode": "approve"} for kind in FAILING},
            **{kind: {"mode": "approve"} for kind in ADVISED},
        },
    }
