"""Turn what happened at the protocol's edges into counts that a test can assert on."""

from collections import Counter


class Counters:
    """Count by dotted names, for example `calls.chat.postMessage` or `acks.missing`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        self._counts[name] += 1

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        return dict(sorted(self._counts.items()))
