"""Records histories again: `python -m tests.workflows.record_histories [name ...]`.

See `tests/workflows/histories/README.md` for when that is right, which is rarely.
"""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog

from tests.workflows.histories import HISTORIES, record, write


def main(names: list[str]) -> str:
    """Record the named histories, all of them where none is named; say what was written."""
    if unknown := sorted(set(names) - set(HISTORIES)):
        return f"There is no history {', '.join(unknown)}; there is {', '.join(HISTORIES)}."
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    written = [write(name, asyncio.run(record(HISTORIES[name]))) for name in names or HISTORIES]
    return "\n".join(f"recorded {path.name}" for path in written)


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]) + "\n")
