"""Turns `policies.yaml` into policies, or into every reason why not, with line and column."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from bot.domain.operation import Mode
from bot.domain.policy import (
    ADVISED,
    EVERYTHING,
    IncidentKind,
    IncidentPolicy,
    Person,
    Policies,
    Power,
    Role,
    RunbookPolicy,
    Targets,
)
from bot.errors import Refused
from bot.services import marked_yaml
from bot.services.marked_document import Problems, nearest, read_marked

_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TITLE = "The policies cannot be used"
_Name = Annotated[StrictStr, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Person(_Part):
    slack: Annotated[StrictStr, Field(pattern=r"^[UW][A-Z0-9]{2,}$")]
    name: _Name
    roles: list[_Name]
    login: StrictStr = ""


class _Role(_Part):
    may: list[Power]
    runbooks: list[_Name]
    targets: list[_Name]


class _Runbook(_Part):
    mode: Mode = Mode.OBSERVE
    approvers: StrictStr = ""
    expiry_s: Annotated[float, Field(ge=60, le=7 * 86400, strict=True, allow_inf_nan=False)] = (
        3600.0
    )
    cooldown_s: Annotated[float, Field(ge=0, le=30 * 86400, strict=True, allow_inf_nan=False)] = (
        1800.0
    )
    automatic_on: list[_Name] = Field(default_factory=list)


class _Incident(_Part):
    runbook: StrictStr = ""
    mode: Mode = Mode.OBSERVE


class _Document(_Part):
    people: list[_Person] = Field(default_factory=list)
    roles: dict[str, _Role] = Field(default_factory=dict)
    runbooks: dict[str, _Runbook] = Field(default_factory=dict)
    incidents: dict[IncidentKind, _Incident] = Field(default_factory=dict)


def load_policies(path: Path, runbooks: Collection[str]) -> Policies:
    """Read the policies file; `runbooks` are the names that exist.

    A file that is absent or empty gives policies that observe and know nobody. Raises `Refused`
    with one line for each thing that is wrong.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Policies()
    except OSError as exc:
        raise Refused(f"The policies cannot be used: {path}: {exc.strerror}") from exc
    return read_policies(content, str(path), runbooks)


def read_policies(content: bytes, name: str, runbooks: Collection[str]) -> Policies:
    """Read policies from the bytes of a file of that name; see `load_policies`."""
    problems = Problems(name, read_marked(content, name, _TITLE), _EXPECTATIONS)
    document = problems.model(_Document, _siblings)
    if document is not None:
        _Checker(problems, runbooks).check(document)
    if document is None or problems.found:
        raise problems.refused(_TITLE)
    return _policies(document, hashlib.sha256(content).hexdigest()[:12])


