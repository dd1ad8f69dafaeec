"""A form fits into what Slack takes, however much there is to say."""

from __future__ import annotations

from handlers.commands import Form
from handlers.conversation import Start
from handlers.slack_forms import MAX_TEXT, filled_in

SPLIT = Form("split", "app-tier")


def test_a_note_that_slack_would_refuse_is_cut_between_words() -> None:
    note = "\n".join(
        f"+ 10.20.1.{number} (new): service-{number} &amp; more" for number in range(99)
    )
    [words, *_] = filled_in(SPLIT, Start("a\nb", note), "C1")["blocks"]
    shown = words["text"]["text"]
    assert len(shown) <= MAX_TEXT
    assert shown.endswith("\n…")
    assert note.startswith(shown.removesuffix("\n…"))


def test_a_proposal_that_is_too_long_for_a_form_says_how_it_is_asked_for_without() -> None:
    start = Start("x" * (MAX_TEXT + 1), "One ILB a line.")
    [words] = filled_in(SPLIT, start, "C1")["blocks"]
    shown = words["text"]["text"]
    assert "`split TARGET groups=web,api|admin`" in shown
    assert "-f" not in shown


def test_a_spec_that_is_too_long_for_a_form_goes_over_a_file() -> None:
    start = Start("x" * (MAX_TEXT + 1), "What app-tier has.")
    [words] = filled_in(Form("provision", "app-tier"), start, "C1")["blocks"]
    assert "`ilbot provision -f ilb.yaml` takes any length" in words["text"]["text"]
