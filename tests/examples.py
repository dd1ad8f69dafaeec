"""Says of how many examples a property is tried whose examples are dear."""

from __future__ import annotations

from hypothesis import settings


def at_most(examples: int) -> settings:
    """Try fewer than the run's profile says, never more."""
    return settings(max_examples=min(examples, settings().max_examples))
