import json
import shutil
import subprocess
from pathlib import Path

import forks
import pytest
from pipeline import ROOT, TINY, Pipeline

from lineup.config.params import check, parse

ENTRY = (
    "{row: null, view: digits, weights: random, task: classification, family: mlp, model: m, augment: none,"
    " recipe: r, seeds: [0], tta: none}"
)
HEAD = """# A comment at the top.
runtime: {device: auto,   channels_last: true}
datasets: {digits: {source: digits, needs: data/params.valid}}
views: {digits: {dataset: digits, color: gray, size: 8, validation: 0.2, split_seed: 0, normalize: unit}}
weights: {random: {source: none, needs: data/params.valid}}
waiting_weights: {}
models: {mlp: {m: {layers: [], dropout: 0.0}}}
augments:
  none: {flip: none, crop: 0, rotate: 0, shift: [0, 0], fill: zeros, cutout: 0, jitter: [0, 0, 0, 0]}
recipes:
  r: {epochs: 1, batch_size: 8, optimizer: sgd, lr: 1e-1, momentum: 0, weight_decay: 0, phases: {},
      schedule: {name: constant}, smoothing: 0, ema: 0, patience: 0, keep: last,
      precision: fp32, threads: 2, trainable: all}
"""
BLOCK = """  c:  # in block style
    row: null
    view: digits

    # a comment within
    weights: random
    task: classification
    family: mlp
    model: m
    augment: none
    recipe: r
    seeds: [0, 1]
    tta: none
"""


