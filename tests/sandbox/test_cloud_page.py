"""docs/SANDBOX.md says what the pretend cloud's code says."""

from __future__ import annotations

from bot.sandbox.cloud.control import ABOUT, ACTIONS
from bot.sandbox.cloud.faults import ABOUT as ABOUT_FAULTS
from bot.sandbox.cloud.faults import FaultKind
from bot.sandbox.dns.control import ABOUT as ABOUT_DNS
from bot.sandbox.dns.control import ACTIONS as DNS_ACTIONS
from tests.sandbox.cloud_page import PAGE, filled, tables


def test_the_tables_of_the_page_are_true() -> None:
    page = PAGE.read_text()
    assert all(f"<!-- {name} -->" in page for name in tables())
    assert filled(page) == page, "python -m tests.sandbox.cloud_page writes them anew"


def test_everything_that_breaks_it_is_told() -> None:
    assert list(ABOUT) == list(ACTIONS)
    assert list(ABOUT_DNS) == list(DNS_ACTIONS)
    assert set(ABOUT_FAULTS) == set(FaultKind)
