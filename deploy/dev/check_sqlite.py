"""Turn this interpreter's SQLite version into a verdict: can DBOS keep its state on it?

DBOS's tables default their timestamps to `unixepoch('subsec')`, which SQLite knows from 3.42; on
Python 3.11 it falls back to whole seconds, on later ones it has no fallback.
"""

import importlib.util
import sqlite3
import sys

OLDEST_SQLITE = (3, 42, 0)


def main() -> int:
    if sys.version_info < (3, 12) or sqlite3.sqlite_version_info >= OLDEST_SQLITE:
        return 0
    if importlib.util.find_spec("pysqlite3") is not None:
        return 0
    print(
        f"Python {sys.version.split()[0]} here is linked with SQLite {sqlite3.sqlite_version}; "
        "the bot needs 3.42 or newer on Python 3.12 and up.\n"
        "  either: make PYTHON=python3.11 (3.11 can live with this SQLite)\n"
        "  or:     .venv/bin/pip install pysqlite3-binary   (Linux on x86-64)",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
