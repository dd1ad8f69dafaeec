"""Remember what each VIP and port did and when, so that a probe on any clock can be answered.

It looks at the world after everything that happens there, from the first `watch` on; before, it
costs nothing. A change of rules is a reload of HAProxy, which keeps established connections; what
cuts them is the end of the HAProxy, or of the machine, that holds them, and the death of every
member. A machine that loses its power cuts nothing before it runs again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.sandbox.cloud.state import CloudState
from bot.sandbox.cloud.traffic import (
    NOBODY,
    OTHER_PORTS,
    Behaviour,
    Place,
    Process,
    Sight,
    sights,
)

PLACES, CHANGES = 500, 500
"""How many places are remembered, and how many changes and cuts of each."""
COUNTABLE = (Behaviour.RESETS, Behaviour.CLOSES)


@dataclass(slots=True, eq=False)
class Loss:
    """Connections that a test wants lost: until a moment, or as many as are `left`."""

    how: Behaviour
    since: float
    until: float | None = None
    left: int = 0

    def holds(self, moment: float) -> bool:
        if self.until is None:
            return self.left > 0 and moment >= self.since
        return self.since <= moment < self.until


@dataclass(slots=True, eq=False)
class History:
    """What one place did, oldest first; `holding` are connections by the HAProxy that has them."""

    moments: list[float] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)
    cuts: list[float] = field(default_factory=list)
    cut_count: int = 0
    losses: list[Loss] = field(default_factory=list)
    holding: Process | None = None
    known_from: float = 0.0

    def at(self, moment: float) -> Behaviour | None:
        """Return what it did, None before it was known."""
        index = bisect_right(self.moments, moment)
        return self.behaviours[index - 1] if index else None

    def is_steady(self, moments: Sequence[float]) -> bool:
        """Whether it did one thing, that is known, from the first of some moments to the last."""
        index = bisect_right(self.moments, moments[0])
        return index > 0 and index == bisect_right(self.moments, moments[-1])

    def see(self, sight: Sight, moment: float) -> None:
        """Note a change, and what it does to the connections that are held."""
        if not self.behaviours or self.behaviours[-1] is not sight.behaviour:
            self.moments.append(moment)
            self.behaviours.append(sight.behaviour)
            if len(self.moments) > CHANGES:
                del self.moments[0], self.behaviours[0]
                self.known_from = self.moments[0]
        if sight.members_died or (sight.resets and sight.process != self.holding):
            self.cut(moment)
        if sight.behaviour is Behaviour.ANSWERS:
            self.holding = sight.process

    def cut(self, moment: float) -> None:
        """Note that held connections were cut, if there can have been any."""
        if self.holding is not None:
            self.cuts.append(moment)
            self.cut_count += 1
            del self.cuts[:-CHANGES]
        self.holding = None

    def loss(self, moment: float) -> Loss | None:
        return next((one for one in self.losses if one.holds(moment)), None)


class Traffic:
    """What connections meet, now and since `watch`; faults that only connections see."""

    def __init__(self, state: CloudState) -> None:
        self._state = state
        self._since: float | None = None
        self._places: OrderedDict[Place, History] = OrderedDict()

    def watch(self) -> None:
        """Remember from now on; said again it changes nothing."""
        if self._since is None:
            self._since = self._state.at
            self._state.watchers.append(self.look)
            self.look()

    def look(self) -> None:
        """Compare the world with what was seen last; the world calls it at every step."""
        if self._since is None or self._state.is_still:
            return
        moment, seen = self._state.at, sights(self._state)
        for place, sight in seen.items():
            self._history(place).see(sight, moment)
        for place, history in self._places.items():
            if place not in seen:
                history.see(self._without_rule(place, seen), moment)

    def places(self) -> tuple[Place, ...]:
        """Return every VIP and port that a rule was about since `watch`."""
        self._look_now()
        return tuple(place for place in self._places if place[1] != OTHER_PORTS)

    def present(self) -> dict[Place, tuple[Behaviour, int]]:
        """Return what each of `places` does now, and how often its connections were cut so far."""
        places, now = self.places(), self._state.at
        return {
            place: (self._met(place, self._places[place], now), self._places[place].cut_count)
            for place in places
        }

    def at(self, vip: str, port: int, moment: float) -> Behaviour:
        """Return what a connection then would have met; it uses no counted loss up.

        The first call begins to watch. Raises LookupError for a moment before that, and for one
        that is forgotten.
        """
        self._look_now()
        history = self._places.get((vip, port))
        if moment < max(self._since or 0.0, history.known_from if history else 0.0):
            raise LookupError(f"what {vip}:{port} did at {moment} was not watched, or is forgotten")
        return self._met((vip, port), history, moment)

    def connect(self, vip: str, port: int, moment: float | None = None) -> Behaviour:
        """Return what one connection meets, now or then, and count it against a loss."""
        when = self._state.at if moment is None else moment
        met = self.at(vip, port, when)
        history = self._places.get((vip, port))
        loss = history.loss(when) if history else None
        if loss is not None and loss.until is None:
            loss.left -= 1
        return met

    def connect_each(self, vip: str, port: int, moments: Sequence[float]) -> list[Behaviour]:
        """Return what connections at some moments, the earliest first, meet one after the other."""
        self._look_now()
        history = self._places.get((vip, port))
        if moments and history and not history.losses and history.is_steady(moments):
            return [self.at(vip, port, moments[0])] * len(moments)
        return [self.connect(vip, port, one) for one in moments]

    def cuts(self, vip: str, port: int, after: float, until: float) -> tuple[float, ...]:
        """Return when held connections were cut, later than `after` and not after `until`."""
        self._look_now()
        history = self._places.get((vip, port))
        return tuple(one for one in history.cuts if after < one <= until) if history else ()

    def lose(
        self,
        vip: str,
        port: int,
        how: Behaviour,
        *,
        seconds: float = 0.0,
        count: int = 0,
        cut: bool = True,
    ) -> None:
        """Lose new connections for a time, or a number of them, and cut those held.

        A kernel counts no connection that it refuses or lets hang: those take `seconds`.
        """
        if how is Behaviour.ANSWERS or (seconds > 0) == (count > 0):
            raise ValueError("say how connections are lost, and either seconds or a count")
        if count and how not in COUNTABLE:
            raise ValueError(f"what {how} cannot be counted: say seconds, or {COUNTABLE[0]}")
        self._look_now()
        if (vip, port) not in self.places():
            raise LookupError(f"no rule is about {vip}:{port}")
        history, now = self._places[vip, port], self._state.at
        history.losses = [one for one in history.losses if one.until is not None or one.left]
        history.losses.append(Loss(how, now, now + seconds if seconds else None, count))
        del history.losses[:-CHANGES]
        if cut:
            self._cut(history)

    def clear_losses(self) -> None:
        """Forget the losses still to come; what was lost stays told."""
        for history in self._places.values():
            for loss in history.losses:
                loss.left = 0
                if loss.until is not None:
                    loss.until = min(loss.until, self._state.at)

    def _cut(self, history: History) -> None:
        process = history.holding
        history.cut(self._state.at)
        if history.behaviours[-1] is Behaviour.ANSWERS:
            history.holding = process

    def _look_now(self) -> None:
        self.watch()
        self.look()

    def _met(self, place: Place, history: History | None, moment: float) -> Behaviour:
        loss = history.loss(moment) if history else None
        if loss is not None:
            return loss.how
        for one in (history, self._places.get((place[0], OTHER_PORTS))):
            met = one.at(moment) if one else None
            if met is not None:
                return met
        return Behaviour.HANGS

    def _without_rule(self, place: Place, seen: dict[Place, Sight]) -> Sight:
        return seen.get((place[0], OTHER_PORTS), NOBODY)

    def _history(self, place: Place) -> History:
        if place not in self._places:
            self._places[place] = History()
            if len(self._places) > PLACES:
                self._places.popitem(last=False)
        self._places.move_to_end(place)
        return self._places[place]
