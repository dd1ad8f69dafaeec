"""Turn "the test run is over", however it ended, into the end of one server.

    supervisor.py CONTROLLER_LOCK ALIVE STOP_SIGNAL USER COMMAND...

The run's controller holds CONTROLLER_LOCK as long as it lives, and the kernel lets go of it when
it dies, so getting it is the sign to stop: first by STOP_SIGNAL, ten seconds later by SIGKILL.
ALIVE is held, and names the server's pid, until the server is gone.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE_S = 10.0


def main(controller_lock: str, alive: str, stop_signal: str, user: str, *command: str) -> int:
    with Path(alive).open("wb", buffering=0) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        child = subprocess.Popen(command, user=user or None, cwd=Path(alive).parent)
        held.write(str(child.pid).encode())

        def stop(*_: object) -> None:
            os.kill(child.pid, int(stop_signal))
            last_word = threading.Timer(GRACE_S, os.kill, (child.pid, signal.SIGKILL))
            last_word.daemon = True
            last_word.start()

        def stop_with_the_run() -> None:
            with Path(controller_lock).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
            stop()

        signal.signal(signal.SIGTERM, stop)
        threading.Thread(target=stop_with_the_run, daemon=True).start()
        return child.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
