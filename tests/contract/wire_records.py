"""Turn the recorded files into exchanges, and everything they tell into one catalogue by id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Row = dict[str, Any]

WIRE = Path(__file__).parent / "wire"
KINDS = ("network", "vpc", "router", "internalloadbalancervm", "virtualmachine", "loadbalancer")


@dataclass(frozen=True)
class Exchange:
    """One recorded call: what was sent, what came back."""

    index: int
    raw: Row

    @property
    def command(self) -> str:
        return str(self.raw["command"])

    @property
    def note(self) -> str:
        return self.raw.get("note") or ""

    @property
    def params(self) -> dict[str, str]:
        return dict(self.raw["params"])

    @property
    def body(self) -> Row:
        found: Row = self.raw.get("body") or {}
        return found

    @property
    def inner(self) -> Row:
        found: Any = next(iter(self.body.values()), {})
        return found if isinstance(found, dict) else {}

    @property
    def job_status(self) -> int | None:
        """Return what a poll of a job found; None for every other exchange and for an error."""
        return self.inner.get("jobstatus") if self.command == "queryAsyncJobResult" else None

    def __str__(self) -> str:
        return f"#{self.index} {self.command} ({self.note})"


def scenarios() -> list[str]:
    return sorted(path.stem for path in WIRE.glob("*.json"))


@cache
def exchanges(name: str) -> tuple[Exchange, ...]:
    rows = json.loads((WIRE / f"{name}.json").read_text())["exchanges"]
    return tuple(Exchange(index, row) for index, row in enumerate(rows))


@dataclass
class Catalogue:
    """What recordings say about things: by kind, by id, every telling in the order of the calls."""

    told: dict[str, dict[str, list[Row]]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )

    def note(self, kind: str, row: Row) -> None:
        if "id" in row:
            self.told[kind].setdefault(row["id"], []).append(row)

    def first(self, kind: str, thing: str) -> Row | None:
        """Return the first full telling; an answer that only names a new id tells nothing."""
        found = self.told[kind].get(thing)
        return found[0] if found else None


def collect(rows: tuple[Exchange, ...]) -> Catalogue:
    catalogue = Catalogue()
    for exchange in rows:
        for kind, row in _things(exchange.inner):
            catalogue.note(kind, row)
    return catalogue


@cache
def everything() -> Catalogue:
    """Return what all files tell together; ids are the same in all of them."""
    return collect(tuple(one for name in scenarios() for one in exchanges(name)))


def _things(inner: Row) -> Iterator[tuple[str, Row]]:
    found: Any = inner.get("jobresult", inner)
    if not isinstance(found, dict):
        return
    for kind in KINDS:
        rows = found.get(kind, [])
        for row in rows if isinstance(rows, list) else [rows]:
            if isinstance(row, dict) and len(row) > 3:
                yield kind, row
                if kind == "vpc":
                    for network in row.get("network", []):
                        yield "network", network
