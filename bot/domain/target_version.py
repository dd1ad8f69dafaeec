"""Which template version a machine is to reach, and whether a new boot can bring it there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from bot.domain.cloud import Template
from bot.domain.version import is_same, named_in, number
from bot.errors import Refused


class Versioned(Protocol):
    """An ILB VM or a router: what it reported at its last boot, and what it boots from next."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def template_id(self) -> str: ...
    @property
    def template_name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Goal:
    """A version, and where it is taken from in words."""

    version: str
    where_from: str


def goal(machine: Versioned, minimum_version: str, asked: str) -> Goal:
    """Return the version to reach; `Refused` where nothing says which.

    What is asked for goes first; else the minimum version of the zone, or that of the machine's
    own template where it is newer (a management server upgrade points machines to it).
    """
    if asked:
        return Goal(asked, "asked for")
    if minimum_version:
        named = named_in(machine.template_name)
        if named and number(named) > number(minimum_version):
            return Goal(named, f"its template {machine.template_name}")
        return Goal(minimum_version, "setting minreq.sysvmtemplate.version of its zone")
    raise Refused(
        "CloudStack does not say which template version to reach.",
        instead="Name it: `version=4.22.0`.",
    )


def refuse_wrong_template(machine: Versioned, templates: Iterable[Template], version: str) -> None:
    """Refuse where a new boot would not bring a machine to a version, as far as names tell."""
    if number(machine.version) > number(version):
        raise Refused(
            f"{machine.name} reports {machine.version}, newer than {version}: a roll does not go "
            "back."
        )
    named = named_in(machine.template_name)
    if named and not is_same(named, version):
        raise Refused(
            f"{machine.name} points to template {machine.template_name}, so a stop and start would "
            f"not bring it to {version}.",
            instead="Register and activate that template (a management server upgrade does), "
            f"or ask for `version={named}`.",
        )
    template = next((one for one in templates if one.id == machine.template_id), None)
    if template is not None and not template.is_ready:
        raise Refused(f"Template {template.name} is not ready in this zone.", until="it is")
