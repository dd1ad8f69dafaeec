"""Answer listEvents and listAlerts.

Follows QueryManagerImpl.searchForEventIds: the newest page comes first, but inside a page the
oldest event does, as recorded.
"""

from __future__ import annotations

from datetime import UTC, datetime

from bot.sandbox.cloud.frame import ApiError, Body
from bot.sandbox.cloud.model import Alert, Event
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.views import alert, event

NO_DAO = (
    'Cannot invoke "com.cloud.utils.db.GenericDao.findByUuidIncludingRemoved(String)" '
    'because "<local3>" is null'
)
RESOURCE_TYPES = {
    "InternalLbVm",
    "DomainRouter",
    "VirtualMachine",
    "Network",
    "Vpc",
    "FirewallRule",
}


def list_events(request: Request) -> Body:
    """List events: without listall only the caller's own, so never those of the system account."""
    type_, level = request.text("type"), request.text("level")
    resource, resource_type = request.text("resourceid"), request.text("resourcetype")
    if resource is not None and resource_type not in RESOURCE_TYPES | {None}:
        raise ApiError(530, NO_DAO)
    first, last = _moment(request, "startdate"), _moment(request, "enddate")
    state, keyword = request.text("state"), request.text("keyword") or ""
    listall, wanted = request.boolean("listall"), request.text("id")
    found = [
        one
        for one in request.state.all(Event)
        if (listall or wanted or one.account is request.caller)
        and wanted in (None, one.id)
        and type_ in (None, one.type)
        and level in (None, one.level)
        and (resource is None or (one.resource is not None and one.resource.id == resource))
        and (resource_type in (None, one.resource_type))
        and (first is None or one.created >= first)
        and (last is None or one.created <= last)
        and state in (None, one.state)
        and (keyword in one.type or keyword in one.description)
    ]
    found.sort(key=lambda one: (one.created, one.number), reverse=True)
    return request.page("event", found, event, oldest_first_in_page=True)


def list_alerts(request: Request) -> Body:
    type_, name, wanted = request.integer("type"), request.text("name"), request.text("id")
    keyword = request.text("keyword") or ""
    found = [
        one
        for one in request.state.all(Alert)
        if type_ in (None, one.type)
        and name in (None, one.name)
        and wanted in (None, one.id)
        and keyword in one.description
    ]
    found.sort(key=lambda one: (one.sent, one.number), reverse=True)
    return request.page("alert", found, alert)


def _moment(request: Request, name: str) -> float | None:
    """Read yyyy-MM-dd, with or without a time and a zone; a last day counts to its end."""
    text = request.text(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("+0000", "+00:00"))
    except ValueError:
        raise ApiError(
            431,
            f"Unable to parse date {text} for command {request.command}, please pass dates in "
            "the format mentioned in the api documentation",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ends_day = name == "enddate" and len(text) == len("2026-11-22")
    return moment.timestamp() + (86_399 if ends_day else 0)