class _Checker:
    """Looks at what one document says of runbooks, roles and targets that must be there."""

    def __init__(self, problems: Problems, runbooks: Collection[str]) -> None:
        self._wrong = problems.wrong
        self._known_runbooks = frozenset(runbooks)

    def check(self, document: _Document) -> None:
        seen: set[str] = set()
        logins: set[str] = set()
        for i, person in enumerate(document.people):
            if person.slack in seen:
                self._wrong(("people", i, "slack"), f"{person.slack} is there twice")
            seen.add(person.slack)
            if person.login and person.login in logins:
                self._wrong(("people", i, "login"), f"{person.login} is there twice")
            logins.add(person.login)
            for j, role in enumerate(person.roles):
                self._one_of(("people", i, "roles", j), "role", role, document.roles)
        for name, role_part in document.roles.items():
            for j, runbook in enumerate(role_part.runbooks):
                if runbook != EVERYTHING:
                    self._is_runbook(("roles", name, "runbooks", j), runbook)
            self._targets(("roles", name, "targets"), role_part.targets)
        for name, part in document.runbooks.items():
            self._is_runbook(("runbooks", name), name, of_key=True)
            self._runbook(name, part, document)
        for kind, incident in document.incidents.items():
            self._incident(kind, incident, document)

    def _runbook(self, name: str, part: _Runbook, document: _Document) -> None:
        here = ("runbooks", name)
        if part.approvers:
            self._one_of((*here, "approvers"), "role", part.approvers, document.roles)
            role = document.roles.get(part.approvers)
            if role and Power.APPROVE not in role.may:
                self._wrong((*here, "approvers"), f"role {part.approvers} may not approve")
        for j, target in enumerate(part.automatic_on):
            if not _ID.fullmatch(target):
                self._wrong(
                    (*here, "automatic_on", j),
                    f"{target!r}: automatic mode takes ids only, no names and no wildcards,"
                    " as two things may have one name",
                )
        if part.mode is Mode.AUTOMATIC and not part.automatic_on:
            self._wrong(
                (*here, "mode"),
                "automatic needs automatic_on with the ids it is for; an empty list is not all",
            )

    def _incident(self, kind: IncidentKind, incident: _Incident, document: _Document) -> None:
        here = ("incidents", kind.value)
        if incident.runbook:
            self._is_runbook((*here, "runbook"), incident.runbook)
        elif kind not in ADVISED:
            self._wrong(here, "runbook is missing", of_key=True)
        if kind in ADVISED:
            if incident.mode is Mode.AUTOMATIC:
                self._wrong((*here, "mode"), "an advice is never automatic; approve is the most")
            return
        runbook = document.runbooks.get(incident.runbook)
        if incident.mode is Mode.AUTOMATIC and (not runbook or runbook.mode is not Mode.AUTOMATIC):
            self._wrong(
                (*here, "mode"),
                f"automatic, but the mode of runbook {incident.runbook} is"
                f" {runbook.mode if runbook else Mode.OBSERVE}",
            )

    def _targets(self, here: marked_yaml.Path, targets: list[str]) -> None:
        if not targets:
            self._wrong(here, "names no target; an empty list is not all, write '*' for all")
        for j, target in enumerate(targets):
            if target != EVERYTHING and not _ID.fullmatch(target) and not _names(target):
                self._wrong(
                    (*here, j), f"{target!r}: expected an id, VPC/TIER (with * and ?) or '*'"
                )

    def _is_runbook(self, path: marked_yaml.Path, name: str, *, of_key: bool = False) -> None:
        self._one_of(path, "runbook", name, self._known_runbooks, of_key=of_key)

    def _one_of(
        self,
        path: marked_yaml.Path,
        what: str,
        name: str,
        known: Collection[str],
        *,
        of_key: bool = False,
    ) -> None:
        if name not in known:
            self._wrong(path, f"no {what} {name!r}; {nearest(name, known)}", of_key=of_key)


_MODELS: dict[str, type[BaseModel]] = {
    "people": _Person,
    "roles": _Role,
    "runbooks": _Runbook,
    "incidents": _Incident,
}


def _siblings(path: marked_yaml.Path) -> Iterable[str]:
    if path[0] == "incidents" and len(path) == 2:
        return [kind.value for kind in IncidentKind]
    return (_Document if len(path) == 1 else _MODELS[str(path[0])]).model_fields


_EXPECTATIONS = {
    "string_pattern_mismatch": "expected a Slack user id, as in U024BE7LH, not a name",
}


def _names(target: str) -> tuple[str, str] | None:
    vpc, slash, tier = target.partition("/")
    return (vpc, tier) if slash and vpc and tier else None


def _policies(document: _Document, version: str) -> Policies:
    return Policies(
        version=version,
        people=tuple(
            Person(part.slack, part.name, frozenset(part.roles), part.login)
            for part in document.people
        ),
        roles=tuple(
            Role(name, frozenset(part.may), frozenset(part.runbooks), _targets(part.targets))
            for name, part in document.roles.items()
        ),
        runbooks={
            name: RunbookPolicy(
                runbook=name,
                mode=part.mode,
                approvers=part.approvers,
                expiry_s=part.expiry_s,
                cooldown_s=part.cooldown_s,
                automatic_on=_targets(part.automatic_on),
            )
            for name, part in document.runbooks.items()
        },
        incidents={
            kind: IncidentPolicy(kind, part.runbook, part.mode)
            for kind, part in document.incidents.items()
        },
    )


def _targets(written: Iterable[str]) -> Targets:
    return Targets(
        ids=frozenset(one.lower() for one in written if _ID.fullmatch(one)),
        names=tuple(_pairs(written)),
        everything=EVERYTHING in written,
    )


def _pairs(written: Iterable[str]) -> Iterator[tuple[str, str]]:
    for one in written:
        if pair := _names(one):
            yield pair
