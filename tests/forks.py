"""Forks in place of new processes: importing the libraries takes most of a small stage's time.

In `environment()`, `python SCRIPT`, `python -m MODULE`, `python -c CODE` and `dvc` are forks of one process
that has the libraries loaded, and nothing of lineup. Forks have one hash seed, and go on when their caller is
killed: tests of bits want another such process, tests of kills want new ones. `python forks.py NUMBER` serves
the socket of that number until its stdin is closed.
Linux alone can do it; elsewhere there are new processes only, and the tests take longer.
"""

import json
import os
import runpy
import select
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

LIBRARIES = (
    "dvc.cli", "dvc.commands.repro", "dvc.repo.reproduce", "dvc.stage.run", "matplotlib.backends.backend_agg",
    "matplotlib.figure", "pandas", "pydantic", "ruamel.yaml", "scipy.stats", "sklearn.datasets",
    "sklearn.linear_model", "sklearn.manifold", "sklearn.metrics", "statsmodels.stats.contingency_tables",
    "torch._dynamo", "torchmetrics",
)  # fmt: skip
FOLDER = "LINEUP_TEST_FORKS"  # the variable that names what goes in front of PATH
LONGEST = 1 << 20  # bytes of a call: its words, folder and environment
# A call is one message, with the files beside it; the answer is the exit status.
CALLER = """#!{python} -IS
import json, os, socket, sys
words = {before!r} + sys.argv[1:]
if not (words and (words[0] in ("-c", "-m") or os.path.isfile(words[0]))):
    os.execv({python!r}, [{python!r}, *words])
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    call = json.dumps([words, os.getcwd(), dict(os.environ)])
    socket.send_fds(server, [call.encode()], [0, 1, 2])
    sys.exit(server.recv(1)[0])
"""


def environment() -> dict[str, str]:
    """The environment of calls that are to be forks, where there are any."""
    folders = [os.environ[name] for name in (FOLDER, "PATH") if name in os.environ]
    return {**os.environ, "PATH": os.pathsep.join(folders)}


@contextmanager
def serving() -> Iterator[None]:
    """Make forks, for this process and those it starts. Nothing is imported before the first call."""
    if sys.platform != "linux":
        yield
        return
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen(64)
        write_callers(Path(folder), f"{folder}/socket")
        server = subprocess.Popen(
            [sys.executable, __file__, str(listener.fileno())], env=plain, stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()], start_new_session=True,
        )  # fmt: skip
        # Leaving closes its stdin.
        with server, patch.dict(os.environ, {FOLDER: folder}):
            yield


def write_callers(folder: Path, address: str) -> None:
    dvc = str(Path(sys.executable).with_name("dvc"))
    for name, before in {"python": [], "dvc": [dvc]}.items():
        caller = folder / name
        caller.write_text(CALLER.format(python=sys.executable, before=before, address=address))
        caller.chmod(0o700)


def serve(listener: socket.socket) -> list[str]:
    """Answer every call with the exit status of a fork. Returns the words of a call, in its fork alone."""
    callers: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready, _, _ = select.select([listener, 0, *callers], [], [])
        if 0 in ready:
            os._exit(0)
        for watched in set(ready) & set(callers):
            worker, caller = callers.pop(watched)
            _, status = os.waitpid(worker, 0)
            os.close(watched)
            with suppress(BrokenPipeError), caller:  # a caller that was killed
                caller.send(bytes([os.waitstatus_to_exitcode(status) % 256]))
        if listener in ready:
            for library in LIBRARIES:
                import_module(library)
            caller, _ = listener.accept()
            worker = os.fork()
            if not worker:
                return take(caller)
            callers[os.pidfd_open(worker)] = worker, caller


def take(caller: socket.socket) -> list[str]:
    """Put on the files, the folder and the environment of a call. Returns its words."""
    message, files, _, _ = socket.recv_fds(caller, LONGEST, 3)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    words, here, variables = json.loads(message)
    os.chdir(here)
    os.environ.clear()
    os.environ.update(variables)
    # What it starts by its own name for Python is a fork as well.
    sys.executable = str(Path(variables[FOLDER]) / "python")
    first = Path() if words[0].startswith("-") else Path(words[0]).parent
    sources = filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [str(Path(path).absolute()) for path in (first, *sources)]
    return words


def run(words: list[str]) -> int:
    """The exit status that a process of these words would have."""
    sys.argv = words
    try:
        match words:
            case ["-c", code, *rest]:
                sys.argv = ["-c", *rest]
                exec(code, {"__name__": "__main__"})
            case ["-m", module, *rest]:
                sys.argv = [module, *rest]
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case [script, *_]:
                runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    status = run(serve(socket.socket(fileno=int(sys.argv[1]))))
    for stream in (sys.stdout, sys.__stdout__):
        stream and stream.flush()
    # To take all libraries down in an orderly way would take two seconds.
    os._exit(status)
