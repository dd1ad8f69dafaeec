"""Turns the version that a CloudStack tells into what that release can do."""

from __future__ import annotations

from enum import Enum

from bot.domain.version import number

FLOOR = "4.18"
"""The oldest release that was looked at; below it answers may differ in ways nobody here knows."""


class Feature(Enum):
    """What only some releases have: since when, and in people's words."""

    EVENT_FOLDER = ("4.20", "the event bus configured in META-INF/cloudstack/event")
    WEBHOOKS = ("4.20", "webhooks")
    ROUTER_TLS = ("4.22", "TLS on a router's public load balancer")  # VirtualRouterElement

    @property
    def since(self) -> str:
        """The first release that has it."""
        return self.value[0]

    @property
    def words(self) -> str:
        """What it is called."""
        return self.value[1]


def is_told(version: str) -> bool:
    """Whether that is a version at all; some servers and roles tell none."""
    return bool(number(version))


def is_supported(version: str) -> bool:
    """Whether a release is at or above the floor; one that does not tell its version is not."""
    return number(version) >= number(FLOOR)


def has(version: str, feature: Feature) -> bool:
    """Whether a release has a feature; a version that is not told (`""`) has none of them."""
    return number(version) >= number(feature.since)


def missing(version: str) -> tuple[Feature, ...]:
    """Return the features that a release lacks."""
    return tuple(feature for feature in Feature if not has(version, feature))
