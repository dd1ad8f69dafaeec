"""Turn Debian's BIND 9 into one real DNS server with a zone that takes signed updates."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.services.missing import missing
from tests.services.run import Run, free_port

ZONE = "shop.internal"
GRANTED = "granted.internal"
"""A zone of which the key may change A records alone, as docs/INSTALL.md has it."""
KEY = ("ilbot", "bm90IGEgc2VjcmV0LCBvbmx5IGEgdGVzdC4uLi4uLi4=")
STRANGER = ("stranger", "YSBrZXkgdGhhdCBtYXkgYXNrIGFuZCBub3QgY2hhbmdlLg==")
"""A key that the server knows and that may change nothing."""

_CONFIGURATION = """\
options {{
    directory "{home}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
}};
controls {{ }};
key "{key[0]}" {{ algorithm hmac-sha256; secret "{key[1]}"; }};
key "{stranger[0]}" {{ algorithm hmac-sha256; secret "{stranger[1]}"; }};
zone "{zone}" {{ type primary; file "zone.db"; allow-update {{ key "{key[0]}"; }}; }};
zone "{granted}" {{
    type primary; file "granted.db"; update-policy {{ grant {key[0]} zonesub A; }};
}};
"""
_ZONE_FILE = """\
$TTL 300
@ IN SOA ns hostmaster 1 60 10 600 5
@ IN NS ns
ns IN A 127.0.0.1
"""


@pytest.fixture(scope="session")
def named(ilbot_run: Run) -> tuple[str, int]:
    """Host and port of a real BIND 9, one for the whole run; tests use names of their own."""
    program = _program()
    if program is None:
        missing("BIND 9", "make system (as root), or apt-get install bind9")
    host, _, port = ilbot_run.address_of("named", lambda: _start(ilbot_run, program)).partition(":")
    return host, int(port)


def _program() -> Path | None:
    found = shutil.which("named", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(found) if found else None


def _start(run: Run, program: Path) -> str:
    home, port = run.new_folder("named"), free_port()
    configuration = home / "named.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            home=home, port=port, zone=ZONE, granted=GRANTED, key=KEY, stranger=STRANGER
        )
    )
    for file in ("zone.db", "granted.db"):
        (home / file).write_text(_ZONE_FILE)
    # Debian's AppArmor profile is for the path of the program, and lets it read no folder of ours.
    copy = shutil.copy(program, home / "named")
    started = run.supervise("named", [str(copy), "-g", "-n", "1", "-c", str(configuration)])
    started.wait_until(lambda: _answers(port))
    return f"127.0.0.1:{port}"


def _answers(port: int) -> bool:
    """Whether it listens: it does so once its zones are loaded."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
