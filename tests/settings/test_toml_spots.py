"""Places in a TOML text: the scanner against `tomllib` and against itself."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings.toml_spots import spots

TEXT = '''\
# [not.a] = table
title = "a # no comment, a = b"

[ cloud . "stack" ]
  endpoint = 'x'  # a = 1
long = """
fake = 1
[fake]
"""
list = [
  1, # b = 2
  [2, 3],
]
inline = { a = 1, b.c = "}" }
when = 2026-11-22 18:00:00

[[array]]
é = 1
'''.replace("é", '"é"')


def test_keys_stand_where_they_are_written() -> None:
    found = {".".join(spot.path): (spot.key, spot.value) for spot in spots(TEXT)}
    assert found == {
        "title": ((2, 1), (2, 9)),
        "cloud.stack": ((4, 1), (4, 1)),
        "cloud.stack.endpoint": ((5, 3), (5, 14)),
        "cloud.stack.long": ((6, 1), (6, 8)),
        "cloud.stack.list": ((10, 1), (10, 8)),
        "cloud.stack.inline": ((14, 1), (14, 10)),
        "cloud.stack.inline.a": ((14, 12), (14, 16)),
        "cloud.stack.inline.b.c": ((14, 19), (14, 25)),
        "cloud.stack.when": ((15, 1), (15, 8)),
        "array": ((17, 1), (17, 1)),
        "array.é": ((18, 1), (18, 7)),
    }


def test_a_repeated_key_is_there_twice() -> None:
    assert [spot.key.line for spot in spots("[a]\nb = 1\nb = 2\n")] == [1, 2, 3]


@pytest.mark.parametrize(
    "text", ["a = 1\n[", "a = 1\nb =", "a = 1\n= 2", 'a = 1\nb = "', "a = 1\n!"]
)
def test_what_stands_before_a_mistake_is_found(text: str) -> None:
    assert [spot.path for spot in spots(text)] == [("a",)]


@given(st.text(max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    spots(text)


SCALARS = (
    st.integers(-(2**40), 2**40)
    | st.booleans()
    | st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
KEYS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
DOCUMENTS = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4), max_size=4)


def quoted(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False)


def written(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + "".join(f"  {written(item)}, # k = 1\n" for item in value) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def lines(document: dict[str, dict[str, Any]]) -> Iterator[str]:
    for group, fields in document.items():
        yield f"[{quoted(group)}]  # x = 1"
        for key, value in fields.items():
            yield f"  {quoted(key)} = {written(value)}"


@given(DOCUMENTS)
def test_every_key_that_tomllib_reads_is_found_where_it_stands(
    document: dict[str, dict[str, Any]],
) -> None:
    text = "\n".join(lines(document))
    assert tomllib.loads(text) == document
    found = spots(text)
    assert [spot.path for spot in found] == [
        path
        for group, fields in document.items()
        for path in [(group,), *((group, key) for key in fields)]
    ]
    rows = text.split("\n")
    for spot in found:
        if len(spot.path) == 2:
            assert rows[spot.key.line - 1][spot.key.column - 1 :].startswith(quoted(spot.path[1]))
            value = document[spot.path[0]][spot.path[1]]
            assert rows[spot.value.line - 1][spot.value.column - 1 :].startswith(
                written(value).split("\n")[0]
            )
