"""Run stages on nothing but the data and the code that DVC knows of.

`python record_reads.py WORKSPACE SANDBOXES` with {stage: {"words", "code", "files", "deps", "needs"}} as JSON
on stdin: the words of its call, and what it is given of the workspace. All other modules are there as names
alone, enough for types. If `needs` is true, it is also tried without each of `deps`. Prints JSON: {stage:
{"loaded": [modules of lineup], "spare": [deps without which it succeeds]}}. Each stage has its own process.
"""

import json
import os
import runpy
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

# A module in which every name is an empty class.
STUB = "def __getattr__(name):\n    return type(name, (), {})\n"


def main(workspace: Path, sandboxes: Path) -> None:
    stages = json.load(sys.stdin)
    sandboxes.mkdir()
    for name, stage in stages.items():
        fork = os.fork()
        if not fork:
            try:
                found = record(workspace, sandboxes / name, name.partition("@")[0], stage)
                (sandboxes / f"{name}.json").write_text(json.dumps(found))
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(0)
        os.waitpid(fork, 0)
    found = {name: json.loads((sandboxes / f"{name}.json").read_text()) for name in stages}
    print(json.dumps(found), file=sys.__stdout__)


def record(workspace: Path, sandbox: Path, kind: str, stage: dict[str, Any]) -> dict[str, list[str]]:
    copy(workspace, sandbox, [*stage["code"], *stage["files"], *stage["deps"]])
    for path in (workspace / "src").rglob("*.py"):
        target = sandbox / path.relative_to(workspace)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(STUB)
    os.chdir(sandbox)
    sys.path.insert(0, str(sandbox / "src"))
    run = runpy.run_path(f"stages/{kind}.py")["main"]
    run(*stage["words"])
    deps = stage["deps"] if stage["needs"] else []
    return {
        "loaded": sorted(name for name in sys.modules if name.split(".")[0] == "lineup"),
        "spare": [dep for dep in deps if succeeds_without(dep, run, stage["words"])],
    }


def succeeds_without(dep: str, run: Any, words: list[str]) -> bool:
    Path(dep).rename("away")
    try:
        run(*words)
    except Exception:
        return False
    else:
        return True
    finally:
        Path("away").rename(dep)


def copy(workspace: Path, sandbox: Path, names: list[str]) -> None:
    for name in names:
        (sandbox / name).parent.mkdir(parents=True, exist_ok=True)
        place = shutil.copytree if (workspace / name).is_dir() else shutil.copyfile
        place(workspace / name, sandbox / name)


if __name__ == "__main__":
    # What stages print goes to stderr: stdout is for the findings.
    sys.stdout = sys.stderr
    main(Path(sys.argv[1]), Path(sys.argv[2]))
