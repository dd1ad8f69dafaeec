"""How long a stop and start of this machine took before: measured, or not known. Never assumed."""

from __future__ import annotations

from bot.domain.cloud import CloudEvent
from bot.domain.plan import Exposure
from bot.domain.router_view import RouterView
from bot.domain.view import View, is_move
from bot.domain.zone import Router

_STARTS = frozenset({"INTERNALLBVM.START"})
_STOPS = frozenset({"INTERNALLBVM.STOP"})


def outage(view: View) -> Exposure:
    """Predict the outage of a stop and start: from our own operations, else from events."""
    what = view.services()
    if view.own_outages_s:
        last = view.own_outages_s[0]
        return Exposure(what, last, f"the last operation of ilbot on it took {last:.0f} s")
    earlier = _by_events(view.events, _STOPS, _STARTS)
    if earlier is not None:
        return Exposure(what, earlier, f"its last stop and start by events took {earlier:.0f} s")
    return Exposure(what, None, "not known: no earlier stop and start of it is on record")


def router_outage(view: RouterView, router: Router) -> Exposure:
    """Predict the outage of a stop and start of a lone router, from its events."""
    what = f"everything that enters or leaves {view.owner}"
    own = tuple(event for event in view.events if event.resource_id == router.id)
    earlier = _by_events(own, frozenset({"ROUTER.STOP"}), frozenset({"ROUTER.START"}))
    if earlier is not None:
        return Exposure(what, earlier, f"its last stop and start by events took {earlier:.0f} s")
    return Exposure(what, None, "not known: no earlier stop and start of it is on record")


def _by_events(
    events: tuple[CloudEvent, ...], stops: frozenset[str], starts: frozenset[str]
) -> float | None:
    """Return the seconds from the newest stop to the end of the start that followed it."""
    ended: float | None = None
    for event in events:
        if not is_move(event):
            continue
        at = event.created.timestamp()
        if event.type in starts and event.state == "Completed":
            ended = at
        elif event.type in stops and ended is not None and event.state != "Completed":
            return ended - at
    return None
