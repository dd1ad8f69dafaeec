"""What people type becomes a typed request, or one sentence that helps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.commands import MAX_LENGTH, Ask, Complaint, Form, Question, from_shell, parse
from handlers.routes import IMPOSSIBLE, RUNBOOKS, menu, usage


def wish_of(text: str) -> tuple[str, str, dict[str, str], str]:
    read = parse(text)
    assert isinstance(read, Ask), read
    wish = read.wish
    return wish.runbook, wish.target, dict(wish.parameters), wish.because


@pytest.mark.parametrize(
    ("text", "target", "parameters"),
    [
        ("roll app-tier", "app-tier", {}),
        ("ROLL App-Tier RESTART", "App-Tier", {"restart": "True"}),
        ("roll restart app-tier", "app-tier", {"restart": "True"}),
        ("roll app-tier --restart --version=4.22.0", "app-tier",
         {"version": "4.22.0", "restart": "True"}),
        ("roll app-tier —restart", "app-tier", {"restart": "True"}),
        ("roll app-tier restart=no", "app-tier", {"restart": "False"}),
        ('roll "web tier" version="4.22.0"', "web tier", {"version": "4.22.0"}),
        ("roll “web tier”", "web tier", {}),
        ('roll "restart"', "restart", {}),
        ("roll target=shop/app-tier", "shop/app-tier", {}),
        ("roll ana's-tier", "ana's-tier", {}),
        ("  roll\u00a0app-tier\n", "app-tier", {}),
        ("ro\u200bll app\u2060-tier", "app-tier", {}),
        ("roll \u202eapp-tier", "app-tier", {}),
        ("roll <http://10.1.1.10|10.1.1.10>", "10.1.1.10", {}),
        ("roll R&amp;D-tier", "R&D-tier", {}),
        ("roll tier-ñandú", "tier-ñandú", {}),
    ],
)  # fmt: skip
def test_a_wish_is_read_however_it_is_typed(
    text: str, target: str, parameters: dict[str, str]
) -> None:
    assert wish_of(text) == ("roll", target, parameters, "")


def test_any_runbook_takes_a_reason() -> None:
    assert wish_of("recover app-tier because='the alert of 9:40'")[3] == "the alert of 9:40"


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("", Question("help")),
        ("   ", Question("help")),
        ("Status", Question("status")),
        ("why 270115-080000-5eu9", Question("why", "270115-080000-5eu9")),
        ("stop the network team asked", Question("stop", "the network team asked")),
        ("resume", Question("resume")),
        ("status shop-prod", Question("status", "shop-prod")),
        ("can b-31-VM", Question("can", "b-31-VM")),
        ("advise app-tier cpu=93", Question("advise", "app-tier cpu=93")),
    ],
)
def test_questions_are_read(text: str, question: Question) -> None:
    assert parse(text) == question


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rol x", "I know no command `rol`. Did you mean `roll`?"),
        ("roll", "`roll` needs a target: tier, ILB VM, VIP, router, VPC or network. "
                 f"Usage: `{usage('roll')}`"),
        ("roll x restrat", "I do not understand `restrat`. Did you mean `restart`? "
                           f"Usage: `{usage('roll')}`"),
        ("recover x y", "I do not understand `y`. One target at a time. "
                        f"Usage: `{usage('recover')}`"),
        ("roll x verson=1", "I know no option `verson=`. Did you mean `version`? "
                            f"Usage: `{usage('roll')}`"),
        ("roll x --force", "I know no option `--force`. There is `version`, `restart`, `outage`, "
                           f"`because`. Usage: `{usage('roll')}`"),
        ("roll x version=1 version=2", f"`version` is there twice. Usage: `{usage('roll')}`"),
        ("roll x version=", f"`version=` has no value. Usage: `{usage('roll')}`"),
        ("roll x restart=maybe",
         f"`restart` is said alone, or with yes or no. Usage: `{usage('roll')}`"),
        ('roll "x', "A quotation mark is not closed, or stands inside a word."),
        ("resume now", "`resume` takes nothing after it. Usage: `resume`"),
        ("can", "Can what? Usage: `can TARGET`"),
        ("why", "Why what? Usage: `why OPERATION|ILB`"),
        ("x" * 3000, f"That is too long: a command has at most {MAX_LENGTH} characters."),
    ],
)  # fmt: skip
def test_what_is_not_understood_gets_one_sentence(text: str, sentence: str) -> None:
    assert parse(text) == Complaint(sentence)


@pytest.mark.parametrize("word", IMPOSSIBLE)
def test_what_the_platform_cannot_do_is_refused_with_what_works_instead(word: str) -> None:
    read = parse(f"{word} app-tier")
    assert isinstance(read, Complaint)
    assert "I know no command" not in read.text
    assert "What works instead: " in read.text
    assert "`can TARGET`" in read.text


@pytest.mark.parametrize(
    "text", ["&lt;!channel&gt;", "<!channel>", "<@U0BRUNO001|bruno>", "`<!here>` *x*",
             "rоll app-tier", "roll x y=&lt;@U1&gt;", "roll a &lt;!everyone&gt;"],
)  # fmt: skip
def test_what_was_typed_is_shown_escaped(text: str) -> None:
    read = parse(text)
    assert isinstance(read, Complaint)
    assert "<" not in read.text
    assert read.text.count("`") % 2 == 0


@given(st.text(max_size=600))
def test_nothing_that_can_be_typed_breaks_the_reader(text: str) -> None:
    read = parse(text)
    if isinstance(read, Complaint):
        assert "<" not in read.text
    if isinstance(read, Ask):
        assert read.wish.target


@given(
    st.sampled_from(
        sorted(
            n
            for n, one in RUNBOOKS.items()
            if not one.by_form and "target" in one.request.model_fields
        )
    ),
    st.from_regex(r"[a-z][a-z0-9/.-]{0,40}", fullmatch=True),
)
def test_every_runbook_takes_a_target_as_typed(runbook: str, target: str) -> None:
    assert wish_of(f'{runbook} "{target}"')[:2] == (runbook, target)


def test_every_example_in_the_menu_is_understood() -> None:
    for entry in menu():
        assert not isinstance(parse(entry.example or entry.name), Complaint) or entry.name == "why"
        if entry.example:
            assert isinstance(parse(entry.example), Ask | Form | Question)


def test_a_fleet_is_named_by_its_vpc_or_its_zone() -> None:
    assert wish_of("roll-fleet vpc=shop-prod routers cap=2 because=release") == (
        "roll-fleet", "vpc=shop-prod", {"routers": "True", "cap": "2"}, "release",
    )  # fmt: skip
    assert wish_of('roll-fleet zone="fra 1"')[1] == "zone=fra 1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("roll-fleet", "roll-fleet needs vpc=NAME or zone=NAME, and not both."),
        ("roll-fleet vpc=a zone=b", "roll-fleet needs vpc=NAME or zone=NAME, and not both."),
        ("roll-fleet all", "I do not understand `all`."),
        ("roll-fleet zone=a cap=9", "`9` is no cap (most targets of one wave, 1 to 8)."),
    ],
)
def test_a_fleet_that_is_not_named_is_asked_for(text: str, says: str) -> None:
    read = parse(text)
    assert isinstance(read, Complaint)
    assert read.text.startswith(f"{says} Usage: `roll-fleet vpc=VPC|zone=ZONE ")


@pytest.mark.parametrize(
    "words",
    [
        ["resize", "app-tier", "offering=ILB large"],
        ['resize app-tier offering="ILB large"'],
        ["resize", "app-tier", 'offering="ILB large"'],
    ],
)
def test_a_shell_takes_quotation_marks_away_and_they_come_back(words: list[str]) -> None:
    assert wish_of(from_shell(words))[:3] == ("resize", "app-tier", {"offering": "ILB large"})


def test_a_name_with_a_space_is_one_word_from_a_shell() -> None:
    assert wish_of(from_shell(["roll", "my tier"]))[:2] == ("roll", "my tier")
