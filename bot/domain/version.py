"""A system VM template's version as people and CloudStack write it, and as a number to compare."""

from __future__ import annotations

import re

_VERSION = re.compile(r"\d+\.\d+\.\d+(?:\.\d+)?")


def number(version: str) -> tuple[int, ...]:
    """Return what two spellings of one version share: 4.22, `4.22.0` and `4.22.0-SNAPSHOT` do."""
    parts = [int(part) for part in re.findall(r"\d+", version.partition("-")[0])]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def is_same(one: str, other: str) -> bool:
    """Whether two spellings mean one version; a version never reported is nobody's."""
    return bool(number(one)) and number(one) == number(other)


def named_in(template_name: str) -> str:
    """Return the version in a template's name (`systemvm-kvm-4.22.0-x86_64`), `""` for none."""
    found = _VERSION.search(template_name)
    return found[0] if found else ""
