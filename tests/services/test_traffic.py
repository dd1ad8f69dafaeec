"""What was measured, in the words that people read aloud."""

from __future__ import annotations

from bot.domain.evidence import add_up
from bot.domain.operation import Outcome, State
from bot.domain.probing import Evidence, Failure, Watched, Watching
from bot.ports import Proof
from bot.services.proof import judge
from bot.services.traffic import in_lines, keep
from tests.services.bulletin import Desk, a_roll
from tests.services.vantage import Scripted, refused_between

A, B = Watched("10.1.1.10", 80), Watched("10.1.1.11", 80)
AWAY = Watched("10.1.1.11", 80, counts=False)
NOT_SEEN = (
    "Not seen: whether members answer rightly (connections are opened and nothing is sent), a held "
    "connection to a machine that vanished without a word, what other clients did at 10.1.1.10:80 "
    "(HAProxy's stats page was not seen) and how it is from anywhere else."
)


def seen(*places: Watched, seconds: int = 60, **given: object) -> Evidence:
    """What two vantage points see of places for some time."""
    probers = [Scripted("bot", **given), Scripted("web-1")]  # type: ignore[arg-type]
    samples = [
        one.second(place, second)
        for one in probers
        for place in places
        for second in range(1000, 1000 + seconds)
    ]
    return add_up([Watching(1000.0, places)], samples, 1000.0 + seconds)


def test_a_clean_change_is_told_in_three_lines() -> None:
    assert in_lines(seen(A)) == (
        "Traffic: 1200 new connections: none failed; 10 held open: none was cut; half answered "
        "within 2 ms, 99 % within 2 ms.",
        "Measured from bot and web-1 for 60 s: about 10 new connections a second at 10.1.1.10:80 "
        "from each.",
        NOT_SEEN,
    )


def test_a_loss_is_told_by_its_kinds_and_its_place() -> None:
    found = seen(A, answer=refused_between(1010.0, 1012.5), cut={1010: 1})
    assert in_lines(found)[0] == (
        "Traffic: 1200 new connections: 25 failed (25 refused); 10 held open: 1 was cut; longest "
        "gap 2.5 s, at 10.1.1.10:80 from bot; half answered within 2 ms, 99 % within 2 ms."
    )


def test_an_outage_of_everything_has_no_latency_to_tell() -> None:
    gone = refused_between(0.0, 2000.0)
    [first, *_] = in_lines(add_up(
        [Watching(1000.0, (A,))], [Scripted(answer=gone).second(A, 1000)], 1001.0
    ))  # fmt: skip
    assert first == (
        "Traffic: 10 new connections: 10 failed (10 refused); 5 held open: none was cut; longest "
        "gap 0.9 s, at 10.1.1.10:80 from bot."
    )


def test_what_was_withdrawn_is_told_apart() -> None:
    lines = in_lines(seen(A, AWAY, answer=refused_between(1010.0, 1020.0, AWAY.vip)))
    assert "none failed" in lines[0]
    assert lines[2] == ("Withdrawn, so not counted: 100 of 600 failed at 10.1.1.11:80 from bot.")


def test_time_that_nobody_saw_is_told() -> None:
    found = add_up(
        [Watching(1000.0, (A,))],
        [Scripted().second(A, second) for second in (1000, 1001, 1008, 1009)], 1010.0,
    )  # fmt: skip
    assert in_lines(found)[-1].endswith("and 6 s in which nobody looked.")


def test_numbers_that_prove_nothing_begin_with_that() -> None:
    found = seen(A, lag_s=0.3)
    assert in_lines(found)[0].startswith("These numbers prove nothing: the prober bot itself was")


def test_a_prober_that_is_late_excuses_no_loss_that_another_saw() -> None:
    samples = [Scripted("bot", lag_s=0.3).second(A, 1000)]
    samples += [Scripted("web-1", refused_between(1000.0, 1000.4)).second(A, 1000)]
    found = add_up([Watching(1000.0, (A,))], samples, 1001.0)
    outcome, reason = judge(found, Proof(), "")
    assert outcome is Outcome.FAILED
    assert "4 of 20 new connections failed" in reason
    assert "4 of them by a prober on time (none may be), most at 10.1.1.10:80 from web-1" in reason
    assert in_lines(found)[0].startswith("These numbers prove only 4 losses: the prober bot itself")


def test_a_timeout_is_called_one() -> None:
    found = seen(A, seconds=1, answer=lambda place, due: Failure.TIMED_OUT)
    assert "10 failed (10 timed out)" in in_lines(found)[0]


async def test_the_card_has_the_numbers_and_the_receipt_all_of_it(desk: Desk) -> None:
    found = await desk.applying(a_roll())
    await keep(desk.journal, found.id, seen(A))
    await desk.move(found, State.ENDED, outcome=Outcome.DONE)
    await desk.cards.show(found.id)
    numbers, *rest = in_lines(seen(A))
    assert desk.chat.last.body[1].endswith(numbers)
    assert desk.chat.replies[-1].body[-1].endswith("\n".join([numbers, *rest]))
    assert "not measured" not in str(desk.chat.replies[-1])


async def test_the_first_evidence_kept_is_what_it_is_judged_by(desk: Desk) -> None:
    found = await desk.applying(a_roll())
    assert await keep(desk.journal, found.id, seen(A)) == seen(A)
    later = seen(A, answer=refused_between(1000.0, 1001.0))
    kept = await keep(desk.journal, found.id, later)
    assert (kept.lost, kept.attempts, kept.series) == (0, 1200, ())
    assert kept == seen(A).without_series()
