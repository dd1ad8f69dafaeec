"""Names that are moved in the middle of a change: by updates, and by people who are asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import cast

import pytest

from bot.domain.operation import Operation, Outcome, State
from bot.domain.question import Question
from bot.engine.memory import Death, Point
from bot.sandbox.dns.seed import APP
from bot.services.answers import Answers
from bot.services.questions import Asked
from handlers.conversation import Click, Conversation, Speaker
from handlers.routes import DONE
from tests.workflows.harness import ANA, BRUNO, House, house, without_approvers
from tests.workflows.rename import NAME, NEW, OLD, there_is_rename
from workflows.steps.directory import pieces

TARGET = "app-tier"
OTHER = "10.20.1.66"


@pytest.fixture(autouse=True)
def rename() -> Iterator[None]:
    with there_is_rename():
        yield


@pytest.fixture
async def by_hand() -> AsyncIterator[House]:
    """A bot whose names are changed by people."""
    async with house(people_change_names=True) as one:
        yield one


def published(home: House) -> tuple[str, ...]:
    return home.nameserver.zone.record(APP)[1]


def put(home: House, *addresses: str) -> None:
    home.nameserver.zone.set_record(APP, 5, "A", *addresses)


def changes(home: House) -> list[str]:
    return [one.split(" A ")[1] for one in home.nameserver.zone.changes if " A " in one]


async def question(home: House, found: Operation) -> Question:
    asked = await home.questions.newest(found.id)
    assert asked is not None
    assert asked.is_open
    return asked.question


async def asked(home: House, **parameters: str) -> Operation:
    """Begin the change and return it while it waits for a person."""
    found = await home.do(NAME, TARGET, **parameters)
    assert found.state is State.APPLYING
    return found


# --- updates ---


async def test_a_name_is_moved_and_its_ttl_waited_for(home: House) -> None:
    started = home.clock.now()
    found = await home.do(NAME, TARGET)
    assert (found.outcome, found.reason) == (Outcome.DONE, "")
    assert published(home) == (NEW,)
    assert home.clock.now() - started >= 5


async def test_what_somebody_else_changed_is_left_alone_and_told(home: House) -> None:
    waiting = await home.ask(NAME, TARGET)
    put(home, OTHER)
    found = await home.approve(waiting)
    assert found.outcome is Outcome.PARKED  # neither done nor undone: a person must look
    assert f"somebody else changed it, it is {OTHER}" in found.reason
    assert published(home) == (OTHER,)


async def test_a_name_that_is_moved_already_is_fine(home: House) -> None:
    waiting = await home.ask(NAME, TARGET)
    put(home, NEW)
    found = await home.approve(waiting)
    assert found.outcome is Outcome.DONE
    assert changes(home) == [NEW]


async def test_a_refused_update_says_what_to_grant(home: House) -> None:
    home.nameserver.faults.refuse_updates = True
    found = await home.do(NAME, TARGET)
    assert "allow-update or update-policy" in found.reason
    assert published(home) == (OLD,)


async def test_a_name_server_that_fails_while_looking_is_outlasted(by_hand: House) -> None:
    found = await asked(by_hand)
    put(by_hand, NEW)
    by_hand.nameserver.faults.fail_next = 3
    await by_hand.answer(found)
    assert (await by_hand.look(found)).outcome is Outcome.DONE


@pytest.mark.parametrize("fault", ["lose_next", "fail_next"])
async def test_a_lost_answer_moves_a_name_once(home: House, fault: str) -> None:
    waiting = await home.ask(NAME, TARGET)
    setattr(home.nameserver.faults, fault, 1)
    found = await home.approve(waiting)
    assert found.outcome is Outcome.DONE
    assert changes(home) == [NEW]


async def test_a_stage_that_fails_is_taken_back_in_reverse(home: House) -> None:
    waiting = await home.ask(NAME, TARGET, stages="both")
    zone = home.nameserver.zone
    sleep = home.clock.sleep

    async def breaks(seconds: float) -> None:
        if published(home) == (OLD, NEW):  # once, while clients forget
            home.nameserver.faults.refuse_updates = True
        await sleep(seconds)

    home.clock.sleep = breaks  # type: ignore[method-assign]
    found = await home.approve(waiting)
    assert "undoing failed too" in found.reason  # the server refuses that as well
    assert found.outcome is Outcome.PARKED
    assert changes(home) == [f"{OLD} {NEW}"]
    assert zone.record(APP)[1] == (OLD, NEW)


@pytest.mark.slow
async def test_a_death_at_any_step_moves_a_name_once() -> None:
    async with house() as calm:
        assert (await calm.do(NAME, TARGET, stages="both")).outcome is Outcome.DONE
        steps, wanted = calm.store.recorded, changes(calm)
    assert wanted == [f"{OLD} {NEW}", NEW]
    for step, point in product(range(steps), Point):
        async with house(death=Death(step, point)) as home:
            found = await home.do(NAME, TARGET, stages="both")
            assert home.deaths == 1
            assert found.outcome is Outcome.DONE, f"{step} {point}: {found.reason}"
            assert changes(home) == wanted, f"{step} {point}"


def test_a_wait_is_cut_so_that_a_stop_is_heard() -> None:
    assert pieces(5) == (5.0,)
    assert pieces(60) == (15.0,) * 4
    assert (len(pieces(86_400)), sum(pieces(86_400))) == (40, 86_400)
    assert pieces(0) == (0.0,)


async def test_a_stop_is_heard_while_a_long_ttl_passes(home: House) -> None:
    home.nameserver.zone.set_record(APP, 600, "A", OLD)
    waiting = await home.ask(NAME, TARGET, stages="slow")
    began, sleep = home.clock.now(), home.clock.sleep

    async def stops(seconds: float) -> None:
        if published(home) == (NEW,) and home.clock.now() > began + 20:
            await home.switch.set("ana", "enough")
        await sleep(seconds)

    home.clock.sleep = stops  # type: ignore[method-assign]
    found = await home.approve(waiting)
    assert (found.outcome, published(home)) == (Outcome.ROLLED_BACK, (OLD,))
    assert "enough" in found.reason


# --- people ---


async def test_a_person_is_shown_the_record_as_it_is_and_must_become(by_hand: House) -> None:
    found = await asked(by_hand)
    shown = await question(by_hand, found)
    assert shown.text == f"Change {APP} in your DNS, then press Done."
    assert shown.lines == (
        "; now",
        f"{APP}. 5 IN A {OLD}",
        "; wanted",
        f"{APP}. 5 IN A {NEW}",
    )
    assert shown.deadline_at == by_hand.clock.now() + 14_400.0


async def test_what_a_person_did_is_looked_at_and_the_change_goes_on(by_hand: House) -> None:
    found = await asked(by_hand)
    put(by_hand, NEW)
    verdict = await by_hand.answer(found)
    assert verdict.counted
    assert (await by_hand.look(found)).outcome is Outcome.DONE


async def test_who_answered_is_in_the_audit_journal(by_hand: House) -> None:
    found = await asked(by_hand)
    put(by_hand, NEW)
    await by_hand.answer(found)
    [row] = [row for row in await by_hand.journal.notes(found.id) if row.kind == "answer"]
    assert row.data == {"by": BRUNO, "name": "Bruno"}
    assert (await by_hand.journal.verify())[1] == ""


async def test_done_that_is_not_done_is_told_and_asked_again(by_hand: House) -> None:
    found = await asked(by_hand)
    first = await question(by_hand, found)
    await by_hand.answer(found)
    again = await question(by_hand, found)
    assert again.text.startswith(f"Bruno said it is done, and {APP} still resolves to {OLD}.")
    assert (again.key != first.key, again.deadline_at) == (True, first.deadline_at)
    put(by_hand, NEW)
    await by_hand.answer(found)
    assert (await by_hand.look(found)).outcome is Outcome.DONE


async def test_nobody_in_time_ends_it_with_the_reason(by_hand: House) -> None:
    found = await asked(by_hand)
    by_hand.later(14_401.0)
    ended = await by_hand.quiet(found)
    assert ended.outcome is Outcome.ROLLED_BACK
    assert f"nobody did in time; it resolves to {OLD}" in ended.reason
    assert not await by_hand.waits_for(found)


async def test_a_question_makes_its_operation_last_longer(by_hand: House) -> None:
    found = await asked(by_hand)
    by_hand.later(14_000.0)
    await by_hand.dispatcher.once()
    shown = await question(by_hand, found)
    assert (await by_hand.look(found)).deadline_at == shown.deadline_at + 4 * 3600.0


async def test_a_person_put_another_record(by_hand: House) -> None:
    found = await asked(by_hand)
    put(by_hand, OTHER)
    await by_hand.answer(found)
    ended = await by_hand.look(found)
    assert ended.outcome is Outcome.PARKED
    assert f"somebody else changed it, it is {OTHER}" in ended.reason


async def test_a_name_that_is_there_already_is_not_asked_for(by_hand: House) -> None:
    put(by_hand, NEW)
    assert (await by_hand.do(NAME, TARGET)).outcome is Outcome.DONE


async def test_taking_it_back_asks_a_person_too(by_hand: House) -> None:
    found = await asked(by_hand, stages="back")
    put(by_hand, NEW)
    await by_hand.answer(found)
    assert (await question(by_hand, found)).lines[-1].endswith(OLD)
    put(by_hand, OLD)
    await by_hand.answer(found)
    assert (await by_hand.look(found)).outcome is Outcome.DONE


async def test_a_stop_ends_the_wait(by_hand: House) -> None:
    found = await asked(by_hand)
    await by_hand.switch.set("ana", "enough")
    await by_hand.waiting.once()
    ended = await by_hand.quiet(found)
    assert ended.outcome is Outcome.ROLLED_BACK
    assert "enough" in ended.reason
    assert not await by_hand.waits_for(found)


async def test_a_waiting_change_is_woken_once_for_each_news(by_hand: House) -> None:
    found = await asked(by_hand)
    person = by_hand.policies.person(BRUNO)
    assert person is not None
    shown = await question(by_hand, found)
    assert await by_hand.questions.take(found.id, shown.key, person)  # by another process
    put(by_hand, NEW)
    assert (await by_hand.look(found)).state is State.APPLYING
    await by_hand.waiting.once()
    await by_hand.waiting.once()
    assert (await by_hand.quiet(found)).outcome is Outcome.DONE


async def test_the_first_answer_counts(by_hand: House) -> None:
    found = await asked(by_hand)
    shown = await question(by_hand, found)
    put(by_hand, NEW)
    assert (await by_hand.operations.answer(found.id, BRUNO, shown.key)).counted
    late = await by_hand.operations.answer(found.id, ANA, shown.key)
    assert not late.counted
    await by_hand.quiet(found)
    over = await by_hand.operations.answer(found.id, ANA, shown.key)
    assert "asks nobody" in over.text


async def test_who_may_neither_ask_nor_decide_may_not_answer(by_hand: House) -> None:
    found = await asked(by_hand)
    by_hand.policies = without_approvers(by_hand.policies)
    verdict = await by_hand.operations.answer(found.id, BRUNO)
    assert not verdict.counted
    assert "Bruno" in verdict.text
    assert (await question(by_hand, found)).key


async def test_an_answer_to_an_older_question_does_not_count(by_hand: House) -> None:
    found = await asked(by_hand)
    first = await question(by_hand, found)
    await by_hand.answer(found)
    assert not (await by_hand.operations.answer(found.id, ANA, first.key)).counted


async def test_a_change_that_asks_nothing_cannot_be_answered(home: House) -> None:
    found = await home.do(NAME, TARGET)
    assert "asks nobody anything" in (await home.operations.answer(found.id, BRUNO)).text
    assert "no operation" in (await home.operations.answer("nothing", BRUNO)).text


@pytest.mark.slow
async def test_a_death_at_any_step_loses_no_question_and_no_answer() -> None:
    async def live(home: House) -> Operation:
        found = await home.do(NAME, TARGET)
        if found.is_open:
            put(home, NEW)
            await home.operations.answer(found.id, BRUNO)
            found = await home.quiet(found)
        return found

    async with house(people_change_names=True) as calm:
        assert (await live(calm)).outcome is Outcome.DONE
        steps = calm.store.recorded
    for step, point in product(range(steps), Point):
        async with house(people_change_names=True, death=Death(step, point)) as home:
            found = await live(home)
            rows = await home.journal.notes(found.id)
            assert home.deaths == 1
            assert found.outcome is Outcome.DONE, f"{step} {point}: {found.reason}"
            assert len([row for row in rows if row.kind == "answer"]) == 1, f"{step} {point}"
            assert len([row for row in rows if row.kind == "question"]) == 1, f"{step} {point}"


def test_a_question_is_open_until_answered_or_over() -> None:
    shown = Question("007", "do it", (), 0.0)
    assert Asked(shown).is_open
    assert not Asked(shown, is_over=True).is_open


async def test_the_button_of_a_card_answers(by_hand: House) -> None:
    found = await asked(by_hand)
    shown = await question(by_hand, found)
    put(by_hand, NEW)
    conversation = Conversation(by_hand.operations, cast("Answers", None))
    click = Click(DONE, f"{found.id}:{shown.key}", Speaker(BRUNO, "C1"))
    assert (await conversation.clicked(click)).startswith("Thank you.")
    assert (await by_hand.quiet(found)).outcome is Outcome.DONE
    assert "asks nobody" in await conversation.clicked(click)


async def test_a_stranger_who_clicks_answers_nothing(by_hand: House) -> None:
    found = await asked(by_hand)
    conversation = Conversation(by_hand.operations, cast("Answers", None))
    click = Click(DONE, f"{found.id}:{(await question(by_hand, found)).key}", Speaker("U-X", "C1"))
    assert "do not know you" in await conversation.clicked(click)
    assert await by_hand.waits_for(found)
