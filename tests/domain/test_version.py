"""Versions are compared as numbers, whatever their spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.version import is_same, named_in, number

versions = st.lists(st.integers(0, 99), min_size=2, max_size=4).map(
    lambda parts: ".".join(map(str, parts))
)


@pytest.mark.parametrize("spelled", ["4.22", "4.22.0", "4.22.0.0", "4.22.0-SNAPSHOT"])
def test_spellings_of_one_version_are_the_same(spelled: str) -> None:
    assert is_same(spelled, "4.22.0")


@pytest.mark.parametrize("other", ["4.22.0.1", "4.22.1", "4.20.0", "4.2.20", "", "UNKNOWN"])
def test_other_versions_are_not(other: str) -> None:
    assert not is_same(other, "4.22.0")
    assert not is_same(other, "") or other


def test_a_version_never_reported_is_nobodys() -> None:
    assert not is_same("", "")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("systemvm-kvm-4.22.0-x86_64", "4.22.0"),
        ("SystemVM Template (KVM) 4.19.1.2", "4.19.1.2"),
        ("systemvm-custom", ""),
        ("systemvm-4.22", ""),
    ],
)
def test_a_templates_name_may_name_its_version(name: str, version: str) -> None:
    assert named_in(name) == version


@given(versions, versions)
def test_one_of_two_versions_is_newer_or_they_are_the_same(one: str, other: str) -> None:
    assert (number(one) > number(other)) + (number(one) < number(other)) + (
        number(one) == number(other)
    ) == 1
