"""What a reviewer is told of a change: figures and their significance, the gate, and the one comment."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from github_api import NUMBER, REPOSITORY, TOKEN, Discussion, discuss

from lineup.errors import LineupError
from lineup.evaluation.outcomes import Outcomes, write_outcomes
from lineup.files import write_text
from lineup.statistics.pairs import compare_pairs
from review.comment import PullRequest
from review.revisions import Measured
from review.run import DropError, main, shorten
from review.significance import compare, judge
from review.text import (
    MARK,
    MOST_CHARACTERS,
    format_change,
    format_drop,
    format_review,
    format_table,
    format_verdict,
)

PIPELINE = """
stages:
  evaluate:
    foreach: ${runs}
    do:
      cmd: "true"
      params: ["runs.${key}"]
      metrics: ["metrics/runs/${key}.json": {cache: false}]
"""


def measured(
    *shares: float, metric: str = "test_accuracy", images: int = 1000, luck: int = 0, ids: str = "same"
) -> Measured:
    """A run that is right about the first images, or has one error everywhere; luck turns so many round."""
    values = np.zeros((len(shares), images))
    for row, share in zip(values, shares, strict=True):
        row[:] = np.arange(images) < round(share * images) if metric == "test_accuracy" else share
        row[:luck] = 1 - row[:luck]
    seeds = {str(seed): {metric: float(row.mean())} for seed, row in enumerate(values)}
    return Measured({metric: float(values.mean())}, seeds, Outcomes(tuple(range(len(shares))), ids, values))


# --- significance -----------------------------------------------------------------------------------------


def test_the_interval_is_the_comparisons_own() -> None:
    old, new = measured(0.8, 0.82), measured(0.7, 0.71)
    assert old.outcomes
    assert new.outcomes
    (pair,) = compare_pairs({"new": new.outcomes.values, "old": old.outcomes.values})
    assert judge("run", old, new).interval == (pair.low, pair.high)
    assert pair.low < -0.105 < pair.high < 0


def test_other_runs_of_the_same_test_say_how_far_seeds_differ() -> None:
    old, new = measured(0.80, 0.81), measured(0.70, 0.71)
    others = {str(run): measured(0.6 + run / 100, 0.605 + run / 100) for run in range(9)}
    of_errors = {str(run): measured(0.6, 0.605, metric="test_mse") for run in range(9)}
    untested = {name: replace(other, outcomes=None) for name, other in others.items()}
    alone = judge("run", old, new)
    (among,) = compare({"run": old, **others}, {"run": new}).changes
    assert among.p is not None
    assert alone.p is not None
    assert among.p < alone.p / 10
    elsewhere = {str(run): measured(0.6, 0.605, ids="other") for run in range(9)}
    for apart in (of_errors, untested, elsewhere):
        (change,) = compare({"run": old, **apart}, {"run": new}).changes
        assert change.p == alone.p


CHANGES = {
    "a drop beyond the images": ((0.8,), (0.7,), 0, True, True),
    "a rise beyond the images": ((0.7,), (0.8,), 0, True, False),
    "a small drop, on the same images": ((0.8,), (0.78,), 0, True, True),
    "a small drop, with other images wrong": ((0.8,), (0.78,), 150, False, True),
    "a drop within the seeds": ((0.70, 0.80, 0.90), (0.60, 0.70, 0.81), 0, False, True),
    "a drop beyond both": ((0.80, 0.81, 0.82), (0.70, 0.71, 0.72), 0, True, True),
    "a large drop of two seeds": ((0.80, 0.805), (0.70, 0.705), 0, True, True),
}


@pytest.mark.parametrize(("before", "after", "luck", "beyond", "worse"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_real_if_images_and_seeds_say_so(
    before: tuple[float, ...], after: tuple[float, ...], luck: int, beyond: bool, worse: bool
) -> None:
    shares = [share + luck * 0.001 for share in after]  # what turning round so many takes away again
    change = judge("run", measured(*before), measured(*shares, luck=luck))
    assert (change.beyond, change.worse) == (beyond, worse)


@pytest.mark.parametrize(("lost", "beyond"), [(5, False), (6, True)])
def test_few_images_that_differ_prove_nothing(lost: int, beyond: bool) -> None:
    """The interval leaves out zero from four lost images on, McNemar's exact test from six on."""
    change = judge("run", measured(1.0, images=360), measured(1 - lost / 360, images=360))
    assert change.interval
    assert change.interval[1] < 0
    assert change.beyond is beyond
    assert format_change(change)[7] == (
        "**worse**, beyond it" if beyond else "not proven (p 0.062): few images differ"
    )


