import subprocess
import sys
from pathlib import Path

import forks
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are of Linux")


def call(folder: Path, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(script)
    return subprocess.run(
        ["python", "script.py", *words], cwd=folder, env={**forks.environment(), **variables},
        input="said\n", capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_fork_looks_like_a_new_process(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/beside.py").write_text("NAME = 'beside'")
    script = """
import beside, os, sys
print(__name__, sys.argv, os.getcwd(), os.environ["WORD"], beside.NAME, input())
"""
    done = call(tmp_path, script, "one", "two", WORD="three", PYTHONPATH="src")
    assert done.stdout == f"__main__ ['script.py', 'one', 'two'] {tmp_path} three beside said\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_libraries_are_loaded_and_nothing_of_lineup_is(tmp_path: Path) -> None:
    done = call(tmp_path, "import sys; print([name in sys.modules for name in ('torch', 'dvc', 'lineup')])")
    assert done.stdout == "[True, True, False]\n"


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('error: no')", 1, "error: no\n"),
        ("os.kill(os.getpid(), 9)", 247, ""),
    ],
)
def test_it_ends_like_one(tmp_path: Path, end: str, status: int, said: str) -> None:
    done = call(tmp_path, f"import os, sys; print('out'); sys.stdout.flush(); {end}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "out\n", said)


def test_a_mistake_keeps_its_traceback(tmp_path: Path) -> None:
    done = call(tmp_path, "1 / 0")
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_killed_caller_leaves_the_others_served(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("print('begun', flush=True); input()")
    with subprocess.Popen(
        ["python", "script.py"], cwd=tmp_path, env=forks.environment(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) as caller:  # fmt: skip
        assert caller.stdout
        assert caller.stdout.readline() == "begun\n"
        caller.kill()
    assert call(tmp_path, "print('served')").stdout == "served\n"


FORKED = "import sys; print('torch' in sys.modules, sys.argv[1:])"


@pytest.mark.parametrize(
    ("words", "forked"), [(["-c", FORKED], True), (["-m", "named"], True), (["-I", "-c", FORKED], False)]
)
def test_code_and_modules_are_forks_too_and_what_has_options_is_not(
    tmp_path: Path, words: list[str], forked: bool
) -> None:
    (tmp_path / "named.py").write_text(FORKED)
    done = subprocess.run(
        ["python", *words, "word"], cwd=tmp_path, env=forks.environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (f"{forked} ['word']\n", "")


def test_what_a_fork_starts_is_a_fork(tmp_path: Path) -> None:
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {FORKED!r}])"
    assert call(tmp_path, script).stdout == "True []\n"
