"""Unix seconds for whoever does something at each due time: they never jump."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Now = Callable[[], float]
_ASTRAY_S = 1.0


class SteadyTime:
    """Unix seconds that never jump: a clock that is set must not make a burst."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._offset = now() - self._loop.time()

    def __call__(self) -> float:
        """Return unix seconds as they were counted from when this was made."""
        return self._loop.time() + self._offset

    def on_the_loop(self, moment: float) -> float:
        """Return a moment by the loop's own clock."""
        return moment - self._offset

    @property
    def is_astray(self) -> bool:
        """Whether the clock was set since."""
        return abs(self._now() - self()) > _ASTRAY_S
