"""Answer listConfigurations and updateConfiguration (ConfigurationManagerImpl)."""

from __future__ import annotations

from bot.sandbox.cloud.frame import ApiError, Body, present
from bot.sandbox.cloud.model import Setting
from bot.sandbox.cloud.records import Action, Stage, record_event
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.state import CloudState
from bot.sandbox.cloud.versions import POST_ENFORCEMENT

ENFORCE_POST = "enforce.post.requests.and.timestamps"


def list_settings(request: Request) -> Body:
    """List settings by exact name or keyword; an unknown name is an empty list."""
    name, keyword = request.text("name"), request.text("keyword") or ""
    category = request.text("category")
    found = [
        one
        for one in settings_of(request.state)
        if name in (None, one.name) and keyword in one.name and category in (None, one.category)
    ]
    in_zone = request.text("zoneid") is not None
    return request.page("configuration", found, lambda one: _setting(one, in_zone))


def settings_of(state: CloudState) -> list[Setting]:
    """Return the settings that a server of this version has."""
    return [
        one
        for one in state.settings.values()
        if one.name != ENFORCE_POST or state.is_since(POST_ENFORCEMENT)
    ]


def update_setting(request: Request) -> Body:
    name, value = request.required("name"), request.text("value") or ""
    one = {one.name: one for one in settings_of(request.state)}.get(name)
    if one is None:
        text = f"Config parameter with name {name} doesn't exist"
        raise ApiError(431, text, cserrorcode=4350)
    if request.text("zoneid") is not None and one.scope != "zone":
        text = f"Invalid scope id provided for the parameter {name}"
        raise ApiError(431, text, cserrorcode=4350)
    if one.type == "Number" and not value.lstrip("-").isdigit():
        text = f"Value [{value}] is not a valid [class java.lang.Integer]."
        raise ApiError(431, text, cserrorcode=4350)
    one.value = value
    request.state.effect("setting.changed", name, value=value)
    action = Action(
        type="CONFIGURATION.VALUE.EDIT",
        resource=None,
        entity="Configuration",
        doing=f"Updating configuration.  Name: {name} New Value: {value}",
    )
    record_event(request.state, action, Stage.COMPLETED, account=request.caller)
    return {"configuration": _setting(one, request.text("zoneid") is not None)}


def reset_setting(request: Request) -> Body:
    """Give a setting its default again."""
    name = request.required("name")
    one = {one.name: one for one in settings_of(request.state)}.get(name)
    if one is None:
        text = f"Config parameter with name {name} doesn't exist"
        raise ApiError(431, text, cserrorcode=4350)
    one.value = one.default
    request.state.effect("setting.changed", name, value=one.value)
    shown = _setting(one, request.text("zoneid") is not None)
    return {
        "configuration": shown | ({"scope": shown["scope"].title()} if "scope" in shown else {})
    }


def _value(one: Setting, in_zone: bool) -> str | None:
    """Return the value; one of a zone was read as a number, and shows it."""
    if in_zone and one.type == "Decimal" and one.value:
        return str(float(one.value))
    return one.value


def _setting(one: Setting, in_zone: bool) -> Body:
    """Show a setting; one that was never set has neither value nor default.

    Its scope is named only where a scope was asked for.
    """
    return present(
        category=one.category,
        group=one.group,
        subgroup=one.subgroup,
        name=one.name,
        value=_value(one, in_zone),
        defaultvalue=one.default,
        description=one.description,
        isdynamic=one.dynamic,
        scope=one.scope if in_zone else None,
        component=one.component,
        parent=one.parent,
        displaytext=one.name.replace(".", " ").capitalize(),
        type=one.type,
        options=one.options,
    )