def test_among_many_changes_one_is_expected_by_chance() -> None:
    """Six images of 360 lost have p = 0.031; beside two changes that show nothing, three times that."""
    before, after = measured(1.0, images=360), measured(1 - 6 / 360, images=360)
    noise = measured(0.5, images=360), measured(0.5 + 1 / 360, images=360)
    (alone,) = compare({"net": before}, {"net": after}).changes
    found = compare(
        {"net": before, "one": noise[0], "two": noise[0]}, {"net": after, "one": noise[1], "two": noise[1]}
    )
    assert [format_change(change)[7] for change in (alone, *found.changes)] == [
        "**worse**, beyond it",
        "**worse**, beyond it; among so many perhaps chance (p 0.094)",
        "within it",
        "within it",
    ]
    assert found.drops == found.changes[:1], "the gate is each run's own"


def test_a_small_difference_does_not_look_like_none() -> None:
    change = judge("run", measured(0.00101, metric="test_mse"), measured(0.0010101, metric="test_mse"))
    assert change.beyond
    assert format_change(change)[4:6] == ("+1e-07", "+1e-07 to +1e-07")


def test_a_fall_of_one_training_is_called_that() -> None:
    assert "interval of this seed alone -0.4" in format_drop(judge("run", measured(0.9), measured(0.5)))[1]
    two = judge("run", measured(0.9, 0.9), measured(0.5, 0.5))
    assert "interval of images and seeds -0.4" in format_drop(two)[1]
    more = judge("run", measured(0.9), measured(0.5, 0.51, 0.52))
    assert "interval of images and seeds -" in format_drop(more)[1]


def test_more_error_is_worse() -> None:
    change = judge("run", measured(0.001, metric="test_mse"), measured(0.003, metric="test_mse"))
    assert change.worse
    assert change.beyond


def test_other_test_images_cannot_be_compared() -> None:
    for other in (measured(0.5, ids="other"), replace(measured(0.5), outcomes=None)):
        change = judge("run", other, measured(0.9))
        assert change.interval is None
        assert not change.beyond
        assert format_change(change)[5] == "none"


def test_a_fall_that_nothing_can_judge_is_named() -> None:
    before = {"run": replace(measured(0.9), outcomes=None), "other": replace(measured(0.1), outcomes=None)}
    found = compare(before, {"run": measured(0.5), "other": measured(0.5)})
    assert format_verdict(found) == (
        "No run became worse beyond its interval. **Worse, and whether by chance cannot be told: `run`.**"
    )


def test_runs_are_sorted_by_what_happened_to_them() -> None:
    before = {"same": measured(0.5), "gone": measured(0.9), "worse": measured(0.9), "late": None}
    after = {
        "same": measured(0.5), "worse": measured(0.5), "late": measured(0.1), "fresh": measured(0.1),
        "planned": None,
    }  # fmt: skip
    found = compare(before, after)
    assert [change.run for change in found.drops] == ["worse"]
    assert (found.unchanged, found.removed) == (["same"], ["gone"])
    assert (found.added, found.unmeasured) == (["late", "fresh"], ["planned"])


def test_a_run_of_another_task_is_a_new_one() -> None:
    found = compare({"run": measured(0.9)}, {"run": measured(0.9, metric="test_mse")})
    assert (found.added, found.changes) == (["run"], [])


# --- text -------------------------------------------------------------------------------------------------


def test_long_tables_are_cut_to_what_github_takes() -> None:
    table = "\n".join(["| a | b |", "|------|------|", *(f"| {row} | {'x' * 90} |" for row in range(2000))])
    found = compare({"a": measured(0.9)}, {"a": measured(0.5)})
    text = format_review(found, {"one": table, "two": table}, "x", report="https://example.org/report")
    assert MOST_CHARACTERS * 0.9 < len(text) <= MOST_CHARACTERS
    assert text.count("rows more: run the command.") == 2
    assert text.endswith("[The report](https://example.org/report)\n")


def test_the_ranking_is_folded_away_and_left_out_where_it_is_too_long() -> None:
    found = compare({"a": measured(0.9)}, {"a": measured(0.9)})
    text = format_review(found, {}, "x", ranking="| Rank | Run |\n")
    assert (
        "<details><summary>All runs, and the reports' claims</summary>\n\n| Rank | Run |\n\n</details>"
        in text
    )
    assert "details" not in format_review(found, {}, "x", ranking="x" * MOST_CHARACTERS)


