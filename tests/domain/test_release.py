"""What a release has follows from its version, and from nothing where that is not told."""

from __future__ import annotations

import pytest

from bot.domain.release import Feature, has, is_supported, missing


@pytest.mark.parametrize("version", ["4.18", "4.18.0.0", "4.22.0.0-SNAPSHOT", "5.0"])
def test_from_the_floor_on_a_release_is_supported(version: str) -> None:
    assert is_supported(version)


@pytest.mark.parametrize("version", ["", "4.17.2.0", "4.9", "unknown"])
def test_below_the_floor_or_without_a_version_it_is_not(version: str) -> None:
    assert not is_supported(version)


def test_a_version_that_is_not_told_has_no_feature() -> None:
    assert missing("") == tuple(Feature)


def test_a_feature_is_there_from_its_first_release_on() -> None:
    assert not has("4.19.3.0", Feature.WEBHOOKS)
    assert has("4.20.0.0", Feature.WEBHOOKS)
    assert missing("4.21.0.0") == (Feature.ROUTER_TLS,)
    assert missing("4.22.0.0-SNAPSHOT") == ()
