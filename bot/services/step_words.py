"""Turns the steps of a change into words, the same on cards, receipts and in answers."""

from __future__ import annotations

from itertools import groupby, zip_longest

from bot.domain.page import duration
from bot.services.progress import Step

STEP_WORDS = {
    "newest": "Looked at its last start or stop",
    "submit_stop": "Asked CloudStack to stop it",
    "submit_start": "Asked CloudStack to start it",
    "await_job": "Waited for that job to end",
    "settled": "Watched its state until it was at rest",
    "expect_version": "Checked the template version it reports",
    "expect_rules": "Compared its rules with the plan",
    "power_synced": "Waited for CloudStack's power sync",
    "newest_restart": "Looked at the tier's last restart",
    "submit_restart": "Asked CloudStack to restart the tier without clean-up",
    "ilb_at": "Waited for an ILB VM with its address",
    "look": "Looked at the rule",
    "look_closely": "Looked at the rule and its stickiness",
    "at_rest": "Waited until no change of the rule was half done",
    "submit_create": "Asked CloudStack to create the rule",
    "submit_delete": "Asked CloudStack to delete the rule",
    "gone": "Watched until the rule was gone",
    "submit_assign": "Asked CloudStack to assign the members",
    "submit_remove": "Asked CloudStack to remove members",
    "submit_untag": "Took away tags that were not as wanted",
    "submit_tag": "Set the tags that were missing",
    "submit_stickiness": "Asked CloudStack for the wanted stickiness",
    "expect": "Compared the rule with the plan",
    "lists_before": "Looked at the ACL lists there are",
    "submit_list": "Asked CloudStack to create the ACL list",
    "made_list": "Found the new ACL list",
    "submit_entry": "Asked CloudStack to add an entry to the ACL list",
    "expect_entries": "Compared the ACL list with the plan",
    "has_entry": "Looked whether the ACL list has the entry",
    "is_there": "Looked whether the ACL list is there",
    "submit_replace": "Asked CloudStack to put the ACL list in force",
    "in_force": "Checked that the ACL list is in force",
    "submit_drop": "Asked CloudStack to delete the unused ACL list",
    "submit_element": "Asked CloudStack to enable the provider's element",
    "submit_state": "Asked CloudStack to switch the provider",
    "has_state": "Checked the state of the provider",
    "watched": "Began to probe the services",
    "shows_clients": "Looked whether HAProxy's stats page is seen",
    "drained": "Left it to the clients that still used it",
    "answered": "Probed until enough connections in a row were answered",
    "budget_kept": "Compared lost connections with the budget",
    "newest_of_router": "Looked at its last start or stop",
    "submit_router_stop": "Asked CloudStack to stop the router",
    "submit_router_start": "Asked CloudStack to start the router",
    "router_settled": "Watched the router until it was at rest",
    "expect_router_version": "Checked the template version it reports",
    "running_at": "Waited for an ILB VM with its address",
    "bake_s": "Looked for how long to watch it",
    "graced": "Gave CloudStack time to start the router by itself",
    "role_seen": "Watched the router's role for longer than a role poll",
    "expect_standby": "Checked the standby: running, its version, its checks",
    "checked_again": "Waited until its checks were collected again",
    "failing_since": "Waited until its checks were collected again",
    "newest_rebuild": "Looked at the last restart",
    "submit_pair": "Asked CloudStack to make the routers a pair",
    "pair_there": "Watched until two routers ran",
    "roles_settled": "Watched until one was PRIMARY and one BACKUP",
    "stands": "Looked which host it runs on",
    "peer_on": "Looked whether its twin or peer runs there",
    "host_apart": "Looked for another host that takes it",
    "submit_migration": "Asked CloudStack to migrate it",
    "runs_on": "Watched until it ran on that host",
    "has_offering": "Changed its offering and read it again",
    "offering_of": "Looked which offering it has",
    "expect_offering": "Compared its offering with the plan",
    "directory_kind": "Looked who changes names",
    "submit_record": "Replaced the record of its name",
    "record_shows": "Looked until its name showed that",
    "goes_on": "Waited until nobody remembers the old record",
    "person_deadline": "Set a time for a person",
    "put_question": "Asked a person",
    "hear": "Listened for an answer",
    "close_question": "Asked no longer",
    "looked_at": "Began to probe the services",
    "published": "Looked what its names lead to",
    "stands_in": "Looked whether its twin serves",
    "seen_down": "Looked whether CloudStack shows it as down",
    "why_left_down": "Looked why it is down",
    "budget_kept_of": "Compared lost connections with the budget, without those that were stated",
    "budget_kept_at": "Compared its lost connections with the budget",
    "ilb_checked_again": "Waited until its checks were collected again",
    "hosts_apart": "Looked which of them stand on hosts of their own",
    "open_child": "Opened a change of one target",
    "children_seen": "Looked how the changes of its targets stand",
    "end_here": "Went no further",
    "begin": "Looked again: the plan still holds",
    "finish": "Looked at the result",
}

