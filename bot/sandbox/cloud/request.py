"""Turn the raw parameters of one API call into values, or into CloudStack's own refusals.

Follows ParamProcessWorker, BaseListCmd and AccountManagerImpl.buildACLSearchParameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from bot.sandbox.cloud.frame import ApiError, Body
from bot.sandbox.cloud.jobs import Spoiled
from bot.sandbox.cloud.model import (
    Account,
    AclItem,
    Owned,
    Record,
    Role,
    Rule,
    Stickiness,
)
from bot.sandbox.cloud.state import CloudState

R = TypeVar("R", bound=Record)
Thing = TypeVar("Thing", bound=Owned)
T = TypeVar("T")

DELETED_FOR_GOOD = (Rule, AclItem, Stickiness)  # their rows go; those of machines stay
MAX_PAGE = 500  # setting default.page.size
MAX_TEXT = 255


@dataclass(frozen=True, slots=True)
class Request:
    """One call that passed authentication. `stem` is its response name without "response"."""

    state: CloudState
    command: str
    stem: str
    caller: Account
    parameters: dict[str, str]
    spoiled: Spoiled

    # parameters

    def text(self, name: str) -> str | None:
        value = self.parameters.get(name)
        if value is not None and len(value) > MAX_TEXT:
            raise ApiError(
                431,
                f"{self._unable} due to invalid value. "
                f"Value greater than max allowed length {MAX_TEXT} for param: {name}",
            )
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise ApiError(431, f"{self._unable} due to missing parameter {name}")
        if not value:
            raise ApiError(431, f"Invalid value provided for API arg: {name}", cserrorcode=4350)
        return value

    def boolean(self, name: str) -> bool | None:
        """Read as Java's Boolean.parseBoolean: everything but "true" is false."""
        value = self.text(name)
        return None if value is None else value.lower() == "true"

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise ApiError(
                431, f"{self._unable} due to invalid value {value} for parameter {name}"
            ) from None

    def required_integer(self, name: str) -> int:
        self.required(name)
        number = self.integer(name)
        assert number is not None
        return number

    def entity(self, name: str, kind: type[R]) -> R | None:
        """Resolve an id; ids of removed machines resolve too, ids of another type do not."""
        value = self.text(name)
        return None if value is None else self._resolve(name, value, kind)

    def required_entity(self, name: str, kind: type[R]) -> R:
        return self._resolve(name, self.required(name), kind)

    def entities(self, name: str, kind: type[R]) -> list[R]:
        value = self.parameters.get(name) or ""
        return [self._resolve(name, one, kind) for one in value.split(",") if one]

    def indexed(self, name: str) -> list[dict[str, str]]:
        """Read map parameters: `tags[0].key=a&tags[0].value=b` becomes [{key: a, value: b}]."""
        found: dict[str, dict[str, str]] = {}
        for key, value in self.parameters.items():
            if key.startswith(f"{name}[") and "]." in key:
                index, field = key.removeprefix(f"{name}[").split("].", 1)
                found.setdefault(index, {})[field] = value
        return [found[index] for index in sorted(found)]

    def unknown(self, name: str, value: str) -> ApiError:
        return ApiError(
            431,
            f"{self._unable} due to invalid value. Invalid parameter {name} value={value} due to "
            "incorrect long value format, or entity does not exist or due to incorrect parameter "
            "annotation for the field in api cmd class.",
        )

    def may_change(self, thing: Owned) -> bool:
        return self._may_see(thing.account)

    # lists

    def visible(self, things: Iterable[Thing], *, own_with_projects: bool = False) -> list[Thing]:
        """Return what the caller asked to see of `things`.

        Without `id`: the caller's own; with listall everything but what projects own; with
        projectid=-1 the projects' things, with both everything. Networks show the caller's own
        beside the projects' even without listall (`own_with_projects`), as recorded.
        """
        listall, project = bool(self.boolean("listall")), self.text("projectid")
        everything = self.text("id") is not None

        def shown(thing: Thing) -> bool:
            if not self._may_see(thing.account):
                return False
            if project == "-1":
                own = own_with_projects and thing.account is self.caller
                return thing.project is not None or listall or own
            if project is not None:
                return thing.project is not None and thing.project.id == project
            if everything:
                return True
            return thing.project is None and (listall or thing.account is self.caller)

        return [thing for thing in things if shown(thing)]

    def page(
        self,
        key: str,
        things: list[T],
        view: Callable[[T], Body],
        *,
        oldest_first_in_page: bool = False,
    ) -> Body:
        """Return one page: `count` is the total, an empty list has neither count nor key."""
        count = len(things)
        rows = things[self._slice()]  # a bad page is refused even where nothing is found
        if oldest_first_in_page:
            rows = rows[::-1]
        if not count:
            return {}
        return {"count": count} | ({key: [view(row) for row in rows]} if rows else {})

    # private

    @property
    def _unable(self) -> str:
        return f"Unable to execute API command {self.stem}"

    def _resolve(self, name: str, value: str, kind: type[R]) -> R:
        record = self.state.find(kind, value)
        if record is None or (record.removed and isinstance(record, DELETED_FOR_GOOD)):
            raise self.unknown(name, value)
        return record

    def _may_see(self, account: Account) -> bool:
        if self.caller.role is Role.USER:
            return account is self.caller
        if self.caller.role is Role.DOMAIN_ADMIN:
            return account.domain_path.startswith(self.caller.domain_path)
        return True

    def _slice(self) -> slice:
        page, size = self.integer("page"), self.integer("pagesize")
        if page is not None and size is None:
            raise ApiError(431, '"pagesize" parameter is required when "page" is specified')
        if size == -1:
            return slice(None)
        if page is None and size is not None:
            raise ApiError(431, '"page" parameter is required when "pagesize" is specified')
        if size is None or page is None:
            return slice(0, MAX_PAGE)
        if size > MAX_PAGE:
            raise ApiError(
                431,
                f"Page size can't exceed max allowed page size value: {MAX_PAGE}",
                cserrorcode=4350,
            )
        first = (max(page, 1) - 1) * size
        return slice(first, first + size)
