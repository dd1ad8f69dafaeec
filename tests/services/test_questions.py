"""What a change asks of a person shows on its card, rings who is concerned, and goes again."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from bot.app import Books
from bot.cli.elsewhere import answer_text
from bot.domain.operation import Operation
from bot.domain.page import as_plain
from bot.domain.policy import Person, Policies, Power, Role, Targets
from bot.domain.question import Question
from bot.errors import Refused
from bot.services.account import account_of
from bot.services.switch import KillSwitch
from bot.settings import Settings
from tests.services.bulletin import Desk, a_roll

LINES = ("; now", "app.shop.internal. 5 IN A 10.20.1.10", "; wanted", "; no A record")


def a_question(desk: Desk, key: str = "007", text: str = "Change it <!here>.") -> Question:
    return Question(key, text, LINES, desk.clock.now() + 600.0)


async def asking(desk: Desk) -> Operation:
    found = await desk.applying(a_roll())
    await desk.questions.ask(found.apply_run, a_question(desk))
    return found


async def test_a_question_is_on_the_card_with_its_button_and_its_deadline(desk: Desk) -> None:
    found = await asking(desk)
    await desk.cards.show(found.id)
    card = desk.chat.last
    assert card.body[0] == "*:raised_hand: Waiting for a person*"
    assert card.body[-1] == "Change it &lt;!here&gt;.\n```\n" + "\n".join(LINES) + "\n```"
    [button] = card.buttons
    assert (button.action, button.label, button.value) == ("done", "Done", "op-1:007")
    assert card.facts[-1] == ("Done before", "<!date^1800015000^{time}|12:10 UTC>")


async def test_who_asked_and_who_approved_are_rung_once_for_each_question(desk: Desk) -> None:
    found = await asking(desk)
    for _ in range(2):
        await desk.cards.show(found.id)
    rung = [one for one in desk.chat.replies if "waits for a person" in one.summary]
    assert len(rung) == 1
    assert rung[0].body[0] == "<@U0ANA> <@U0BRUNO>"
    await desk.questions.ask(found.apply_run, a_question(desk, "009", "Again."))
    await desk.cards.show(found.id)
    assert desk.chat.replies[-1].body[1].startswith("Again.")
    assert desk.chat.last.buttons[0].value == "op-1:009"


@pytest.mark.parametrize("how", ["answered", "over"])
async def test_what_nobody_waits_for_any_more_leaves_the_card(desk: Desk, how: str) -> None:
    found = await asking(desk)
    await desk.cards.show(found.id)
    if how == "answered":
        assert await desk.questions.take(found.id, "007", Person("U0ANA", "Ana", frozenset()))
    else:
        await desk.questions.close(found.apply_run, "007", "stopped")
    await desk.cards.show(found.id)
    assert desk.chat.last.buttons == ()
    assert desk.chat.last.body[0] == "*:gear: Working*"


async def test_asked_twice_it_is_one_question(desk: Desk) -> None:
    found = await asking(desk)
    await desk.questions.ask(found.apply_run, a_question(desk, text="Another text."))
    asked = await desk.questions.newest(found.id)
    assert asked is not None
    assert asked.question.text == "Change it <!here>."


async def test_only_the_first_answer_is_kept(desk: Desk) -> None:
    found = await asking(desk)
    assert await desk.questions.take(found.id, "007", Person("U0BRUNO", "Bruno", frozenset()))
    assert not await desk.questions.take(found.id, "007", Person("U0ANA", "Ana", frozenset()))
    answer = await desk.questions.answer(found.apply_run, "007")
    assert answer is not None
    assert (answer.person_id, answer.name) == ("U0BRUNO", "Bruno")


async def test_the_account_of_a_change_tells_who_did_what_was_asked(desk: Desk) -> None:
    found = await asking(desk)
    await desk.questions.take(found.id, "007", Person("U0BRUNO", "Bruno", frozenset()))
    notes = await desk.journal.notes(found.id)
    text = as_plain(account_of(found, notes, (), lambda person: person))
    assert "Change it <!here>." in text
    assert LINES[1] in text
    assert "Bruno: done" in text


# on the terminal


def books(desk: Desk, folder: Path, login: str) -> Books:
    role = Role("all", frozenset({Power.REQUEST}), frozenset({"*"}), Targets(everything=True))
    person = Person("U0ANA", "Ana", frozenset({"all"}), login)
    policies = Policies(version="1", people=(person,), roles=(role,), runbooks={})
    return Books(
        Settings(), desk.clock, desk.journal, desk.progress, lambda: policies,  # type: ignore[arg-type]
        KillSwitch(desk.journal, folder / "STOP"),
    )  # fmt: skip


async def test_the_terminal_answers_as_the_button_does(desk: Desk, tmp_path: Path) -> None:
    found = await asking(desk)
    text, is_good = await answer_text(books(desk, tmp_path, getpass.getuser()), found.id)
    assert (is_good, text) == (True, f"Thank you. {found.id} looks whether it is so, and goes on.")
    assert await desk.questions.answer(found.apply_run, "007") is not None


async def test_nobody_answers_under_a_login_that_is_not_known(desk: Desk, tmp_path: Path) -> None:
    found = await asking(desk)
    with pytest.raises(Refused, match="know nobody with the login"):
        await answer_text(books(desk, tmp_path, "somebody-else"), found.id)
