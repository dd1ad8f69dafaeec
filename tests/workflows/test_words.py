"""The words of each runbook, exactly as Slack gets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from jinja2 import UndefinedError

from bot.domain.mrkdwn import Safe
from bot.domain.plan import Exposure, Plan
from bot.domain.share import Calls, Share
from tests.services.bulletin import RUNBOOKS, a_recovery, a_roll
from workflows.words import Words

NASTY = "<!here> *x* `y` & <@U1>"
STEPS = [
    {"words": "Asked CloudStack to stop it", "result": "ok", "took": "", "error": ""},
    {"words": "Waited for that job to end", "result": "ok", "took": "2 min 4 s", "error": ""},
    {
        "words": "Asked CloudStack to start it",
        "result": "failed",
        "took": "7 s, 5 attempts",
        "error": "no host <has> room",
    },
]
NOT_MEASURED = "Traffic through the VIP was not measured."


def say(planned: Plan, part: str, **values: object) -> str:
    return Words().render(planned.runbook, part, **values)


def ending(planned: Plan, part: str, **values: object) -> str:
    given: dict[str, object] = {
        "id": "op-1", "target": planned.target.name, "reason": "", "seconds": 6.0,
        "traffic": NOT_MEASURED, "parameters": dict(planned.parameters),
    }  # fmt: skip
    return say(planned, part, **given | values)


def receipt(planned: Plan, **values: object) -> str:
    given: dict[str, object] = {
        "id": "op-1", "outcome": "done", "reason": "", "requested_by": Safe("<@U0ANA>"),
        "decided_by": Safe("<@U0BRUNO>"), "fingerprint": "f" * 8, "steps": STEPS[:2],
        "outage_s": None, "traffic": [NOT_MEASURED], "load": (), "share": "",
    }  # fmt: skip
    return say(planned, "receipt", **given | values)


def test_the_plan_of_a_roll_names_the_outage_and_the_way_back() -> None:
    assert say(a_roll(), "plan", plan=a_roll()) == (
        "Roll b-1-VM from version 4.20.0 to 4.22.0\n"
        "in tier app of VPC shop, zone zone-1\n"
        "\n"
        "*What happens*\n"
        "1. Stop b-1-VM _(undo: start it again)_\n"
        "2. Start b-1-VM _(from here there is no way back)_\n"
        "3. Check its version\n"
        "\n"
        ":warning: *Not reachable meanwhile:* 10.1.1.10 port 80, for about *62 s* "
        "(its last stop and start by events took 62 s)\n"
        "• Open connections through it are cut."
    )


def test_an_outage_nobody_knows_is_said_to_be_unknown_once() -> None:
    planned = a_roll(seconds=None)
    [line] = [s for s in say(planned, "plan", plan=planned).splitlines() if "Not reachable" in s]
    assert line == (
        ":warning: *Not reachable meanwhile:* 10.1.1.10 port 80, how long is not known: "
        "no earlier stop and start of it is on record"
    )


def test_the_plan_of_a_recovery_cuts_nothing() -> None:
    assert say(a_recovery(), "plan", plan=a_recovery()) == (
        "Bring back b-1-VM: nobody stopped it\n"
        "in tier app of VPC shop, zone zone-1\n"
        "\n"
        "*What happens*\n"
        "1. Start b-1-VM\n"
        "\n"
        ":information_source: 10.1.1.10 port 80 is not served now; bringing it back cuts nothing."
    )


@pytest.mark.parametrize(
    ("planned", "facts", "radius"),
    [
        (
            a_roll(),
            "• state: `Running`\n• version: `4.20.0`",
            "• 10.1.1.10 port 80: not served from the stop to the end of the start",
        ),
        (a_recovery(), "• state: `Stopped`", "• 10.1.1.10 port 80: served again"),
    ],
    ids=["roll", "recover"],
)
def test_the_evidence_leaves_out_what_has_no_value(planned: Plan, facts: str, radius: str) -> None:
    assert say(planned, "evidence", plan=planned) == (
        f"*What this plan relies on*\n{facts}\n\n*Blast radius*\n{radius}\n\n"
        "If any of it changes before the change starts, the approval no longer counts."
    )


@pytest.mark.parametrize("planned", [a_roll(), a_recovery()], ids=["roll", "recover"])
def test_progress_shows_times_worth_a_word_and_what_failed(planned: Plan) -> None:
    assert say(planned, "progress", steps=STEPS) == (
        ":white_check_mark: Asked CloudStack to stop it\n"
        ":white_check_mark: Waited for that job to end (2 min 4 s)\n"
        ":x: Asked CloudStack to start it (7 s, 5 attempts): no host &lt;has&gt; room"
    )


@pytest.mark.parametrize("planned", [a_roll(), a_recovery()], ids=["roll", "recover"])
def test_progress_without_a_step_says_what_is_looked_at(planned: Plan) -> None:
    assert say(planned, "progress", steps=[]) == (
        ":hourglass_flowing_sand: Looking again at what the plan relies on …"
    )


def test_a_roll_that_is_done_says_the_version_and_what_was_not_proven() -> None:
    assert ending(a_roll(), "done") == (
        "*b-1-VM* now runs version *4.22.0*, with the rules it had, in 6 s.\n"
        "Traffic through the VIP was not measured."
    )


def test_a_recovery_that_is_done_says_how_long_it_took() -> None:
    assert ending(a_recovery(), "done", seconds=124.0) == (
        "*b-1-VM* is Running again, with its rules, in 2 min 4 s.\n"
        "Traffic through the VIP was not measured."
    )


def of_twins(**more: str) -> Plan:
    parameters = {"state": "Stopped", "twin": "10.1.1.11", **more}
    return replace(a_recovery(), parameters=tuple(parameters.items()))


def test_a_recovery_of_one_of_twins_names_the_other_one() -> None:
    assert ending(of_twins(), "done", seconds=24.0, traffic="Traffic: none failed.") == (
        "*b-1-VM* is Running again, with its rules, beside its twin `10.1.1.11`, in 24 s.\n"
        "Traffic: none failed."
    )


def test_a_restart_for_a_failing_check_names_the_check() -> None:
    planned = of_twins(restart="yes", checks="haproxy_check.py")
    assert ending(planned, "done", seconds=640.0, traffic="Traffic: none failed.") == (
        "*b-1-VM* was restarted and `haproxy_check.py` passes again, after 10 min 40 s.\n"
        "Traffic: none failed."
    )


def test_the_plan_of_a_restart_says_what_it_cuts_off_or_who_serves_meanwhile() -> None:
    planned = of_twins(restart="yes", checks="haproxy_check.py")
    meanwhile = replace(planned, exposure=Exposure("nothing", 0.0, "its twin serves meanwhile"))
    outage = replace(planned, exposure=Exposure("10.1.1.10 port 80", 34.0, "its last restart"))
    said = [say(one, "plan", plan=one) for one in (meanwhile, outage)]
    assert "*Not reachable meanwhile:* nothing; its twin serves meanwhile." in said[0]
    assert "10.1.1.10 port 80, for about *34 s* (its last restart)" in said[1]


def test_a_failed_roll_says_the_next_step() -> None:
    assert ending(a_roll(), "failed", reason="stop b-1-VM: no") == (
        "stop b-1-VM: no\n\n"
        "*Next:* Look at the VM's template in CloudStack; `recover b-1-VM` if it is not Running, "
        "`why op-1` for every step."
    )


def test_a_failed_recovery_needs_a_person() -> None:
    assert ending(a_recovery(), "failed", reason="start b-1-VM: no") == (
        "start b-1-VM: no\n\n"
        "*Next:* A person must look at it in CloudStack now; `why op-1` shows every step."
    )


def test_the_receipt_tells_each_step_once() -> None:
    assert receipt(a_roll(), outage_s=6.0) == (
        "*Receipt of op-1*\n"
        "Outcome: *done*\n"
        "Asked by <@U0ANA>, decided by <@U0BRUNO>\n"
        "Plan `ffffffff`\n"
        "\n"
        "1. Asked CloudStack to stop it\n"
        "2. Waited for that job to end (2 min 4 s)\n"
        "\n"
        "Not served, from the stop to Running: 6 s. Traffic through the VIP was not measured."
    )


def test_the_receipt_ends_with_what_the_change_cost() -> None:
    cost = Share(1.2, 63.0, Calls(reads=27, changes=2, polls=12)).text
    assert receipt(a_roll(), share=cost).endswith(
        "\nilbot's own share: 1.2 s of 63 s; 41 CloudStack calls, 12 of them job polls."
    )


def test_the_receipt_of_a_failure_says_why_and_which_step() -> None:
    said = receipt(a_recovery(), outcome="parked", reason="no host has room", steps=STEPS)
    assert said == (
        "*Receipt of op-1*\n"
        "Outcome: *parked*: no host has room\n"
        "Asked by <@U0ANA>, decided by <@U0BRUNO>\n"
        "Plan `ffffffff`\n"
        "\n"
        "1. Asked CloudStack to stop it\n"
        "2. Waited for that job to end (2 min 4 s)\n"
        "3. Asked CloudStack to start it (7 s, 5 attempts), *failed*: no host &lt;has&gt; room\n"
        "\n"
        "Traffic through the VIP was not measured."
    )


@pytest.mark.parametrize("make", [a_roll, a_recovery], ids=["roll", "recover"])
def test_foreign_names_ring_nobody_in_any_part(make: Callable[[str, str], Plan]) -> None:
    planned = make(NASTY, NASTY)
    steps = [{"words": NASTY, "result": "failed", "took": "", "error": NASTY}]
    texts = [
        say(planned, "plan", plan=planned),
        say(planned, "evidence", plan=planned),
        say(planned, "progress", steps=steps),
        ending(planned, "done"),
        ending(planned, "failed", reason=NASTY),
        receipt(planned, reason=NASTY, steps=steps, requested_by=NASTY, decided_by=NASTY),
    ]
    for text in texts:
        assert "<" not in text.replace("<@U0", "")
        assert "&amp;amp;" not in text, "escaped twice"
    assert "&lt;!here&gt; *x* `y` &amp; &lt;@U1&gt;" in texts[0]


def test_a_foreign_backtick_or_asterisk_does_not_end_what_it_stands_in() -> None:
    assert ending(a_roll(NASTY), "done").startswith("*&lt;!here&gt; ∗x∗ `y` &amp; &lt;@U1&gt;* now")
    assert "`recover &lt;!here&gt; *x* ʼyʼ &amp; &lt;@U1&gt;`" in ending(a_roll(NASTY), "failed")


def test_a_missing_value_is_an_error_and_no_gap() -> None:
    with pytest.raises(UndefinedError):
        Words().render("roll", "done", target="b-1-VM")


def test_a_part_without_words_is_an_error() -> None:
    with pytest.raises(KeyError, match="template roll has no words for epilogue"):
        Words().render("roll", "epilogue")


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_each_runbook_has_a_template_of_its_own(runbook: str) -> None:
    assert Words().render(runbook, "progress", steps=[], children=[])


def test_the_receipt_tells_what_was_measured_line_by_line() -> None:
    lines = ["Traffic: 83 of <many> failed.", "Measured from bot."]
    assert receipt(a_roll(), outage_s=34.0, traffic=lines).endswith(
        "Not served, from the stop to Running: 34 s.\n"
        "Traffic: 83 of &lt;many&gt; failed.\nMeasured from bot."
    )


@pytest.mark.parametrize(
    ("runbook", "strategy", "told"),
    [
        ("pair", "ilb-twin", "*b-1-VM* has an equal twin, in 6 s."),
        ("pair", "vpc-router-pair", "*B-1-VM* are a redundant pair: one PRIMARY, one BACKUP"),
        ("split", "", "*b-1-VM* is split, in 6 s: each service has its ILB and its name leads"),
        ("unpair", "", "The twin of *b-1-VM* is gone, in 6 s; *b-1-VM* serves alone."),
    ],
)
def test_pairs_that_are_done_say_what_they_are_and_what_was_measured(
    runbook: str, strategy: str, told: str
) -> None:
    said = Words().render(
        runbook, "done", id="op-1", target="b-1-VM", reason="", seconds=6.0,
        traffic=NOT_MEASURED, parameters={"strategy": strategy},
    )  # fmt: skip
    first, second = said.splitlines()
    assert first.startswith(told)
    assert second == NOT_MEASURED


def test_routers_that_were_rolled_have_roles_and_no_rules() -> None:
    values = {"target": "the routers of VPC shop", "parameters": {"way": "pair", "version": "4.22"}}
    assert ending(a_roll(), "done", **values) == (
        "*The routers of VPC shop*: version *4.22*, one PRIMARY and one BACKUP, in 6 s.\n"
        f"{NOT_MEASURED}"
    )
    failed = ending(a_roll(), "failed", **values, reason="r-5-VM is PRIMARY")
    assert "Look at states and roles of the routers in CloudStack" in failed
    assert "recover" not in failed


WAVES = [
    {"mark": ":white_check_mark:", "words": "Wave 1, the canary: 1 of 1 done",
     "lines": [{"mark": ":white_check_mark:", "words": "b-1-VM: done (op-1-01)"}]},
    {"mark": ":x:", "words": "Wave 2: 0 of 1 done",
     "lines": [{"mark": ":x:", "words": "b-<2>-VM: failed: no host has room (op-1-02)"}]},
]  # fmt: skip


def test_a_fleet_shows_a_line_for_each_wave_and_each_target() -> None:
    assert Words().render("roll-fleet", "progress", steps=STEPS, children=WAVES) == (
        ":white_check_mark: Wave 1, the canary: 1 of 1 done\n"
        "    :white_check_mark: b-1-VM: done (op-1-01)\n"
        ":x: Wave 2: 0 of 1 done\n"
        "    :x: b-&lt;2&gt;-VM: failed: no host has room (op-1-02)"
    )


def test_a_fleet_that_stopped_says_where_and_how_it_goes_on() -> None:
    said = Words().render(
        "roll-fleet", "failed",
        id="op-1", target="zone fra-1", reason="the error budget is spent",
        seconds=6.0, traffic=NOT_MEASURED, parameters={}, children=WAVES,
    )  # fmt: skip
    assert ":x: Wave 2: 0 of 1 done" in said
    assert said.endswith(
        "the error budget is spent\n\n*Next:* `why op-1` and the thread show each target; then ask "
        "again for what is left."
    )
