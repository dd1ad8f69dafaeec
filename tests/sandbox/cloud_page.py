"""Turn what the pretend cloud's code says of itself into the tables of docs/SANDBOX.md.

`python -m tests.sandbox.cloud_page` writes them into the page; a test compares.
"""

from __future__ import annotations

from pathlib import Path

from bot.sandbox.cloud.control import ABOUT
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.faults import ABOUT as ABOUT_FAULTS
from bot.sandbox.cloud.versions import VERSIONS
from bot.sandbox.dns.control import ABOUT as ABOUT_DNS
from tests.contract.wire_differences import REASONS

PAGE = Path(__file__).parents[2] / "docs" / "SANDBOX.md"


def filled(page: str) -> str:
    """Return the page with every table between its marks as the code has it."""
    for name, lines in tables().items():
        first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, rest = page.split(first)
        after = rest.split(last)[1]
        page = "\n".join([before + first, *lines, last + after])
    return page


def tables() -> dict[str, list[str]]:
    return {
        "differences": _table("why", "in how many exchanges of which recording", _differences()),
        "commands": _commands(),
        "versions": _table("since", "what", list(VERSIONS.items())),
        "actions": _table("POST", "what", [(f"`{name}`", said) for name, said in ABOUT.items()]),
        "dns": _table("POST", "what", [(f"`{name}`", said) for name, said in ABOUT_DNS.items()]),
        "faults": _table(
            "kind", "what", [(f"`{kind}`", said) for kind, said in ABOUT_FAULTS.items()]
        ),
    }


def _differences() -> list[tuple[str, str]]:
    return [
        (reason, ", ".join(f"{name}: {len(numbers)}" for name, numbers in places.items()))
        for reason, places in REASONS.items()
    ]


def _commands() -> list[str]:
    rows = ["| command | follows | leaves out |", "|---|---|---|"]
    for name, one in sorted(COVERAGE.items()):
        rows.append(f"| {name} | `{one.follows.rsplit('.', 1)[-1]}` | {one.leaves_out} |")
    return rows


def _table(left: str, right: str, rows: list[tuple[str, str]]) -> list[str]:
    return [f"| {left} | {right} |", "|---|---|", *(f"| {one} | {two} |" for one, two in rows)]


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
