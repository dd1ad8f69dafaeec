"""What may be wished of a target, as words of ours, and what the platform answers to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """One thing a person or a runbook may want done to a target."""

    ROLL = "roll (stop and start)"
    ROLL_PAIR = "roll, standby first"
    START = "start"
    REDEPLOY = "deploy again"
    REBOOT = "reboot where a check fails"
    TWIN = "twin (a second ILB)"
    EQUALIZE = "make it and its twin equal again"
    UNPAIR = "take its twin away"
    SPLIT = "split over several ILBs"
    RESIZE = "resize"
    MIGRATE = "migrate to another host"
    MAKE_PAIR = "make a redundant pair"
    MAKE_SINGLE = "make single again"
    LIVE_PATCH = "live patch"
    LIVE_RESIZE = "resize while running"
    DIAGNOSE = "run diagnostics inside"
    TERMINATE_TLS = "terminate TLS"
    BALANCE_UDP = "balance UDP"
    HEALTH_POLICY = "health check policy"
    EDIT_RULE = "change a rule's ports or algorithm"
    PUBLIC_LB = "public LB in the same tier"
    CLEAN_RESTART = "restart the tier with clean-up"
    ZONE_UPGRADE = "upgrade all templates of a zone at once"
    ADD_RULE = "add an LB rule"
    CHANGE_RULE = "change an LB rule's members, stickiness or service, or replace it"
    REMOVE_RULE = "remove an LB rule"
    CHANGE_ACL = "change who may reach a tier"
    ENABLE_PROVIDER = "enable the internal LB provider"


RUNBOOKS = {
    Act.ROLL: "roll",
    Act.ROLL_PAIR: "roll",
    Act.START: "recover",
    Act.REDEPLOY: "recover",
    Act.REBOOT: "recover",
    Act.TWIN: "pair",
    Act.EQUALIZE: "pair",
    Act.UNPAIR: "unpair",
    Act.SPLIT: "split",
    Act.MAKE_PAIR: "pair",
    Act.RESIZE: "resize",
    Act.MIGRATE: "migrate",
    Act.DIAGNOSE: "diagnose",
    Act.ADD_RULE: "provision",
    Act.CHANGE_RULE: "provision",
    Act.REMOVE_RULE: "provision",
    Act.CHANGE_ACL: "provision",
    Act.ENABLE_PROVIDER: "provision",
}
"""The runbook that does it, as soon as the bot has that runbook."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a target lets an act be done: `text` says how, or why not, `instead` what works."""

    act: Act
    can: bool
    text: str
    instead: str = ""


def yes(act: Act, how: str) -> Answer:
    """Answer that it can be done, and how."""
    return Answer(act, True, how)


def no(act: Act, why: str, instead: str = "") -> Answer:
    """Answer that it cannot be done, why, and the nearest thing that works."""
    return Answer(act, False, why, instead)
