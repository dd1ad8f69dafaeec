"""Turn a stream of Web API calls into the ones Slack would answer with HTTP 429.

Tiers are per method, workspace and app: https://docs.slack.dev/apis/web-api/rate-limits/.
Slack promises "at least" these figures and tolerates bursts; here they are exact, so that a bot
that leans on the tolerance fails a test.
"""

import math
from collections import defaultdict, deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many calls in any window of so many seconds."""

    calls: int
    window_s: float


# One or more a minute, "a small amount of burst is tolerated": ten replicas may start together.
TIER_1 = Allowance(10, 60)
TIER_2 = Allowance(20, 60)
TIER_3 = Allowance(50, 60)
TIER_4 = Allowance(100, 60)
OFTEN = Allowance(600, 60)

# chat.postMessage: about one a second in a channel with a generous burst, several hundred a
# minute in the workspace.
POSTS_PER_CHANNEL = Allowance(10, 10)
POSTS_PER_WORKSPACE = Allowance(300, 60)


class RateLimits:
    """Count calls in sliding windows; `scale` multiplies every allowance, 0 switches them off."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def retry_after_s(self, key: str, allowance: Allowance, now: float) -> int | None:
        """Count one call, or say in how many whole seconds it may be tried again."""
        if self.scale == 0:
            return None
        window = self._calls[key]
        while window and window[0] <= now - allowance.window_s:
            window.popleft()
        if len(window) < max(1, math.floor(allowance.calls * self.scale)):
            window.append(now)
            return None
        return max(1, math.ceil(window[0] + allowance.window_s - now))