_LOOKS = frozenset({"newest", "newest_restart", "newest_of_router", "newest_rebuild"})
"""Reads that only tell an act of ours from older ones: no news to anybody."""
_ASIDES = frozenset({"directory_kind", "person_deadline", "hear", "close_question", "goes_on"})
"""What goes with moving a name and asking a person, and is no news beside them."""


_AT_ONCE_S = 1.0
"""Who waits for answers does so for longer (`ILBOT_PROBE__DEADLINE_S` is 120)."""


def step_words(step: Step) -> str:
    """Say what a step did, in words people know."""
    if step.name == "answered" and step.denied:
        if step.seconds < _AT_ONCE_S:
            return "Looked whether it is probed: nobody does"
        return "Waited for enough answered connections in a row, in vain"
    if step.name in {"settled", "router_settled"} and step.arguments[1:]:
        wanted = step.arguments[1]
        return f"Watched it until it was {wanted or 'at rest'}"
    return STEP_WORDS.get(step.name, step.name)


def took(step: Step) -> str:
    """Say how long a step took and how often it tried, where that is worth a word."""
    parts = [duration(step.seconds)] if step.seconds >= 0.05 else []
    return ", ".join(parts + ([f"{step.attempts} attempts"] if step.attempts > 1 else []))


def lines_of(steps: tuple[Step, ...], *, goes_on: bool = False) -> list[dict[str, object]]:
    """Say each step, or each stage of a runbook that has stages: people read what it is for.

    A stage takes until the next one begins, the waits in it included.
    """
    shown = [step for step in steps if step.name not in {"newest", "newest_restart"}]
    lines: list[dict[str, object]] = []
    groups = [tuple(group) for _, group in groupby(shown, key=lambda step: step.stage)]
    for group, following in zip_longest(groups, groups[1:]):
        if group[0].stage:
            is_open = goes_on and following is None
            lines.append(_stage(group, _begin(following[0]) if following else None, is_open))
        else:
            lines += [_said(step_words(one), one.result, took(one), one.error) for one in group]
    return lines


def _stage(steps: tuple[Step, ...], ended_at: float | None, is_open: bool) -> dict[str, object]:
    last = steps[-1]
    if not last.stage:
        return _said(step_words(last), last.result, took(last), last.error)
    result = "open" if is_open and last.result == "ok" else last.result
    seconds = (last.at if ended_at is None else ended_at) - _begin(steps[0])
    words = f"{last.stage} … {step_words(last)}" if result == "open" else last.stage
    return _said(words, result, duration(seconds) if seconds >= 0.05 else "", last.error)


def _begin(step: Step) -> float:
    return step.at - step.seconds


def _said(words: str, result: str, how_long: str, error: str) -> dict[str, object]:
    return {"words": words, "result": result, "took": how_long, "error": error}
