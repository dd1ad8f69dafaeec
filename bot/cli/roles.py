"""Turns the catalogue of what the bot calls into the CloudMonkey commands for its two roles."""

from __future__ import annotations

from collections.abc import Iterable

from bot.adapters.cloudstack.catalogue import reader_commands, writer_commands

ROLES = {"read": reader_commands, "write": writer_commands}
"""The roles by what their key is for; each is called `ilbot-` and that."""
_ABOUT_ITSELF = "listApis"
"""Lets `ilbot check` see what the role may; the bot itself does not call it."""


def role_commands(*wanted: str) -> str:
    """Return one `importRole` for each of the wanted `ROLES`, all where none is named.

    It is safe to repeat after an upgrade of ilbot.

    The type must be Admin: `listInternalLoadBalancerVMs` refuses a domain admin. Rules count in
    their order, and the last one denies the rest: without it a command that names role types of
    its own stays allowed (`DynamicRoleBasedAPIAccessChecker.checkApiPermissionByRole`).
    """
    return "\n".join(
        _import(f"ilbot-{which}", [command.name for command in ROLES[which]()])
        for which in wanted or ROLES
    )


def _import(role: str, names: Iterable[str]) -> str:
    lines = [f"cmk import role name={role} type=Admin forced=true"]
    for i, name in enumerate(sorted({*names, _ABOUT_ITSELF})):
        lines.append(_rule(i, name, "allow"))
    lines.append(_rule(len(lines) - 1, "*", "deny"))
    return " \\\n".join(lines) + "\n"


def _rule(number: int, rule: str, permission: str) -> str:
    return f"  'rules[{number}].rule={rule}' 'rules[{number}].permission={permission}'"
