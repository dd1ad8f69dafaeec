"""Keeps the policies in force as their file changes; a bad new one leaves the old in force."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import structlog

from bot.domain.policy import Policies
from bot.errors import Refused
from bot.services.policies import load_policies

log = structlog.get_logger(__name__)
_Stamp = tuple[int, int]


class PolicyFile:
    """Called for the policies in force, it looks whether the file is another one by now."""

    def __init__(self, path: Path, runbooks: Collection[str]) -> None:
        self._path = path
        self._runbooks = runbooks
        self._policies = Policies()
        self._trouble = ""
        self._stamp = self._stamp_now()
        self._read()

    def __call__(self) -> Policies:
        """Return the policies in force."""
        stamp = self._stamp_now()
        if stamp != self._stamp:
            self._stamp = stamp
            self._read()
        return self._policies

    def health(self) -> tuple[bool, str]:
        """Return whether the file as it stands is in force, and what is wrong where it is not."""
        version = self().version
        return not self._trouble, f"policies: {self._trouble or f'version {version}'}"

    def _read(self) -> None:
        try:
            self._policies, self._trouble = load_policies(self._path, self._runbooks), ""
        except Refused as no:
            self._trouble = str(no)
            log.error("policies_not_used", path=str(self._path), reason=str(no))

    def _stamp_now(self) -> _Stamp | None:
        try:
            found = self._path.stat()
        except OSError:  # reading it says what this is
            return None
        return found.st_mtime_ns, found.st_size
