"""What a sweep has found: experiments and the committed table in, the table and the best point out."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ask_git import ask_git
from lineup.environment import describe_machine
from lineup.errors import LineupError
from sweep.identity import identify_result_at
from sweep.plan import Point
from sweep.schema import SWEEPS, Sweep

FINISHED = "finished"


@dataclass(frozen=True)
class Result:
    """A finished point: the experiment, the figures (means over seeds), and the machine that trained it."""

    experiment: str
    validation: float
    test: float
    machine: str


@dataclass(frozen=True)
class Row:
    """A point of the table; result is None unless it is finished, experiment empty until it is queued."""

    point: Point
    identity: str
    status: str
    experiment: str
    result: Result | None


def list_experiments() -> dict[str, str]:
    """The commits of all finished experiments that this repository holds, by name, newest baseline last."""
    lines = ask_git("for-each-ref", "--format=%(refname) %(objectname)", "--sort=creatordate", "refs/exps")
    # refs/exps/<baseline, split like git's objects>/<name>; DVC keeps other things beside them.
    pattern = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(\S+) (\S+)")
    return {match[1]: match[2] for line in lines.splitlines() if (match := pattern.fullmatch(line))}


def belongs(experiment: str, sweep: str) -> bool:
    """Whether the experiment of that name is one of the sweep of that name."""
    return bool(re.fullmatch(rf"{sweep}-\d+(-\d+)?", experiment))


def find_results(name: str, sweep: Sweep, table: Path) -> dict[str, Result]:
    """The results that there are, by identity: from the committed table, and from experiments before it."""
    found = _read_table(sweep, table)
    for experiment, revision in list_experiments().items():
        identity = identify_result_at(revision, sweep.run) if belongs(experiment, name) else None
        if identity:
            found[identity] = _read_result(sweep, experiment, revision)
    return found


def choose(sweep: Sweep, rows: Sequence[Row]) -> Row | None:
    """The finished row that is best on validation, the first of equals; test is not looked at."""
    finished = [(row.result.validation, row) for row in rows if row.result]
    return max(finished, key=lambda pair: sweep.sign * pair[0], default=(None, None))[1]


def format_csv(sweep: Sweep, rows: Sequence[Row]) -> str:
    """All points in the order of the grid; the columns of the grid are keys of the parameters."""
    text, best = io.StringIO(), choose(sweep, rows)
    writer = csv.writer(text, lineterminator="\n")
    figures = [sweep.metric, sweep.test_metric]
    writer.writerow(
        ["point", "experiment", "status", *sweep.grid, "seeds", *figures, "best", "machine", "identity"]
    )
    for row in rows:
        result = row.result
        measured = [result.validation, result.test] if result else ["", ""]
        values = [json.dumps(row.point.values[key]) for key in sweep.grid]
        about = [row.point.number, row.experiment, row.status, *values, _seeds(sweep, row.point)]
        mark, machine = "yes" if row is best else "", result.machine if result else ""
        writer.writerow([*about, *measured, mark, machine, row.identity])
    return text.getvalue()


def format_markdown(name: str, sweep: Sweep, rows: Sequence[Row]) -> str:
    """A heading and the table, finished points first, the best of them on top."""
    order = sorted(
        rows, key=lambda row: (not row.result, -sweep.sign * row.result.validation if row.result else 0)
    )
    done, best = sum(bool(row.result) for row in rows), choose(sweep, rows)
    labels = [shorten(sweep.grid)[key] for key in sweep.varied]
    head = ["experiment", *labels, "seeds", sweep.metric, sweep.test_metric, "status"]
    lines = [
        f"# Sweep {name}: {done} of {len(rows)} points of run {sweep.run}",
        "",
        f"The best is the one with the {sweep.best}; the figure of test is shown, nothing is chosen by it. "
        f"Test was opened for {done} points.",
        "",
        f"| {' | '.join(head)} |",
        f"|---|{'---:|' * (len(head) - 2)}---|",
    ]
    for row in order:
        figures = [f"{row.result.validation:.6g}", f"{row.result.test:.6g}"] if row.result else ["", ""]
        values = [str(row.point.values[key]) for key in sweep.varied]
        mark = "**best**" if row is best else row.status
        cells = [row.experiment, *values, _seeds(sweep, row.point), *figures, mark]
        lines.append(f"| {' | '.join(cells)} |")
    if done:
        lines += ["", _list_machines(rows)]
    return "\n".join(lines) + "\n"


def shorten(keys: Collection[str]) -> dict[str, str]:
    """A label for each of the `keys` that are varied: its last part, or all of it where two end alike."""
    last = [key.rsplit(".", 1)[-1] for key in keys]
    return {key: end if last.count(end) == 1 else key for key, end in zip(keys, last, strict=True)}


def _list_machines(rows: Sequence[Row]) -> str:
    """The machines that trained the points, and how many each."""
    counts = Counter(row.result.machine for row in rows if row.result)
    return f"Trained on: {'; '.join(f'{machine} ({count})' for machine, count in sorted(counts.items()))}."


def _seeds(sweep: Sweep, point: Point) -> str:
    return " ".join(map(str, point.params.runs[sweep.run].seeds))


def _read_result(sweep: Sweep, experiment: str, revision: str) -> Result:
    path = f"metrics/detail/{sweep.run}.json"
    figures: Mapping[str, float] = json.loads(ask_git("show", f"{revision}:{path}"))["mean"]
    for metric in (sweep.metric, sweep.test_metric):
        if metric not in figures:
            known = ", ".join(figure for figure in figures if figure.startswith("val_"))
            raise LineupError(
                f"{path} of {experiment}", f"no {metric}", f"one of {known}", f"name it in {SWEEPS}"
            )
    training = json.loads(ask_git("show", f"{revision}:metrics/training/{sweep.run}.json"))
    machines = sorted({describe_machine(seed["environment"]) for seed in training["seeds"].values()})
    return Result(experiment, figures[sweep.metric], figures[sweep.test_metric], " and ".join(machines))


def _read_table(sweep: Sweep, path: Path) -> dict[str, Result]:
    """The finished points of a table that `format_csv` wrote; none if it chose by another figure."""
    if not path.exists():
        return {}
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    metrics = (sweep.metric, sweep.test_metric)
    try:
        return {
            row["identity"]: Result(
                row["experiment"], float(row[metrics[0]]), float(row[metrics[1]]), row["machine"]
            )
            for row in rows
            if row["status"] == FINISHED and all(metric in row for metric in metrics)
        }
    except (KeyError, TypeError, ValueError) as error:
        raise LineupError(
            str(path), f"unreadable ({error})", "the table of a sweep", f"git checkout {path}"
        ) from error
