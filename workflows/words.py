"""Renders the words of a runbook's template; what is put into them is escaped for mrkdwn."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound

from bot.domain import mrkdwn
from bot.domain.page import duration

_MANY_LINES = re.compile(r"\n\s*\n\s*")


class _Packaged(BaseLoader):
    """Templates of this package, wherever it is installed."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Any]:
        file = resources.files("workflows") / "templates" / f"{template}.j2"
        if not file.is_file():
            raise TemplateNotFound(template)
        return file.read_text(encoding="utf-8"), template, lambda: True


def _finalize(value: object) -> object:
    if isinstance(value, mrkdwn.Safe) or not isinstance(value, str):
        return value
    return mrkdwn.escape(value)


class Words:
    """The texts of all runbooks; a missing value is an error, never an empty place."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=_Packaged(),
            undefined=StrictUndefined,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # noqa: S701 - mrkdwn, not HTML: _finalize escapes
        )
        self._environment.filters |= {
            "duration": duration, "code": mrkdwn.code, "strong": mrkdwn.strong,
        }  # fmt: skip

    def render(self, template: str, part: str, **values: object) -> str:
        """Render one part of a template; paragraphs are separated by blank lines."""
        text = self._environment.get_template(template).render(part=part, **values).strip()
        if not text:
            raise KeyError(f"template {template} has no words for {part}")
        return _MANY_LINES.sub("\n\n", text)
