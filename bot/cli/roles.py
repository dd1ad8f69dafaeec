"""Turns the catalogue of what the bot calls into the CloudMonkey commands for its two roles."""

from __future__ import annotations

from collections.abc import Iterable

from bot.adapters.cloudstack.catalogue import reader_commands, writer_commands

READ_ROLE = "ilbot-read"
WRITE_ROLE = "ilbot-write"
_ABOUT_ITSELF = "listApis"
"""Lets `ilbot check` see what the role may; the bot itself does not call it."""


def role_commands() -> str:
    """Return one `importRole` for each key, safe to repeat after an upgrade of ilbot.

    The type must be Admin: `listInternalLoadBalancerVMs` refuses a domain admin. Rules count in
    their order, and the last one denies the rest: without it a command that names role types of
    its own stays allowed (`DynamicRoleBasedAPIAccessChecker.checkApiPermissionByRole`).
    """
    read = [command.name for command in reader_commands()]
    write = [command.name for command in writer_commands()]
    return f"{_import(READ_ROLE, read)}\n{_import(WRITE_ROLE, write)}"


def _import(role: str, names: Iterable[str]) -> str:
    lines = [f"cmk import role name={role} type=Admin forced=true"]
    for i, name in enumerate(sorted({*names, _ABOUT_ITSELF})):
        lines.append(_rule(i, name, "allow"))
    lines.append(_rule(len(lines) - 1, "*", "deny"))
    return " \\\n".join(lines) + "\n"


def _rule(number: int, rule: str, permission: str) -> str:
    return f"  'rules[{number}].rule={rule}' 'rules[{number}].permission={permission}'"
