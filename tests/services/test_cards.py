"""A card says what the journal says: always the last of it."""

from __future__ import annotations

import pytest

from bot.domain.card import Picture
from bot.domain.operation import Actor, Operation, Outcome, State, Wish
from bot.engine.memory import Died
from bot.services.card_writer import ENDINGS, STATUS
from tests.services.bulletin import NOON, RUNBOOKS, Desk, a_recovery, a_roll, refresh, report

ANA_SAYS = (("Asked by", "<@U0ANA>"),)
BRUNO_SAYS = ("Approved by", "<@U0BRUNO> at <!date^1800014400^{time}|12:00 UTC>")
NASTY = "<!here> *x* `y`"


# what it says


async def test_what_is_only_asked_has_no_card_yet(desk: Desk) -> None:
    await desk.cards.show((await desk.ask()).id)
    assert desk.chat.posts == []


async def test_a_plan_that_waits_shows_itself_and_its_buttons(desk: Desk) -> None:
    found = await desk.waiting(a_roll())
    await desk.cards.show(found.id)
    card = desk.chat.last
    assert card.title == "Roll b-1-VM"
    assert card.summary == "Roll b-1-VM: Waiting for approval"
    assert card.body[0] == "*:raised_hand: Waiting for approval*"
    assert card.body[1].startswith("Roll b-1-VM from version 4.20.0 to 4.22.0\nin tier app")
    assert card.facts == (
        *ANA_SAYS,
        ("Decide before", "<!date^1800015300^{time}|12:15 UTC>"),
    )
    assert [(b.action, b.value) for b in card.buttons] == [
        ("approve", f"op-1:{found.fingerprint[:12]}"),
        ("reject", f"op-1:{found.fingerprint[:12]}"),
    ]
    assert card.buttons[0].confirm == (
        "Roll b-1-VM from version 4.20.0 to 4.22.0? Not served meanwhile: 10.1.1.10 port 80."
    )
    assert card.footer == f"op-1 · plan `{found.fingerprint[:12]}`"


async def test_what_cuts_nothing_is_confirmed_by_its_name(desk: Desk) -> None:
    await desk.cards.show((await desk.waiting(a_recovery())).id)
    assert desk.chat.last.buttons[0].confirm == "Recover b-1-VM?"


async def test_work_shows_its_steps_as_they_end(desk: Desk) -> None:
    found = await desk.applying(a_roll())
    await desk.cards.show(found.id)
    assert desk.chat.last.body[0] == "*:gear: Working*"
    assert desk.chat.last.body[1].startswith(":hourglass_flowing_sand: Looking again at")
    await report(desk, found.id, "002.newest", "vm-1", "INTERNALLBVM.STOP")
    await report(desk, found.id, "003.submit_stop", "vm-1", "")
    await report(desk, found.id, "004.settled", "vm-1", "Stopped", seconds=12.0)
    await desk.cards.show(found.id)
    assert desk.chat.last.body[1] == (
        ":white_check_mark: Asked CloudStack to stop it\n"
        ":white_check_mark: Watched it until it was Stopped (12 s)"
    )
    assert desk.chat.last.facts == (*ANA_SAYS, BRUNO_SAYS)
    assert desk.chat.last.buttons == ()


async def test_an_approved_one_keeps_its_plan_and_loses_its_buttons(desk: Desk) -> None:
    found = await desk.waiting(a_roll())
    await desk.cards.show(found.id)
    await desk.move(found, State.APPROVED, decided_by="U0BRUNO", decided_at=NOON)
    await desk.cards.show(found.id)
    card = desk.chat.last
    assert card.body[0] == "*:hourglass_flowing_sand: Approved, starting in its turn*"
    assert "*What happens*" in card.body[1]
    assert card.buttons == ()


