"""What a change did to the load that it was made for: CPU of the machines before it and after.

CloudStack samples once a minute, so there is hardly ever a sample of after a change when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.page import duration
from bot.domain.plan import in_words


@dataclass(frozen=True, slots=True)
class Busyness:
    """How busy one machine was, percent of all its vCPUs; None where no sample tells."""

    id: str
    name: str
    cpu_percent: float | None

    def __str__(self) -> str:
        known = self.cpu_percent
        return f"{self.name} {'not known' if known is None else f'{known:.0f} %'}"


@dataclass(frozen=True, slots=True)
class Before:
    """The load that a change was proposed for, and the id of its incident.

    `host` is named where the host is the matter. Unless the incident is over sooner, the load is
    looked at again `follow_s` after the change: by then a machine that it helped is called calm.
    """

    incident: str
    machines: tuple[Busyness, ...]
    host: str = ""
    follow_s: float = 0.0

    @property
    def whose(self) -> str:
        """Whose load it is, to begin a sentence."""
        names = in_words([one.name for one in self.machines])
        return f"{names} of host {self.host}" if self.host else names


@dataclass(frozen=True, slots=True)
class After:
    """The load `after_s` after the end of the change; `is_over` is whether its incident is."""

    machines: tuple[Busyness, ...]
    after_s: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class Relief:
    """Both; `after` is None until somebody could measure it."""

    before: Before
    after: After | None = None

    @property
    def is_final(self) -> bool:
        """Whether there is nothing more to be told."""
        return self.after is not None and self.after.is_over

    @property
    def lines(self) -> tuple[str, ...]:
        """Tell both, for a card and for a receipt."""
        on_host = f" (busy together on host {self.before.host})" if self.before.host else ""
        return f"CPU before{on_host}: {_listed(self.before.machines)}.", self._after()

    @property
    def title(self) -> str:
        """Say what became of it, once that is known."""
        assert self.after is not None, "known by then"
        are = "are" if len(self.before.machines) > 1 else "is"
        if all(one.cpu_percent is None for one in self.after.machines):
            return f"It is not known how busy {self.before.whose} {are}"
        if self.after.is_over:
            return f"{self.before.whose} {are} calm again"
        return f"The incident of {self.before.whose} is not over yet"

    def _after(self) -> str:
        if self.after is None:
            soon = duration(self.before.follow_s)
            return (
                "CPU after: not measured yet, since CloudStack has no sample of it; the thread "
                f"tells it in about {soon}."
            )
        if all(one.cpu_percent is None for one in self.after.machines):
            return f"CPU after: not known, CloudStack had no sample in {self._waited()}."
        return f"CPU after: {_listed(self.after.machines)}, {self._waited()} after the end."

    def _waited(self) -> str:
        return duration(self.after.after_s if self.after else 0.0)


def _listed(machines: Iterable[Busyness]) -> str:
    return in_words([str(one) for one in machines])
