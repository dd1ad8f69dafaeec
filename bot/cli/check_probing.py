"""Turns the settings of probing into a line of a check: who would see a change, and what is odd."""

from __future__ import annotations

from bot.cli.check_line import CheckLine, ok, warning
from bot.domain.plan import in_words
from bot.settings import Settings


def check_probing(settings: Settings) -> CheckLine:
    """Say from where traffic is probed; nobody is asked and no connection is opened."""
    probe = settings.probe
    names = [*(["the bot itself"] if probe.from_bot else []), *sorted(probe.agents)]
    if not names:
        return warning(
            "probing",
            "nobody probes: changes that promise to lose nothing end unverified",
            "Set probe.from_bot where the bot reaches the VIPs, or give an agent (`ilbot probe`) "
            "a token in probe.agents.",
        )
    if probe.agents and not settings.http.port:
        return warning(
            "probing",
            f"{in_words(sorted(probe.agents))} cannot deliver: http.port is 0",
            "Set http.port; agents reach the bot there.",
        )
    pace = f"{probe.rate:g} new connections a second and {probe.held} held at each place"
    return ok("probing", f"from {in_words(names)}, {pace}")
