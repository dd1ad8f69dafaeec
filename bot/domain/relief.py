"""What a change did to the load that it was made for: CPU of the machines before it and after.

CloudStack samples once a minute, so there is hardly ever a sample of after a change when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from enum import StrEnum

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


class Ending(StrEnum):
    """How the incident of a load stands, as far as anybody saw."""

    GOES_ON = "goes on"
    CALM = "calm"
    GONE = "gone"
    """Each of its machines is calm or is no longer there, and of those there is one or more."""
    NOT_KNOWN = "not known"
    """Its samples stopped: nobody will ever know whether it is over."""


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
        return f"{names}, which were busy together on {self.host}," if self.host else names


@dataclass(frozen=True, slots=True)
class After:
    """The load `after_s` after the end of the change; `gone` names machines that are not there."""

    machines: tuple[Busyness, ...]
    after_s: float
    ending: Ending
    gone: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be known of it."""
        return self.ending is not Ending.GOES_ON

    @property
    def is_measured(self) -> bool:
        """Whether a sample of after the change tells of any of them."""
        return any(one.cpu_percent is not None for one in self.machines)


@dataclass(frozen=True, slots=True)
class Relief:
    """Both; `after` is None until somebody could measure it.

    `earlier` is what was known of after the change before its incident was over.
    """

    before: Before
    after: After | None = None
    earlier: After | None = None

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
        return self._title(self.after)

    @property
    def is_news(self) -> bool:
        """Whether its end says anything that was not said before it."""
        return self.earlier is None or self._title(self.earlier) != self.title

    def _title(self, after: After) -> str:
        whose, are = self.before.whose, _are(self.before.machines)
        if after.ending is Ending.GONE:
            return self._who_is_gone(after)
        if after.ending is Ending.CALM:
            return f"{whose} {are} calm again"
        if not after.is_measured:
            return f"It is not known how busy {whose} {are}"
        if after.ending is Ending.NOT_KNOWN:
            return f"It is not known whether the incident of {whose} is over"
        return f"The incident of {whose} is not over yet"

    def _who_is_gone(self, after: After) -> str:
        gone = f"{in_words(after.gone)} {_are(after.gone)} gone: no load after the change"
        calm = [one.name for one in self.before.machines if one.name not in after.gone]
        return f"{in_words(calm)} {_are(calm)} calm again, and {gone}" if calm else gone

    def _after(self) -> str:
        if self.after is None:
            soon = duration(self.before.follow_s)
            return (
                "CPU after: not measured yet, since CloudStack has no sample of it; the thread "
                f"tells it in about {soon}."
            )
        if len(self.after.gone) == len(self.before.machines):
            return f"CPU after: none, {in_words(self.after.gone)} {_are(self.after.gone)} gone."
        if not self.after.is_measured:
            return f"CPU after: not known, CloudStack had no sample in {self._waited()}."
        return f"CPU after: {_listed(self.after.machines)}, {self._waited()} after the end."

    def _waited(self) -> str:
        return duration(self.after.after_s if self.after else 0.0)


def _are(many: Sized) -> str:
    return "are" if len(many) > 1 else "is"


def _listed(machines: Iterable[Busyness]) -> str:
    return in_words([str(one) for one in machines])