@pytest.mark.parametrize(
    ("outcome", "reason", "status", "body"),
    [
        (
            Outcome.DONE, "", ":white_check_mark: Done",
            ("*b-1-VM* now runs version *4.22.0*, with the rules it had, in 6 s.\n"
             "Traffic was not measured.",),
        ),
        (
            Outcome.NOTHING_TO_DO, "it already is.", ":ok: Nothing to do",
            ("Roll b-1-VM from version 4.20.0 to 4.22.0", "it already is."),
        ),
        (
            Outcome.REFUSED, "the approval no longer counts", ":no_entry: Refused",
            ("Roll b-1-VM from version 4.20.0 to 4.22.0", "the approval no longer counts"),
        ),
        (
            Outcome.REJECTED, "rejected by Bruno", ":no_entry_sign: Rejected",
            ("Roll b-1-VM from version 4.20.0 to 4.22.0", "rejected by Bruno"),
        ),
        (
            Outcome.EXPIRED, "nobody decided in time", ":hourglass: Expired",
            ("Roll b-1-VM from version 4.20.0 to 4.22.0", "nobody decided in time"),
        ),
        (
            Outcome.STALE, "rules: was <a>", ":arrows_counterclockwise: Stale: ask again",
            ("Roll b-1-VM from version 4.20.0 to 4.22.0", "rules: was &lt;a&gt;"),
        ),
        (Outcome.FAILED, "it said no", ":x: Failed", None),
        (Outcome.ROLLED_BACK, "it said no", ":leftwards_arrow_with_hook: Rolled back", None),
        (Outcome.PARKED, "it said no", ":rotating_light: Parked: a person must look", None),
        (Outcome.UNVERIFIED, "it said no", ":grey_question: Unverified", None),
    ],
    ids=lambda value: str(value) if isinstance(value, Outcome) else "",
)  # fmt: skip
async def test_each_outcome_has_its_words(
    desk: Desk, outcome: Outcome, reason: str, status: str, body: tuple[str, ...] | None
) -> None:
    found = await desk.applying(a_roll())
    await desk.cards.show(found.id)
    desk.clock.advance(6.0)
    await desk.move(found, State.ENDED, outcome=outcome, reason=reason)
    await desk.cards.show(found.id)
    failed = (
        "it said no\n\n*Next:* Look at the VM's template in CloudStack; `recover b-1-VM` if it is "
        "not Running, `why op-1` for every step.",
    )
    assert desk.chat.last.body == (f"*{status}*", *(failed if body is None else body))
    assert desk.chat.last.buttons == ()


def test_no_outcome_is_without_words() -> None:
    assert set(ENDINGS) == set(Outcome)
    assert set(STATUS) == set(State) - {State.ENDED}


