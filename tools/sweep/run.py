"""Run a declared grid: `make sweep NAME=a7 JOBS=1`, or list all of them: `make sweep`.

In: sweeps.yaml, the files of parameters and DVC's experiments. Out: metrics/sweeps/<name>.csv and .md, and
plots/sweeps/<name>.png, written anew after each point. Points that have a result are kept, failed ones run
again. It may be ended at any time, the queue goes on, and be started again, in a clone too.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from joblib import cpu_count  # type: ignore[import-untyped]

from lineup.comparison.table import NOT_RUN
from lineup.config.files import Files, read_files
from lineup.config.params import check
from lineup.console import stage
from lineup.errors import LineupError
from lineup.files import write_text
from lineup.pictures import save_figure
from sweep import queue
from sweep.identity import identify, identify_queued, refuse_uncommitted
from sweep.picture import draw
from sweep.plan import Point, check_search, make_points, place
from sweep.results import (
    FINISHED,
    Result,
    Row,
    belongs,
    choose,
    find_results,
    format_csv,
    format_markdown,
    list_experiments,
    shorten,
)
from sweep.schema import SWEEPS, Search, Sweep, load_sweeps, pick_sweep
from sweep.search import Values, propose

METRICS, PLOTS = Path("metrics/sweeps"), Path("plots/sweeps")
POLL_SECONDS, SHARE = 2.0, 0.04  # between looks: two seconds, or more where they take more than 4 % of a core
# A worker needs some seconds to appear; a queue that has had none for so many looks gets new ones.
PATIENCE, STARTS = 5, 3


def main(name: str = "", jobs: str = "1") -> None:
    """Run what the sweep `name` lacks with `jobs` experiments at a time; without a name list all sweeps."""
    if not (jobs.isascii() and jobs.isdigit() and int(jobs)):
        raise LineupError("JOBS", repr(jobs), "a whole number of at least 1", "give one")
    files = read_files(Path("params.yaml"))
    check(files)
    if not name:
        list_sweeps(files)
        return
    sweep = pick_sweep(load_sweeps(), name)
    with queue.hold():
        if isinstance(sweep, Search):
            run_search(name, sweep, files, int(jobs))
        else:
            report(name, sweep, Running(name, sweep, make_points(name, sweep, files)).finish(int(jobs)))


def run_search(name: str, search: Search, files: Files, jobs: int) -> None:
    """Try points round by round until the search has all, or one of a round has failed, and report.

    Rounds that have their results write nothing: the table holds those of later rounds too.
    """
    check_search(name, search, files)
    tried: list[Values] = []
    told: list[tuple[Values, float]] = []
    while chosen := propose(search, told):
        tried += chosen
        points = place(f"{SWEEPS}: searches.{name}", "space", search.run, tried, files)
        sweep = search.list_tried(tried)
        rows = Running(name, sweep, points).finish(jobs)
        if not all(row.result for row in rows):
            break
        told = _recall(search.run, points, rows)
    report(name, sweep, rows)


def _recall(run: str, points: Sequence[Point], rows: Sequence[Row]) -> list[tuple[Values, float]]:
    """The values of each of `points` and what they gave: those that train the same are one of the `rows`.

    They may have other values: of a recipe that the run does not take at that point, say.
    """
    known = {row.identity: row.result.validation for row in rows if row.result}
    return [(dict(point.values), known[identify(point.files, run)]) for point in points]


def list_sweeps(files: Files) -> None:
    """Print every sweep: its points, and whether it waits; those that do not are checked.

    One whose run is not under runs is listed as such: the others can be run nevertheless.
    """
    sweeps = load_sweeps()
    listed: dict[str, Sweep | Search] = {**sweeps.sweeps, **sweeps.searches}
    for name, sweep in listed.items():
        there = sweep.run in files.data["runs"]
        said = describe(name, sweep, files) if there else f"cannot run: no run {sweep.run} under runs"
        print(f"{name:10} {said}")
    for name, sweep in sweeps.waiting.items():
        try:
            # Nothing more of it is checked: that its figure is wrong does not say that its run is not there.
            place(f"{SWEEPS}: waiting.{name}", "grid", sweep.run, sweep.list_combinations(), files)
        except LineupError:
            hint = f"run {sweep.run}, or what it starts from, is not there yet"
        else:
            hint = f"run {sweep.run} is there now: move the sweep up into sweeps"
        print(f"{name:10} waits: {hint}")


def describe(name: str, sweep: Sweep | Search, files: Files) -> str:
    """How many points a sweep has and what it varies. Raises LineupError if it does not fit `files`."""
    if isinstance(sweep, Search):
        check_search(name, sweep, files)
        points, how, labels = sweep.points, ", chosen one after another", shorten(sweep.space)
    else:
        points, how, labels = len(make_points(name, sweep, files)), "", shorten(sweep.grid)
    return f"{points:3} points of run {sweep.run}{how}: {', '.join(labels[key] for key in sweep.varied)}"


class Running:
    """The sweep `name` at work: its points, and what is known of each."""

    def __init__(self, name: str, sweep: Sweep, points: Sequence[Point]) -> None:
        refuse_uncommitted()
        self._name, self._sweep = name, sweep
        self._points = {identify(point.files, sweep.run): point for point in points}
        self._shown: dict[str, str] = {}

    def finish(self, jobs: int) -> list[Row]:
        """Queue what has no result, and wait for it."""
        queue.end_orphans()
        self._tell_others()
        self._add_missing()
        self._watch(jobs)
        return self._rows()

    def _tell_others(self) -> None:
        """Name what else is in the queue: workers take all of it, also when this sweep is done."""
        tasks = (task for task in queue.list_tasks() if task.status in queue.OPEN)
        others = [task.name for task in tasks if not belongs(task.name, self._name)]
        if others:
            print(f"in the queue, and run as well: {', '.join(others)} (dvc queue remove takes them out)")

    def _fit(self, jobs: int) -> int:
        """At most `jobs`, and no more than the cores have room for: crowded trainings stand nearly still."""
        threads = max(map(self._count_threads, self._points.values()))
        cores: int = cpu_count()
        if jobs * threads <= cores:
            return jobs
        fitting = max(1, cores // threads)
        print(f"{self._name}: {fitting} at a time, with {threads} threads each on {cores} cores")
        return fitting

    def _count_threads(self, point: Point) -> int:
        return point.params.recipes[point.params.runs[self._sweep.run].recipe].threads

    def _results(self) -> dict[str, Result]:
        return find_results(self._name, self._sweep, METRICS / f"{self._name}.csv")

    def _tasks(self) -> dict[str, queue.Task]:
        """This sweep's tasks in the queue by identity, the newest of each."""
        tasks = [task for task in queue.list_tasks() if belongs(task.name, self._name)]
        named = {identify_queued(task.revision, self._sweep.run): task for task in tasks}
        return {identity: task for identity, task in named.items() if identity in self._points}

    def _rows(self) -> list[Row]:
        results, tasks = self._results(), self._tasks()
        return list(self._make_rows(results, tasks))

    def _make_rows(self, results: Mapping[str, Result], tasks: Mapping[str, queue.Task]) -> Iterator[Row]:
        for identity, point in self._points.items():
            result, task = results.get(identity), tasks.get(identity)
            if result:
                yield Row(point, identity, FINISHED, result.experiment, result)
            elif task:
                yield Row(point, identity, task.status, task.name, None)
            else:
                yield Row(point, identity, NOT_RUN, "", None)

    def _add_missing(self) -> None:
        """Queue every point that has neither a result nor a place in the queue; say what has one."""
        tasks, rows = self._tasks(), self._rows()
        queue.remove(tasks[row.identity] for row in rows if row.status == "failed")
        taken = {*list_experiments(), *(task.name for task in queue.list_tasks())}
        for row in rows:
            if row.result or row.status in queue.OPEN:
                self._show(row.identity, row.experiment, row.status, row.result)
                continue
            name = next(name for name in self._names(row.point) if name not in taken)
            queue.add(name, row.point.overrides, f"evaluate@{self._sweep.run}")
            self._show(row.identity, name, "queued", None)

    def _names(self, point: Point) -> Iterator[str]:
        """Names for an experiment; the first may be taken by one with other code or parameters."""
        yield f"{self._name}-{point.number}"
        yield from (f"{self._name}-{point.number}-{again}" for again in count(2))

    def _watch(self, jobs: int) -> None:
        """Show what happens until nothing of this sweep is queued or running; keep workers at work."""
        looks, starts, known, used = PATIENCE, 0, self._results(), time.process_time()
        while self._is_open(tasks := self._tasks()):
            for identity, task in tasks.items():
                if task.status in queue.OPEN:
                    self._show(identity, task.name, _last_epoch(task) or task.status, None)
            known = self._write_new(known, tasks)
            looks = 0 if queue.count_workers() else looks + 1
            if looks > PATIENCE:
                if starts == STARTS:
                    raise LineupError(
                        "dvc queue", "its workers end at once", "workers that run", "see dvc queue status"
                    )
                queue.end_orphans()
                queue.start_workers(self._fit(jobs))
                looks, starts = 0, starts + 1
            before, used = used, time.process_time()
            time.sleep(max(POLL_SECONDS, (used - before) / SHARE))
        results = self._write_new(known, tasks)
        for identity, task in tasks.items():
            self._show(
                identity, task.name, FINISHED if identity in results else "failed", results.get(identity)
            )

    def _write_new(self, known: Mapping[str, Result], tasks: Mapping[str, queue.Task]) -> dict[str, Result]:
        """All results that there are now; written if they are more than those `known`."""
        results = self._results()
        if len(results) > len(known):
            write(self._name, self._sweep, list(self._make_rows(results, tasks)))
        return results

    @staticmethod
    def _is_open(tasks: Mapping[str, queue.Task]) -> bool:
        return any(task.status in queue.OPEN for task in tasks.values())

    def _show(self, identity: str, experiment: str, status: str, result: Result | None) -> None:
        """Print one line of a point, unless it is the one that was printed last."""
        point, labels = self._points[identity], shorten(self._sweep.grid)
        values = " ".join(f"{labels[key]}={point.values[key]}" for key in self._sweep.varied)
        figure = f"  {self._sweep.metric} {result.validation:.6g}" if result else ""
        line = f"{experiment}  {values}  {status}{figure}"
        if self._shown.get(identity) != line:
            self._shown[identity] = line
            print(line, flush=True)