def test_a_short_table_is_whole_and_not_padded() -> None:
    text = format_table("dvc", "| a    | b    |\n|------|------|\n| 1    | -    |", 1000)
    assert "| a | b |\n|---|---|\n| 1 | - |" in text
    assert "more" not in text
    assert format_table("dvc", "", 1000) == "`dvc`: no change."


# --- the comment ------------------------------------------------------------------------------------------


@pytest.fixture
def discussion(monkeypatch: pytest.MonkeyPatch) -> Iterator[Discussion]:
    with discuss() as opened:
        values = {"GITHUB_API_URL": opened.url, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": TOKEN}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        yield opened


def request(discussion: Discussion, token: str = TOKEN) -> PullRequest:
    return PullRequest(discussion.url, REPOSITORY, NUMBER, token)


def test_one_comment_is_posted_and_then_updated_wherever_it_stands(discussion: Discussion) -> None:
    for number in range(3):
        discussion.add(f"What about {number}?")
    address = request(discussion).comment(MARK, f"{MARK} first")
    for number in range(3):
        discussion.add(f"And {number}?")
    assert (
        request(discussion).comment(MARK, f"{MARK} second") == address == discussion.comments[3]["html_url"]
    )
    bodies = [comment["body"] for comment in discussion.comments]
    assert bodies[3] == f"{MARK} second"
    assert len(bodies) == 7
    # Two pages of four comments: it is on the second one, both times.
    assert discussion.requests == ["GET", "GET", "POST", "GET", "GET", "PATCH"]


def test_a_persons_comment_with_our_mark_is_left_alone(discussion: Discussion) -> None:
    discussion.add(f"{MARK} forged")
    request(discussion).comment(MARK, f"{MARK} ours")
    assert [comment["body"] for comment in discussion.comments] == [f"{MARK} forged", f"{MARK} ours"]


def test_a_refused_token_is_said_and_not_shown(discussion: Discussion) -> None:
    with pytest.raises(LineupError, match=r"GET failed \(403 .*expected a token that may write") as caught:
        request(discussion, "wrong").comment(MARK, MARK)
    assert "wrong" not in str(caught.value)


# --- the command, on a repository -------------------------------------------------------------------------


def write(shares: Mapping[str, float]) -> None:
    Path("params.yaml").write_text("runs:\n" + "".join(f"  {run}: {{seeds: [0]}}\n" for run in shares))
    for run, share in shares.items():
        seen = measured(share)
        for kind, content in (
            ("runs", seen.figures),
            ("detail", {"seeds": seen.seeds}),
        ):
            path = Path(f"metrics/{kind}/{run}.json")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
        assert seen.outcomes
        right = torch.from_numpy(seen.outcomes.values == 1)
        write_outcomes([0], seen.outcomes.ids, right, Path(f"metrics/outcomes/{run}.safetensors"))


def git(*words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *identity, *words], check=True, capture_output=True)


def commit(shares: Mapping[str, float]) -> None:
    write(shares)
    git("add", "--all")
    git("commit", "--quiet", "--message", "Results")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch `work` at a commit of `main`, which has gone on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    git("init", "--quiet", "--initial-branch=main")
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    analytics = false\n")
    Path(".gitignore").write_text("/site\n/.dvc/tmp\n/.dvc/cache\n")
    Path("dvc.yaml").write_text(PIPELINE)
    commit({"net": 0.8, "kept": 0.6, "gone": 0.9})
    git("checkout", "--quiet", "-b", "work")
    git("checkout", "--quiet", "main")
    commit({"net": 0.95, "kept": 0.95, "gone": 0.9})
    git("checkout", "--quiet", "work")


@pytest.mark.usefixtures("repository")
def test_a_drop_fails_after_all_is_told(discussion: Discussion, capsys: pytest.CaptureFixture[str]) -> None:
    write({"net": 0.7, "kept": 0.6, "fresh": 0.5})
    Path("metrics/comparison.md").write_text("### The ranking")
    with pytest.raises(DropError) as caught:
        main("--since", "main", "--checks", "success", "--report", "https://x", "--post", str(NUMBER))
    assert str(caught.value).splitlines() == [
        "net: test accuracy 0.8000 -> 0.7000 (-0.1000, interval of this seed alone -0.1186 to -0.0814); "
        "expected no drop beyond its interval; fix: find the cause, or say in the pull request why it is "
        "right and merge past this check"
    ]
    text = capsys.readouterr().out
    assert [comment["body"] for comment in discussion.comments] == [text]
    for expected in (
        "**Worse beyond the interval: `net`.**",
        "New: `fresh`. Removed: `gone`. Unchanged: 1.",
        "freshness: **success**",
        "| metrics/runs/net.json | test_accuracy |",
        "| params.yaml | runs.fresh.seeds |",
        "### The ranking",
        "[The report](https://x)",
    ):
        assert expected in text
    assert "0.95" not in text, "what main did meanwhile is not this branch's change"


