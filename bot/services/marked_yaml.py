"""Turns YAML text into plain values and the line and column of each of them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
_DEEPEST = 20
_MOST_CHARACTERS = 1024 * 1024


class NotPlainYaml(Exception):
    """The text is no plain YAML; `line` and `column` count from 1, 0 where there is no place.

    `mark` is PyYAML's, of which there are two kinds that share no type.
    """

    def __init__(self, why: str, mark: Any = None) -> None:
        super().__init__(why)
        self.line = mark.line + 1 if mark else 0
        self.column = mark.column + 1 if mark else 0


@dataclass(frozen=True, slots=True)
class Marked:
    """A document: its value, where each part of it stands, and keys given twice."""

    value: Any
    places: dict[Path, tuple[int, int]]
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    repeated: tuple[Path, ...] = ()


def read(text: str) -> Marked:
    """Read one document of mappings, lists and scalars.

    Aliases and tags of the writer's own are refused: a policy says each thing where it counts,
    and an alias of an alias can grow without limit.
    """
    if len(text) > _MOST_CHARACTERS:
        raise NotPlainYaml("it is larger than 1 MiB")
    try:
        _refuse_what_is_not_plain(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _Reader().document(node)
    except yaml.MarkedYAMLError as exc:
        raise NotPlainYaml(_why(exc), exc.problem_mark or exc.context_mark) from exc
    except yaml.YAMLError as exc:
        raise NotPlainYaml(_first_line(exc)) from exc


def _why(exc: yaml.MarkedYAMLError) -> str:
    problem = exc.problem or "it cannot be read"
    if problem.startswith("found character '\\t'"):
        return "a tab; YAML takes spaces there"
    if problem.startswith("but "):  # PyYAML says only half of it there
        return f"{exc.context}, {problem}"
    return problem


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:200]


def _refuse_what_is_not_plain(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise NotPlainYaml("aliases (*name) are not used here; write it out", event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise NotPlainYaml("too deeply nested", event.start_mark)
        tag = getattr(event, "tag", None)
        if tag and isinstance(event, yaml.NodeEvent):
            raise NotPlainYaml(f"tags ({tag[:40]}) are not used here", event.start_mark)


class _Reader:
    def __init__(self) -> None:
        self._scalars = yaml.SafeLoader("")
        self._places: dict[Path, tuple[int, int]] = {}
        self._keys: dict[Path, tuple[int, int]] = {}
        self._repeated: list[Path] = []

    def document(self, node: yaml.Node | None) -> Marked:
        value = None if node is None else self._value(node, ())
        return Marked(value, self._places, self._keys, tuple(self._repeated))

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, i)) for i, item in enumerate(node.value)]
        try:
            return self._scalars.construct_object(node)
        except ValueError as exc:  # it looks like a date or a number, and there is no such one
            raise NotPlainYaml(_first_line(exc), node.start_mark) from exc

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Hashable, Any]:
        result: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise NotPlainYaml("a name is expected before the colon", key_node.start_mark)
            key = key_node.value
            here = (*path, key)
            if key in result:
                self._repeated.append(here)
            self._keys[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            result[key] = self._value(value_node, here)
        return result
