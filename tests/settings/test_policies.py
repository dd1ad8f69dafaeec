"""`policies.yaml`: what is read, and what is said of what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.operation import Mode, Source
from bot.domain.policy import Allowed, IncidentKind, Policies, Scope
from bot.errors import Refused
from bot.services.policies import load_policies, read_policies

EXAMPLE = Path(__file__).parents[2] / "bot" / "cli" / "policies.example.yaml"
RUNBOOKS = (
    "migrate", "pair", "provision", "recover", "resize", "roll", "roll-fleet", "split", "unpair",
)  # fmt: skip
TIER = "2f1c6f6e-3a53-4d0c-9a4d-0b8a3f1f5c11"
SHOP = Scope(frozenset({TIER}), "shop", "app-tier")


def read(text: str) -> Policies:
    return read_policies(text.encode(), "policies.yaml", RUNBOOKS)


def problems(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(Refused) as refused:
        read_policies(content, "policies.yaml", RUNBOOKS)
    first, *rest = str(refused.value).splitlines()
    assert first == "The policies cannot be used:"
    return [line.strip() for line in rest]


ROLES = """\
people:
  - {slack: UANA, name: Ana, roles: [asker]}
  - {slack: UBRUNO, name: Bruno, roles: [decider]}
roles:
  asker: {may: [request], runbooks: [roll], targets: ["shop*/*"]}
  decider: {may: [approve], runbooks: ["*"], targets: ["*"]}
"""


def test_the_shipped_example_observes() -> None:
    policies = load_policies(EXAMPLE, RUNBOOKS)
    assert set(policies.runbooks) == set(RUNBOOKS)
    for runbook in RUNBOOKS:
        assert policies.mode_for(runbook, Source.SLACK, SHOP) is Mode.OBSERVE
    assert {kind.value for kind in policies.incidents} == {kind.value for kind in IncidentKind}
    assert all(policy.mode is Mode.OBSERVE for policy in policies.incidents.values())


def test_the_people_in_the_example_can_be_uncommented() -> None:
    people, roles, rest = EXAMPLE.read_text().partition("# Roles:")
    text = people.replace("people: []", "people:").replace("\n#  ", "\n  ") + roles + rest
    policies = read(text)
    assert [person.name for person in policies.people] == ["Ana", "Bruno"]
    assert policies.may_decide("U061F7AUR", "U024BE7LH", "roll", SHOP) == Allowed("approver")


def test_an_absent_file_observes(tmp_path: Path) -> None:
    assert load_policies(tmp_path / "none.yaml", RUNBOOKS) == Policies()


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Is a directory"):
        load_policies(tmp_path, RUNBOOKS)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_observes(text: str) -> None:
    policies = read(text)
    assert policies.mode_for("roll", Source.SLACK, SHOP) is Mode.OBSERVE


def test_the_version_follows_the_content() -> None:
    assert read(ROLES).version == read(ROLES).version
    assert read(ROLES).version != read(ROLES + "# changed\n").version


def test_roles_and_people_are_read() -> None:
    policies = read(ROLES)
    assert policies.may_request("UANA", "roll", SHOP) == Allowed("asker")
    assert policies.may_decide("UBRUNO", "UANA", "roll", SHOP) == Allowed("decider")


def test_automatic_mode_on_listed_ids_is_read() -> None:
    policies = read(
        f"runbooks:\n  recover: {{mode: automatic, automatic_on: [{TIER.upper()}]}}\n"
        "incidents:\n  ilb-stopped: {runbook: recover, mode: automatic}\n"
    )
    incident = policies.for_incident(IncidentKind.ILB_STOPPED, SHOP)
    assert incident is not None
    assert incident.mode is Mode.AUTOMATIC


def test_a_byte_order_mark_and_other_alphabets_are_read() -> None:
    policies = read("\ufeffpeople:\n  - {slack: UANA, name: Ана Ć. 🦊, roles: []}\n")
    assert policies.people[0].name == "Ана Ć. 🦊"


def test_every_mistake_is_told_with_its_place() -> None:
    text = """\
