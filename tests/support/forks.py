"""Processes for a test to kill: forked from one that has imported their code, so that they start
at once, and a kill hits what they do and not their imports."""

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path


class Forks:
    """Runs `main(*arguments)` of a module, each time in a new process, one at a time."""

    def __init__(self, module: str) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", __name__, module]
        root = Path(__file__).parents[2]
        self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root)

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate(timeout=120)

    def start(self, *arguments: object) -> "Forked":
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps([str(a) for a in arguments]) + "\n")
        self._server.stdin.flush()
        return Forked(self, int(self.heard()))

    def heard(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline()


class Forked:
    """One process; its status is that of `subprocess`: below 0 for a signal."""

    def __init__(self, forks: Forks, pid: int) -> None:
        self._forks, self.pid = forks, pid

    def kill(self) -> int:
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> int:
        return int(self._forks.heard())


def serve(module: str) -> None:
    main = importlib.import_module(module).main
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                main(*json.loads(line))
            except BaseException:  # the parent's loop must not go on in the child
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _say(child)
        _say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
