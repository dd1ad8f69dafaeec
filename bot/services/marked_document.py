"""Turns a YAML document of ours into a pydantic model, or into every reason why not."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.domain.spelling import SHOWN_LENGTH, one_line
from bot.errors import Refused
from bot.services import marked_yaml
from bot.services.marked_yaml import Marked, NotPlainYaml

M = TypeVar("M", bound=BaseModel)
Siblings = Callable[[marked_yaml.Path], Iterable[str]]
"""Given the path of an unknown name: the names that are known there."""
Explain = Callable[[marked_yaml.Path], str]

MOST_SHOWN = 40
"""Of the things that are wrong with one document."""
_EXPECTATIONS = {
    "string_unicode": "expected text that Unicode has",
    "string_type": "expected text (in quotes, where it looks like a number, yes or no)",
    "string_too_short": "expected text, and it is empty",
    "list_type": "expected a list",
    "dict_type": "expected names with a colon after each",
    "model_type": "expected names with a colon after each",
    "model_attributes_type": "expected names with a colon after each",
    "float_type": "expected a number",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
    "finite_number": "expected a number",
    "too_short": "expected at least {min_length} of them, not {actual_length}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than_equal": "expected {le:g} or less",
    "enum": "expected {expected}",
    "literal_error": "expected {expected}",
    "value_error": "{error}",
}


class Problems:
    """Collects what is wrong with one document, each with the line and column where it stands."""

    def __init__(self, name: str, marked: Marked, more: Mapping[str, str] | None = None) -> None:
        """`more` are sentences for further kinds of pydantic's errors in this document."""
        self._name = name
        self._marked = marked
        self._expectations = {**_EXPECTATIONS, **(more or {})}
        self.found: list[tuple[tuple[int, int], str]] = []
        for path in marked.repeated:
            self.wrong(path, "given twice", of_key=True)

    def model(
        self, model: type[M], siblings: Siblings, explain: Explain = lambda _: ""
    ) -> M | None:
        """Return the document as that model, None where it is not one.

        `explain` says why an unknown name cannot be, where there is more to say than a guess.
        """
        value = {} if self._marked.value is None else self._marked.value
        try:
            return model.model_validate(value)
        except ValidationError as exc:
            said: dict[marked_yaml.Path, list[str]] = {}
            for error in exc.errors():
                self._from_pydantic(error, siblings, explain, said)
            for path, reasons in said.items():
                self.wrong(path, _either(reasons))
            return None

    def wrong(self, path: marked_yaml.Path, why: str, *, of_key: bool = False) -> None:
        """Note what is wrong with a value, or with the name it goes by."""
        places = self._marked.keys if of_key else self._marked.places
        line, column = places.get(path) or self._nearest_place(path)
        what = ".".join(_shown(part) for part in path)
        where = f"{self._name}, line {line}, column {column}"
        self.found.append(
            ((line, column), f"{where}: {what + ': ' if what else ''}{one_line(why)}")
        )

    def refused(self, title: str) -> Refused:
        """Return the refusal that names them all, in the order in which they stand."""
        return refused(title, (text for _, text in sorted(set(self.found))))

    def _nearest_place(self, path: marked_yaml.Path) -> tuple[int, int]:
        places = (self._marked.places.get(path[:end]) for end in range(len(path), -1, -1))
        return next((place for place in places if place), (1, 1))

    def _from_pydantic(
        self,
        error: ErrorDetails,
        siblings: Siblings,
        explain: Explain,
        said: dict[marked_yaml.Path, list[str]],
    ) -> None:
        """Note an error of a name; one of a value is added to what is `said` of that value."""
        path = self._path(error["loc"])
        if error["type"] == "extra_forbidden" or error["loc"][-1:] == ("[key]",):
            why = explain(path) or f"unknown; {nearest(str(path[-1]), siblings(path))}"
            self.wrong(path, why, of_key=True)
        elif error["type"] == "missing":
            self.wrong(path, f"{error['loc'][-1]} is missing")
        else:
            said.setdefault(path, []).append(self._expected(error))

    def _path(self, loc: tuple[int | str, ...]) -> marked_yaml.Path:
        """Return where in the document it is: pydantic names the branches of unions as well."""
        path: marked_yaml.Path = ()
        for part in loc:
            if (*path, part) in self._marked.places:
                path = (*path, part)
        return path

    def _expected(self, error: ErrorDetails) -> str:
        known = self._expectations.get(error["type"])
        context: dict[str, Any] = error.get("ctx", {})
        return known.format(**context) if known else error["msg"]


def read_marked(content: bytes, name: str, title: str) -> Marked:
    """Read the bytes of a file of that name; `Refused` under that title where it is no YAML."""
    try:
        return marked_yaml.read(content.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise refused(title, [f"{name}, line {line}: not UTF-8"]) from exc
    except NotPlainYaml as exc:
        place = f", line {exc.line}, column {exc.column}" if exc.line else ""
        raise refused(title, [f"{name}{place}: {exc}"]) from exc


def refused(title: str, problems: Iterable[str]) -> Refused:
    """Return a refusal of one line for each thing that is wrong, as far as people read on."""
    every = list(problems)
    more = [f"and {len(every) - MOST_SHOWN} more"] if len(every) > MOST_SHOWN else []
    lines = (f"  {problem}" for problem in [*every[:MOST_SHOWN], *more])
    return Refused(f"{title}:\n" + "\n".join(lines))


def _either(reasons: list[str]) -> str:
    """Join what each kind expects of a value that may be of several kinds."""
    first, *others = dict.fromkeys(reasons)
    return " or ".join([first, *(other.removeprefix("expected ") for other in others)])


def _shown(part: str | int) -> str:
    return str(part + 1) if isinstance(part, int) else one_line(part)[:SHOWN_LENGTH]


def nearest(word: str, known: Iterable[str]) -> str:
    """Guess what was meant, or list what there is."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"expected one of {', '.join(choices)}" if choices else "there is none"
