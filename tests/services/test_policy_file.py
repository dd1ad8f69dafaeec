"""The policies follow their file while the bot runs, and a mistake in it changes nothing."""

from __future__ import annotations

from pathlib import Path

from bot.domain.operation import Mode
from bot.services.policy_file import PolicyFile

RUNBOOKS = ("roll", "recover")
SUGGESTS = "runbooks: {roll: {mode: suggest}}\n"


def mode_of(policies: PolicyFile) -> Mode:
    return policies().runbook("roll").mode


def test_no_file_observes_and_is_no_trouble(tmp_path: Path) -> None:
    policies = PolicyFile(tmp_path / "policies.yaml", RUNBOOKS)
    assert mode_of(policies) is Mode.OBSERVE
    assert policies.health() == (True, "policies: version none")


def test_a_file_that_comes_changes_and_goes_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    policies = PolicyFile(path, RUNBOOKS)
    path.write_text(SUGGESTS)
    assert mode_of(policies) is Mode.SUGGEST
    path.write_text("runbooks: {roll: {mode: approve}}\n")
    assert mode_of(policies) is Mode.APPROVE
    path.unlink()
    assert mode_of(policies) is Mode.OBSERVE


def test_a_mistake_leaves_the_old_policies_in_force_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(SUGGESTS)
    policies = PolicyFile(path, RUNBOOKS)
    path.write_text("runbooks: {roll: {mode: automagic}}\n")
    well, why = policies.health()
    assert not well
    assert f"{path}, line 1, column 25" in why
    assert mode_of(policies) is Mode.SUGGEST
    path.write_text(SUGGESTS + "# mended\n")
    assert policies.health()[0]


def test_a_mistake_from_the_start_observes_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "policies.yaml").mkdir()
    policies = PolicyFile(tmp_path / "policies.yaml", RUNBOOKS)
    assert mode_of(policies) is Mode.OBSERVE
    assert policies.health() == (
        False,
        f"policies: The policies cannot be used: {tmp_path}/policies.yaml: Is a directory",
    )