people:
  - {slack: ana, name: Ana, roles: [requester]}
rols: {}
runbooks:
  roll: {mode: sometimes, expiry_s: 5}
incidents:
  ilb-stoped: {runbook: recover}
"""
    assert problems(text) == [
        "policies.yaml, line 2, column 13: people.1.slack:"
        " expected a Slack user id, as in U024BE7LH, not a name",
        "policies.yaml, line 3, column 1: rols: unknown; did you mean roles?",
        "policies.yaml, line 5, column 16: runbooks.roll.mode:"
        " expected 'observe', 'suggest', 'approve' or 'automatic'",
        "policies.yaml, line 5, column 37: runbooks.roll.expiry_s: expected 60 or more",
        "policies.yaml, line 7, column 3: incidents.ilb-stoped: unknown; did you mean ilb-stopped?",
    ]


def test_names_must_exist() -> None:
    text = """\
people:
  - {slack: UANA, name: Ana, roles: [asker]}
  - {slack: UANA, name: Ana, roles: []}
roles:
  askers: {may: [request], runbooks: [rol], targets: []}
runbooks:
  rolll: {approvers: nobody}
  roll: {approvers: askers}
incidents:
  ilb-missing: {runbook: recovr, mode: automatic}
"""
    assert problems(text) == [
        "policies.yaml, line 2, column 38: people.1.roles.1: no role 'asker'; did you mean askers?",
        "policies.yaml, line 3, column 13: people.2.slack: UANA is there twice",
        "policies.yaml, line 5, column 39: roles.askers.runbooks.1:"
        " no runbook 'rol'; did you mean roll?",
        "policies.yaml, line 5, column 54: roles.askers.targets:"
        " names no target; an empty list is not all, write '*' for all",
        "policies.yaml, line 7, column 3: runbooks.rolll: no runbook 'rolll'; did you mean roll?",
        "policies.yaml, line 7, column 22: runbooks.rolll.approvers:"
        " no role 'nobody'; expected one of askers",
        "policies.yaml, line 8, column 21: runbooks.roll.approvers: role askers may not approve",
        "policies.yaml, line 10, column 26: incidents.ilb-missing.runbook:"
        " no runbook 'recovr'; did you mean recover?",
        "policies.yaml, line 10, column 40: incidents.ilb-missing.mode:"
        " automatic, but the mode of runbook recovr is observe",
    ]


@pytest.mark.parametrize("targets", ["['*']", "['shop/app-tier']", "['*/*']", "[i-27-VM]"])
def test_automatic_mode_takes_ids_only(targets: str) -> None:
    text = f"runbooks:\n  recover: {{mode: automatic, automatic_on: {targets}}}\n"
    (problem,) = problems(text)
    assert "automatic mode takes ids only" in problem


@pytest.mark.parametrize("rest", ["", ", automatic_on: []"])
def test_automatic_mode_without_targets_is_a_mistake(rest: str) -> None:
    (problem,) = problems(f"runbooks:\n  recover: {{mode: automatic{rest}}}\n")
    assert problem.startswith("policies.yaml, line 2, column 19: runbooks.recover.mode:")
    assert "an empty list is not all" in problem


@pytest.mark.parametrize("target", ["shop", "/tier", "shop/", "b-27-VM"])
def test_a_target_is_an_id_or_a_pair_of_names(target: str) -> None:
    (problem,) = problems(f"roles:\n  r: {{may: [], runbooks: [], targets: ['{target}']}}\n")
    assert "expected an id, VPC/TIER" in problem


def test_a_key_given_twice_is_told() -> None:
    text = "runbooks:\n  roll: {mode: observe}\n  roll: {mode: approve}\n"
    assert problems(text) == ["policies.yaml, line 3, column 3: runbooks.roll: given twice"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [1", "line 1, column 6: expected ',' or ']'"),
        ("a:\tb: c", "line 1, column 3: a tab"),
        ("x: &a [1]\ny: *a\n", "line 2, column 4: aliases"),
        ("x: !!python/object/apply:os.system [ls]", "line 1, column 4: tags"),
        ("--- 1\n--- 2\n", "line 2, column 1: expected a single document"),
        ("[" * 200, "too deeply nested"),
        ("? [1, 2]\n: 3\n", "a name is expected before the colon"),
        ("a\x00b", "special characters are not allowed"),
        ("- people\n", "line 1, column 1: expected names with a colon"),
        ("42", "line 1, column 1: expected names with a colon"),
        ("people: 2024-99-99", "line 1, column 9"),
        ("people: {}", "line 1, column 9: people: expected a list"),
        ("roles: {r: {may: [fly], runbooks: [], targets: ['*']}}", "roles.r.may.1: expected"),
        ("roles: {r: {}}", "roles.r: may is missing"),
        ("roles: {r: {may: request, runbooks: [], targets: ['*']}}", "expected a list"),
        ("people: [{slack: UANA, name: no, roles: []}]", "people.1.name: expected text (in quotes"),
        ("runbooks: {roll: {expiry_s: yes}}", "runbooks.roll.expiry_s: expected a number"),
        ("runbooks: {roll: {expiry_s: .nan}}", "runbooks.roll.expiry_s: expected"),
        ("runbooks: {roll: {cooldown_s: -1}}", "runbooks.roll.cooldown_s: expected 0 or more"),
        ("<<: {people: []}", "unknown"),
    ],
)
def test_rubbish_is_told_with_its_place(text: str, why: str) -> None:
    assert any(why in line for line in problems(text)), problems(text)


def test_other_encodings_are_told_with_their_line() -> None:
    assert problems(b"people: []\n# \xff\n") == ["policies.yaml, line 2: not UTF-8"]


@given(st.text(max_size=80))
def test_no_text_gives_anything_but_policies_or_a_refusal(text: str) -> None:
    try:
        policies = read(text)
    except Refused as refused:
        assert "policies.yaml" in str(refused)
    else:
        assert not policies.people


def test_an_advice_needs_no_runbook_and_is_never_automatic() -> None:
    read("incidents:\n  cpu-saturated: {mode: approve}\n  host-hot: {runbook: pair}\n")
    assert problems(
        "incidents:\n  host-hot: {mode: automatic}\n  ilb-missing: {mode: observe}\n"
    ) == [
        "policies.yaml, line 2, column 20: incidents.host-hot.mode:"
        " an advice is never automatic; approve is the most",
        "policies.yaml, line 3, column 3: incidents.ilb-missing: runbook is missing",
    ]


@pytest.mark.parametrize(
    ("incident", "runbook", "mode"),
    [
        ("{mode: approve}", "pair", Mode.APPROVE),
        ("{mode: approve}", "roll", Mode.SUGGEST),
        ("{mode: approve}", "recover", Mode.OBSERVE),
        ("{mode: suggest, runbook: pair}", "pair", Mode.SUGGEST),
        ("{mode: approve, runbook: pair}", "roll", None),
    ],
)
def test_an_advised_runbook_goes_no_further_than_both_policies(
    incident: str, runbook: str, mode: Mode | None
) -> None:
    policies = read(
        f"runbooks:\n  pair: {{mode: automatic, automatic_on: [{TIER}]}}\n"
        f"  roll: {{mode: suggest}}\nincidents:\n  cpu-saturated: {incident}\n"
    )
    found = policies.for_advice(IncidentKind.CPU_SATURATED, runbook, SHOP)
    assert (found.mode if found else None) is mode
    assert policies.for_advice(IncidentKind.HOST_HOT, runbook, SHOP) is None
