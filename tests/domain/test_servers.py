"""Two looks at the management servers tell a restart from an upgrade from nothing at all."""

from __future__ import annotations

from bot.domain.servers import Server, remembered, turn

ONE = Server("1", "mgmt-1", "4.20.0.0", "2026-11-22T10:00:00+0000")
TWO = Server("2", "mgmt-2", "4.20.0.0", "2026-11-22T11:00:00+0000")
ONE_AGAIN = Server("1", "mgmt-1", "4.20.0.0", "2026-11-23T10:00:00+0000")
ONE_NEWER = Server("1", "mgmt-1", "4.22.0.0", "2026-11-23T10:00:00+0000")


def test_the_same_twice_is_nothing() -> None:
    assert turn((ONE, TWO), (TWO, ONE)) is None


def test_the_first_look_tells_nothing() -> None:
    assert turn((), (ONE,)) is None


def test_another_start_time_is_a_restart_of_that_server() -> None:
    happened = turn((ONE, TWO), (ONE_AGAIN, TWO))
    assert happened is not None
    assert not happened.is_upgrade
    assert happened.words == "restarted (mgmt-1)"


def test_another_version_is_an_upgrade() -> None:
    happened = turn((ONE,), (ONE_NEWER,))
    assert happened is not None
    assert happened.is_upgrade
    assert happened.words == "went from version 4.20.0.0 to 4.22.0.0"


def test_a_version_alone_is_enough_where_start_times_are_not_told() -> None:
    happened = turn((Server("", "", "4.20.0"),), (Server("", "", "4.22.0"),))
    assert happened is not None
    assert happened.is_upgrade


def test_a_server_that_joins_or_is_gone_is_no_restart() -> None:
    assert turn((ONE,), (ONE, TWO)) is None
    assert turn((ONE, TWO), (ONE,)) is None


def test_a_server_that_comes_back_is_compared_with_when_it_was_last_seen() -> None:
    kept = remembered((ONE, TWO), (TWO,))
    assert kept == (ONE, TWO)
    assert turn(kept, (ONE_AGAIN, TWO)) is not None