@pytest.mark.usefixtures("repository")
def test_runs_and_parameters_are_those_of_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    """The earlier commit has params.yaml alone."""
    write({"net": 0.8, "kept": 0.6, "fresh": 0.5})
    lines = Path("params.yaml").read_text().splitlines()
    Path("params.yaml").write_text("\n".join(line for line in lines if "fresh" not in line) + "\n")
    Path("reports").mkdir()
    Path("reports/x.yaml").write_text("runs:\n  fresh: {seeds: [3]}\nrecipes:\n  fresh: {lr: 0.125}\n")
    Path("dvc.yaml").write_text("vars: [reports/x.yaml]\n" + PIPELINE)
    main("--since", "main")
    text = capsys.readouterr().out
    assert "New: `fresh`. Removed: `gone`. Unchanged: 2." in text
    assert "recipes.fresh.lr | - | 0.125 |" in text


@pytest.mark.usefixtures("repository")
def test_at_a_terminal_what_would_be_folded_away_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"net": 0.9, "kept": 0.6, "gone": 0.9})
    write_text(Path("plots/report.html"), "<nav></nav>")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for words, rest in (
        ((), "add PAGE=review.html to this command, for a browser"),
        (("--page", "review.html"), "in review.html, for a browser"),
    ):
        main("--since", "main", *words)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("## What changed since")
        assert "No run became worse beyond its interval." in lines
        assert "<" not in "".join(lines)
        assert lines[-2:] == ["", f"The rest (DVC's tables, the ranking): {rest}"]
    assert "<details>" in Path("review.html").read_text()
    assert shorten(f"{MARK}\n\nAll of it.\n", None) == "All of it.\n"


@pytest.mark.usefixtures("repository")
def test_without_a_change_it_says_so_and_posts_nothing(
    discussion: Discussion, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What DVC prints when nothing has changed.
    monkeypatch.setattr("review.run.diff", lambda *_: "| Path | Metric |\n|--------|----------|")
    main("--since", "main")
    text = capsys.readouterr().out
    assert "No run became worse beyond its interval.\n\nUnchanged: 3." in text
    assert text.count("no change.") == 2
    assert discussion.requests == []


@pytest.mark.usefixtures("repository")
def test_the_report_gets_a_section_with_the_review(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("review.run.diff", lambda *_: "| Path | Metric |\n|---|---|\n| a | b |")
    with pytest.raises(LineupError, match=r"^plots/report\.html: missing; .* `dvc repro compare`$"):
        main("--since", "main", "--page", "review.html")
    write_text(Path("plots/report.html"), '<body><h1>x</h1><nav><a href="#claims">Claims</a></nav></body>')
    main("--since", "main", "--page", "review.html")
    page = Path("review.html").read_text()
    assert '<nav><a href="#changes">What changed</a><a href="#claims">Claims</a></nav>\n' in page
    assert re.search(r'<h2 id="changes">What changed since <code>\w+</code>', page)
    assert '<div class="wide"><table>' in page
    assert page.index("<details>") < page.index("<td>b</td>") < page.index("</details>")


@pytest.mark.usefixtures("repository")
def test_results_with_a_conflict_in_them_are_one_line() -> None:
    write_text(Path("metrics/runs/net.json"), "<<<<<<< HEAD\n")
    message = r"^the working tree: metrics of net: not readable \(.*; fix: run `dvc repro evaluate@net`$"
    with pytest.raises(LineupError, match=message):
        main("--since", "main")


@pytest.mark.usefixtures("repository")
def test_what_cannot_be_compared_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LineupError, match=r"^SINCE=nowhere: no common commit; .* git fetch --unshallow$"):
        main("--since", "nowhere")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    with pytest.raises(LineupError, match=r"^GITHUB_[A-Z_]+: not set; "):
        main("--since", "main", "--post", "1")