async def test_what_was_only_observed_shows_what_it_would_have_done(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.plan(asked, a_roll(), State.WAITING)
    await desk.move(asked, State.ENDED, outcome=Outcome.OBSERVED, reason="the policy says suggest")
    await desk.cards.show(asked.id)
    card = desk.chat.last
    assert card.body[0] == "*:eyes: Observed, nothing was changed*"
    assert "1. Stop b-1-VM" in card.body[1]
    assert card.body[2] == "the policy says suggest"


async def test_one_that_could_not_be_planned_says_why(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.move(asked, State.ENDED, outcome=Outcome.FAILED, reason="it could not be planned")
    await desk.cards.show(asked.id)
    assert desk.chat.last.body == ("*:x: Failed*", "it could not be planned")
    assert desk.chat.replies == []


async def test_who_withdrew_has_decided_and_not_approved(desk: Desk) -> None:
    found = await desk.waiting(a_roll())
    await desk.move(
        found, State.ENDED, outcome=Outcome.REJECTED, reason="withdrawn by Ana",
        decided_by="U0ANA", decided_at=NOON,
    )  # fmt: skip
    await desk.cards.show(found.id)
    assert [name for name, _ in desk.chat.last.facts] == ["Asked by", "Decided by"]


async def test_a_wish_of_a_policy_says_because_of_what(desk: Desk) -> None:
    policy = Actor("policy", "policy <3>", is_person=False)
    asked = await desk.ask(Wish("roll", "b-1-VM", because=f"alert {NASTY}"), policy)
    await desk.plan(asked, a_roll(), State.WAITING)
    await desk.cards.show(asked.id)
    assert desk.chat.last.facts[:2] == (
        ("Asked by", "policy &lt;3&gt;"),
        ("Because", "alert &lt;!here&gt; *x* `y`"),
    )


async def test_foreign_names_ring_nobody_on_any_card(desk: Desk) -> None:
    found = await desk.applying(a_roll(NASTY, NASTY))
    await desk.cards.show(found.id)
    await desk.move(found, State.ENDED, outcome=Outcome.FAILED, reason=NASTY)
    await desk.cards.show(found.id)
    for card in (*desk.chat.posts, *desk.chat.updates, *desk.chat.replies):
        for text in (*card.body, *(value for _, value in card.facts), card.footer):
            assert "<!here" not in text


# the thread


async def test_evidence_and_receipt_are_told_once(desk: Desk) -> None:
    found = await desk.applying(a_roll())
    for _ in range(3):
        await desk.cards.show(found.id)
    await report(desk, found.id, "003.submit_stop", "vm-1", "")
    desk.clock.advance(30.0)
    await report(desk, found.id, "007.settled", "vm-1", "Running")
    await desk.move(found, State.ENDED, outcome=Outcome.DONE)
    for _ in range(3):
        await desk.cards.show(found.id)
    await refresh(desk)
    assert desk.chat.titles() == ["Evidence", "Receipt of op-1"]
    assert desk.chat.replies[1].body[-1] == (
        "Not served, from the stop to Running: 30 s. Traffic was not measured."
    )


async def test_a_death_between_telling_and_noting_tells_again(desk: Desk) -> None:
    found = await desk.waiting(a_roll())
    desk.chat.dies_after = "Evidence"
    with pytest.raises(Died):
        await desk.cards.show(found.id)
    await refresh(desk)
    await refresh(desk)
    assert desk.chat.titles() == ["Evidence", "Evidence"]


async def test_no_outage_is_claimed_of_a_repair_or_of_what_is_in_doubt(desk: Desk) -> None:
    for planned, outcome in ((a_recovery(), Outcome.DONE), (a_roll(), Outcome.PARKED)):
        found = await desk.applying(planned)
        await report(desk, found.id, "003.submit_stop", "vm-1", "")
        desk.clock.advance(4.0)
        await report(desk, found.id, "007.settled", "vm-1", "Running")
        await desk.move(found, State.ENDED, outcome=outcome)
        await desk.cards.show(found.id)
        said = desk.chat.replies[-1].body[-1]
        assert said == RUNBOOKS[planned.runbook].not_measured


async def test_how_long_a_repair_took_predicts_no_outage(desk: Desk) -> None:
    for planned, seconds in ((a_recovery(), 4.0), (a_roll(), 30.0)):
        found = await desk.applying(planned)
        await report(desk, found.id, "003.submit_stop", "vm-1", "")
        desk.clock.advance(seconds)
        await report(desk, found.id, "007.settled", "vm-1", "Running")
        await desk.move(found, State.ENDED, outcome=Outcome.DONE)
    assert await desk.progress.history("vm-1", "") == ((30.0,), "")


# refusals


async def test_a_refusal_is_whispered_once_to_who_asked(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.move(asked, State.ENDED, outcome=Outcome.REFUSED, reason="no <b>")
    await desk.cards.show(asked.id)
    await desk.cards.show(asked.id)
    assert desk.chat.whispers == [("C0ASKED", "U0ANA", ":no_entry: no &lt;b&gt;")]
    assert desk.chat.posts == []


async def test_a_refusal_after_the_card_stands_is_told_on_the_card(desk: Desk) -> None:
    found = await desk.waiting(a_roll())
    await desk.cards.show(found.id)
    await desk.move(found, State.ENDED, outcome=Outcome.REFUSED, reason="no longer an approver")
    await desk.cards.show(found.id)
    assert desk.chat.last.body[0] == "*:no_entry: Refused*"
    assert desk.chat.whispers == []


async def test_a_refusal_of_a_policys_wish_is_told_in_the_channel(desk: Desk) -> None:
    asked = await desk.ask(by=Actor("policy", "policy 3", is_person=False))
    await desk.move(asked, State.ENDED, outcome=Outcome.REFUSED, reason="it is parked")
    await desk.cards.show(asked.id)
    assert desk.chat.last.body == ("*:no_entry: Refused*", "it is parked")


# the plot


async def ended_with_plot(desk: Desk) -> Operation:
    found = await desk.applying(a_roll())
    desk.plots[found.id] = Picture("op-1.png", "Traffic of op-1", "3 of 120 <failed>", b"png")
    return await desk.move(found, State.ENDED, outcome=Outcome.DONE)


async def test_the_plot_follows_the_receipt_once(desk: Desk) -> None:
    found = await ended_with_plot(desk)
    await desk.cards.show(found.id)
    await refresh(desk)
    await desk.cards.show(found.id)
    [(at, picture)] = desk.chat.pictures
    assert (at.ts, picture) == ("17.1", desk.plots[found.id])
    assert desk.chat.titles() == ["Evidence", "Receipt of op-1"]


async def test_what_was_not_probed_has_no_plot(desk: Desk) -> None:
    found = await desk.applying(a_roll())
    await desk.cards.show((await desk.move(found, State.ENDED, outcome=Outcome.DONE)).id)
    assert desk.chat.pictures == []
    assert await desk.journal.has_note(found.id, "", "card final")


async def test_a_chat_that_takes_no_pictures_is_told_what_to_do_about_it(desk: Desk) -> None:
    desk.chat.takes_pictures = False
    found = await ended_with_plot(desk)
    await desk.cards.show(found.id)
    assert desk.chat.replies[-1].summary == "Traffic of op-1"
    assert desk.chat.replies[-1].body == (
        "3 of 120 &lt;failed&gt;\nupload it: Slack says missing_scope. Install it again.",
    )
    assert await desk.journal.has_note(found.id, "", "card final")


async def test_a_plot_that_did_not_arrive_is_sent_again(desk: Desk) -> None:
    found = await ended_with_plot(desk)
    desk.chat.loses_pictures = 1
    desk.cards.changed(found.id)
    await desk.cards.flush()
    assert desk.chat.pictures == []
    await desk.cards.flush()
    assert len(desk.chat.pictures) == 1
    assert desk.chat.titles() == ["Evidence", "Receipt of op-1"]