def write(name: str, sweep: Sweep, rows: Sequence[Row]) -> None:
    """Write the table and the picture, in which what is queued or running has not run yet."""
    rows = [replace(row, status=NOT_RUN) if row.status in queue.OPEN else row for row in rows]
    write_text(METRICS / f"{name}.csv", format_csv(sweep, rows))
    write_text(METRICS / f"{name}.md", format_markdown(name, sweep, rows))
    save_figure(draw(name, sweep, rows), PLOTS / f"{name}.png")


def report(name: str, sweep: Sweep, rows: Sequence[Row]) -> None:
    """Write all, and print what was chosen. Raises LineupError for failed points."""
    write(name, sweep, rows)
    print(f"table: {METRICS / name}.csv and .md, picture: {PLOTS / name}.png")
    best = choose(sweep, rows)
    if best and best.result:
        values = " ".join(f"{key}={value}" for key, value in best.point.values.items())
        print(f"best: {best.experiment} ({sweep.metric} {best.result.validation:.6g}): {values}")
        if best.experiment in list_experiments():
            print(f"dvc exp apply {best.experiment}  # brings its parameters, weights and metrics here")
    failed = [row for row in rows if row.status != FINISHED]
    if failed:
        logs = ", ".join(f"dvc queue logs {row.experiment}" for row in failed[:3])
        raise LineupError(f"sweep {name}", f"{len(failed)} of {len(rows)} points failed",
                          "all to finish", f"see {logs}; run again to repeat them")  # fmt: skip


def _last_epoch(task: queue.Task) -> str:
    """The newest line on an epoch that a running experiment has printed; empty before the first."""
    if task.status != "running" or not task.log or not task.log.exists():
        return ""
    lines = task.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if "  epoch " in line), "")


if __name__ == "__main__":
    stage(main)