def start(folder: Path, text: str, *names: str) -> subprocess.CompletedProcess[str]:
    (folder / "params.yaml").write_bytes(text.encode())
    return subprocess.run(
        ["python", ROOT / "tools/start.py", *names],
        cwd=folder,
        env={**forks.environment(), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def after(folder: Path) -> str:
    return (folder / "params.yaml").read_bytes().decode()


MOVES = {
    "one of two": (
        ("a",),
        f"\nruns:\n  x: {ENTRY}  # kept\n\n# Soon.\nwaiting:\n  # all\n  a: {ENTRY}  # fast\n  b: {ENTRY}\n",
        f"\nruns:\n  x: {ENTRY}  # kept\n  a: {ENTRY}  # fast\n\n# Soon.\nwaiting:\n  # all\n  b: {ENTRY}\n",
    ),
    "the last": (
        ("a",),
        f"runs:\n  x: {ENTRY}\nwaiting: # later\n  a: {ENTRY}\n",
        f"runs:\n  x: {ENTRY}\n  a: {ENTRY}\nwaiting: {{}} # later\n",
    ),
    "into empty runs": (
        ("a",),
        f"runs: {{}}  # none\nwaiting:\n  a: {ENTRY}\n  ab: {ENTRY}\n",
        f"runs:  # none\n  a: {ENTRY}\nwaiting:\n  ab: {ENTRY}\n",
    ),
    "waiting stands first": (
        ("a",),
        f"waiting:\n  ab: {ENTRY}\n  a: {ENTRY}\n\nruns:\n  x: {ENTRY}\n",
        f"waiting:\n  ab: {ENTRY}\n\nruns:\n  x: {ENTRY}\n  a: {ENTRY}\n",
    ),
    "no line end at the end": (
        ("a",),
        f"runs:\n  x: {ENTRY}\nwaiting:\n  b: {ENTRY}\n  a: {ENTRY}",
        f"runs:\n  x: {ENTRY}\n  a: {ENTRY}\nwaiting:\n  b: {ENTRY}\n",
    ),
    "several": (
        ("b", "a"),
        f"runs:\n  x: {ENTRY}\nwaiting:\n  a: {ENTRY}\n  b: {ENTRY}\n",
        f"runs:\n  x: {ENTRY}\n  b: {ENTRY}\n  a: {ENTRY}\nwaiting: {{}}\n",
    ),
    "block style": (
        ("c",),
        f"runs:\n  x: {ENTRY}\nwaiting:\n{BLOCK}\n  # about b\n  b: {ENTRY}\n",
        f"runs:\n  x: {ENTRY}\n{BLOCK}waiting:\n\n  # about b\n  b: {ENTRY}\n",
    ),
}


@pytest.mark.parametrize(("names", "text", "expected"), MOVES.values(), ids=MOVES.keys())
def test_an_entry_moves_and_nothing_else(
    tmp_path: Path, names: tuple[str, ...], text: str, expected: str
) -> None:
    result = start(tmp_path, HEAD + text, *names)
    assert result.returncode == 0, result.stderr
    assert after(tmp_path) == HEAD + expected
    check(parse(after(tmp_path), Path("params.yaml")), Path("params.yaml"))


def test_windows_line_ends_are_kept(tmp_path: Path) -> None:
    _, text, expected = MOVES["one of two"]
    assert start(tmp_path, (HEAD + text).replace("\n", "\r\n"), "a").returncode == 0
    assert after(tmp_path) == (HEAD + expected).replace("\n", "\r\n")


def test_the_next_commands_are_printed_with_each_view_and_weights_once(tmp_path: Path) -> None:
    result = start(tmp_path, HEAD + f"runs: {{}}\nwaiting:\n  a: {ENTRY}\n  b: {ENTRY}\n", "a", "b")
    assert result.stdout == "dvc repro preprocess@digits weights@random\ndvc repro --allow-missing\n"


def test_the_next_commands_train_the_moved_run_alone_in_a_fresh_clone(pipeline: Pipeline) -> None:
    for folder in ("data", "models", ".dvc/cache"):
        shutil.rmtree(pipeline.path(folder))
    first, second = start(pipeline.folder, TINY.read_text(), "tuned").stdout.splitlines()
    # What it starts from is of a run that is done, but whose models nobody has kept.
    assert first == "dvc repro preprocess@digits weights@handed"
    done = pipeline.repro(*first.split()[2:])
    assert [stage for stage in done if stage.startswith(("train", "evaluate"))] == ["train@dense"]
    record = json.loads(pipeline.path("data/weights/handed.json").read_text())
    assert record["origin"] == {"run": "dense", "seed": 0}
    assert pipeline.repro(*second.split()[2:]) == ["train@tuned", "evaluate@tuned", "compare"]


REFUSED = {
    "unknown": (f"runs: {{}}\nwaiting:\n  small: {ENTRY}\n", ("smal",), "fix: did you mean small?"),
    "one of several": (f"runs: {{}}\nwaiting:\n  a: {ENTRY}\n", ("a", "zz"), "waiting.zz: not there"),
    "running": (f"runs:\n  a: {ENTRY}\nwaiting: {{}}\n", ("a",), "waiting.a: not there"),
    "flow style": (f"runs: {{}}\nwaiting: {{a: {ENTRY}}}\n", ("a",), "a cannot be moved safely"),
    "flow runs": (f"runs: {{x: {ENTRY}}}\nwaiting:\n  a: {ENTRY}\n", ("a",), "a cannot be moved safely"),
    "other indent": (f"runs:\n    x: {ENTRY}\nwaiting:\n  a: {ENTRY}\n", ("a",), "a cannot be moved safely"),
    "invalid": (f"runs: {{}}\nwaiting:\n  a: {ENTRY.replace('[0]', '[]')}\n", ("a",), "waiting.a.seeds"),
}


@pytest.mark.parametrize(("text", "names", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_moved_leaves_the_file_alone(
    tmp_path: Path, text: str, names: tuple[str, ...], message: str
) -> None:
    result = start(tmp_path, HEAD + text, *names)
    assert result.returncode == 1
    assert result.stderr.startswith("error: params.yaml")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert after(tmp_path) == HEAD + text
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize(
    ("waiting", "fix"),
    [
        ("abc", "make start RUN=name (a, b, c)"),
        ("abcd", "make start RUN=name (a, b, c, ...)"),
        ("", "declare one under waiting"),
    ],
)
def test_without_a_name_some_are_told(tmp_path: Path, waiting: str, fix: str) -> None:
    entries = "".join(f"\n  {name}: {ENTRY}" for name in waiting) or " {}"
    result = start(tmp_path, f"{HEAD}runs: {{}}\nwaiting:{entries}\n")
    expected = f"error: RUN: empty; expected the name of a waiting run; fix: {fix}\n"
    assert (result.returncode, result.stderr) == (1, expected)


def test_what_a_run_starts_from_comes_along(tmp_path: Path) -> None:
    from_source = ENTRY.replace("weights: random", "weights: handed")
    entry = "{source: run, needs: models/source, seed: 0}"
    text = HEAD.replace("waiting_weights: {}", f"waiting_weights:\n  handed: {entry}  # theirs")
    text = text.replace("weights: {random: {source: none, needs: data/params.valid}}", WEIGHTS)
    waiting = f"waiting:\n  tuned: {from_source}\n  source: {ENTRY}\n"
    done = start(tmp_path, f"{text}runs:\n  x: {ENTRY}\n{waiting}", "tuned")
    assert (done.returncode, done.stderr) == (0, "")
    # Theirs come after the training of `source`.
    assert done.stdout == "dvc repro preprocess@digits weights@random\ndvc repro --allow-missing\n"
    moved = parse(after(tmp_path), Path("params.yaml"))
    assert list(moved["runs"]) == ["x", "source", "tuned"]
    assert (list(moved["weights"]), moved["waiting_weights"]) == (["random", "handed"], {})
    assert f"  handed: {entry}  # theirs\n" in after(tmp_path)


WEIGHTS = "weights:\n  random: {source: none, needs: data/params.valid}"
