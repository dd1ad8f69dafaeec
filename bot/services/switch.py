"""The one kill switch: a row in the journal or a file on disk; unreadable counts as set."""

from __future__ import annotations

from pathlib import Path

from bot.errors import IlbotError, Permanent
from bot.services.journal import Journal


class KillSwitch:
    """Read before anything starts and before every step (`bot.engine.api.Stops`)."""

    def __init__(self, journal: Journal, file: Path) -> None:
        self._journal = journal
        self._file = file

    async def reason(self, run_id: str = "") -> str:
        """Return why nothing may start, `""` where all may."""
        try:
            if self._file_is_there():
                return f"the stop file {self._file} exists"
            return await self._journal.stop_reason()
        except (OSError, IlbotError) as error:
            return f"the stop switch cannot be read ({error})"

    def _file_is_there(self) -> bool:
        try:
            self._file.stat()
        except FileNotFoundError:  # `Path.exists` says no to other failures too
            return False
        return True

    async def set(self, by: str, reason: str = "") -> str:
        """Stop everything: nothing new starts, running changes halt at their next safe point.

        A journal that cannot be written keeps nobody from stopping: the file does it then, and
        what that asks of whoever resumes is returned, `""` otherwise.
        """
        try:
            await self._journal.set_stop(reason or f"{by} stopped all changes", by)
        except IlbotError as error:
            return stop_by_file(self._file, error)
        return ""

    async def release(self, by: str) -> str:
        """Let things start again; return what still stops them."""
        await self._journal.set_stop("", by)
        return await self.reason()


def stop_by_file(file: Path, because: IlbotError) -> str:
    """Stop everything by the file alone; return what that asks of whoever resumes.

    `because` is why the journal cannot keep the stop; `Permanent` where the file cannot either.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as exc:
        raise Permanent(
            f"stop all changes: {because}, and the stop file {file} cannot be made ({exc.strerror})"
        ) from exc
    return f"remove the stop file {file} first: the journal could not keep the stop"
