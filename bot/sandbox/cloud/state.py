"""Hold everything that is true in the pretend cloud, and let its time come as far as the clock."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from bot.sandbox.cloud.latencies import Latencies
from bot.sandbox.cloud.model import (
    Account,
    Call,
    Effect,
    Kind,
    Machine,
    Project,
    Record,
    Refusal,
    Role,
    Rule,
    Setting,
    Tier,
    Zone,
)
from bot.sandbox.cloud.processes import Processes
from bot.sandbox.cloud.versions import NEWEST, is_since

Publish = Callable[[str | None, dict[str, Any]], None]
R = TypeVar("R", bound=Record)

NAMESPACE = uuid.UUID("6f1d8a52-6d0f-5a0e-9f3c-2b7e5f0c9a11")


@lru_cache(4096)
def stable_id(name: str) -> str:
    """Return the uuid that a thing of this name has in every world and every run."""
    return str(uuid.uuid5(NAMESPACE, name))


class CloudState:
    """The records, by type, and the time up to which everything scheduled has happened.

    Not safe for threads: one event loop, or one test, owns a world. `watchers` are called at
    every moment at which something may have changed.
    """

    def __init__(
        self, now: Callable[[], float], latencies: Latencies, publish: Publish | None = None
    ) -> None:
        self._now = now
        self.latencies = latencies
        self.publish: Publish = publish or (lambda key, value: None)
        self.version = NEWEST
        self.watchers: list[Callable[[], None]] = []
        self.is_still = False
        self.clear()

    def clear(self) -> None:
        """Forget everything but the clock, the latencies, the version and the listener."""
        self.processes = Processes(self._now(), self._tell_watchers)
        self._records: dict[str, Record] = {}
        self._by_type: defaultdict[type[Record], dict[str, Record]] = defaultdict(dict)
        self._numbers: Counter[str] = Counter()
        self.settings: dict[str, Setting] = {}
        self.projects: dict[str, Project] = {}
        self.effects: list[Effect] = []
        self.calls: list[Call] = []
        self.refusals: Counter[Refusal] = Counter()
        self.server_id = stable_id("management-server")
        self.server_started = self._now()
        self.server_stopped: float | None = None
        self.server_is_up = True

    def is_since(self, first: str) -> bool:
        """Tell whether this server is of version `first` or newer."""
        return is_since(self.version, first)

    # time

    @property
    def at(self) -> float:
        """The moment that is being lived: now, or when the work being done was due."""
        return self.processes.at

    def advance(self) -> None:
        """Do everything that was due until now. Every look at the world begins with it."""
        self.processes.run_until(self._now())

    @contextmanager
    def still(self) -> Iterator[None]:
        """Promise that nothing changes inside: watchers look once, and not at every question."""
        self._tell_watchers()
        self.is_still = True
        try:
            yield
        finally:
            self.is_still = False

    def _tell_watchers(self) -> None:
        for watcher in self.watchers:
            watcher()

    @property
    def hosts_are_connected(self) -> bool:
        """Tell whether the hosts found their way back to a server that was restarted."""
        back = self.server_started + self.latencies.host_reconnect_s
        return self.server_stopped is None or self.at >= back

    # records

    def number(self, table: str) -> int:
        self._numbers[table] += 1
        return self._numbers[table]

    def start_numbers(self, table: str, first: int) -> None:
        self._numbers[table] = max(self._numbers[table], first - 1)

    def identity(self, table: str, name: str | None = None) -> dict[str, Any]:
        """Return `id` and `number` for a new record: stable by name, else by running number."""
        number = self.number(table)
        return {"id": stable_id(f"{table}/{name or number}"), "number": number}

    def add(self, record: R) -> R:
        self._records[record.id] = record
        self._by_type[type(record)][record.id] = record
        return record

    def rename(self, record: Record, new_id: str) -> None:
        """Give a record another id; the old one is unknown from then on."""
        del self._records[record.id], self._by_type[type(record)][record.id]
        record.id = new_id
        self.add(record)

    def find(self, kind: type[R], record_id: str) -> R | None:
        """Return the record, removed or not: CloudStack resolves ids of removed things too."""
        record = self._records.get(record_id)
        return record if isinstance(record, kind) else None

    def all(self, kind: type[R]) -> Iterator[R]:
        """Go through what is not removed of one type, oldest first."""
        records = list(self._by_type[kind].values())
        return (one for one in records if isinstance(one, kind) and not one.removed)

    def one(self, kind: type[R], name: str) -> R:
        """Return the only record of that name; for seeds, tests and the control API."""
        found = [record for record in self.all(kind) if getattr(record, "name", None) == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} records of type {kind.__name__} are named {name!r}")
        return found[0]

    @property
    def zone(self) -> Zone:
        return next(self.all(Zone))

    @property
    def system(self) -> Account:
        """The account that events of CloudStack itself belong to."""
        return next(account for account in self.all(Account) if account.name == "system")

    @property
    def admin(self) -> Account:
        return next(
            account
            for account in self.all(Account)
            if account.role is Role.ROOT_ADMIN and account.api_key
        )

    def caller(self, api_key: str) -> Account | None:
        return next(
            (one for one in self.all(Account) if one.api_key and one.api_key == api_key), None
        )

    def machines(self, kind: Kind) -> Iterator[Machine]:
        return (machine for machine in self.all(Machine) if machine.kind is kind)

    def ilb_vm_at(self, tier: Tier, vip: str) -> Machine | None:
        return next(
            (
                machine
                for machine in self.machines(Kind.ILB)
                if machine.tier is tier and machine.address == vip
            ),
            None,
        )

    def rules_of(self, tier: Tier) -> list[Rule]:
        return [rule for rule in self.all(Rule) if rule.tier is tier]

    def setting(self, name: str) -> str:
        return self.settings[name].value or ""

    # what hosts refuse

    def host_refuses(self, operation: Refusal) -> bool:
        """Tell whether a host refuses this time, and use that refusal up."""
        if self.refusals[operation] <= 0:
            return False
        self.refusals[operation] -= 1
        return True

    # what the outside may see afterwards

    def effect(self, kind: str, target: str, **detail: Any) -> None:
        self.effects.append(Effect(self.at, kind, target, detail))
